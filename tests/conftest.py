"""A tiny checkpoint: BERT of two layers with random weights, with heads loud enough to mark something everywhere."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from framing.codebook import Codebook
from framing.engine.onnx import OnnxEngine
from framing.labeler import Labeler
from framing.model.calibration import Calibration
from framing.model.checkpoint import CALIBRATION, CODEBOOK, Checkpoint, write_sums

# In CI a property is tried on the same examples each time, so that a change fails by what it changed.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from passing over all that was imported, which stays, again and again."""
    gc.collect()
    gc.freeze()


# fmt: off
WORDS = [
    "the", "a", "of", "to", "in", "and", "said", "he", "rebels", "militants", "terrorists", "heroes", "army",
    "government", "forces", "town", "city", "liberated", "retook", "fled", "civilians", "massacre", "may", "reportedly",
    "so", "called", "ministry", "witnesses", "officials", "rain", "market",
]
# fmt: on


def write_tiny_checkpoint(
    folder: Path,
    *,
    codebook: Codebook | None = None,
    window_length: int = 32,
    seed: int = 0,
    model_type: str = "bert",
) -> Path:
    """Write a complete checkpoint folder with random weights, its ONNX graph where the encoder has one.

    Args:
        folder: where to.
        codebook: declares the heads; the built-in one when ``None``.
        window_length, seed, model_type: of the model.
    """
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel

    from framing.model import onnx_graph
    from framing.model.configuration import FramingConfig
    from framing.model.network import FramingModel

    folder.mkdir(parents=True, exist_ok=True)
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{c}" for c in letters[:36]), *WORDS]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))

    torch.manual_seed(seed)
    codebook = codebook or Codebook.default()
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    encoder = AutoConfig.for_model(model_type, vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)
    config = FramingConfig(
        encoder=encoder,
        heads=codebook.heads,
        window_length=window_length,
        codebook_fingerprint=codebook.fingerprint,
    )
    model = FramingModel.from_encoder(AutoModel.from_config(encoder), config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        model.quotation_embeddings.weight.normal_(std=0.5)
        for head in model.heads:
            model.layer(head).weight.normal_(std=0.4)
            if (head.scope, head.activation) == ("token", "sigmoid"):
                model.layer(head).bias.fill_(-2.0)
    model.save_pretrained(folder)
    (folder / CODEBOOK).write_text(codebook.to_yaml(), encoding="utf-8")
    Calibration.identity(codebook.heads).save(folder / CALIBRATION)
    onnx_graph.write(folder)
    write_sums(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_folder: Path) -> Checkpoint:
    return Checkpoint.load(tiny_folder)


@pytest.fixture(scope="session")
def tiny_labeler(tiny_checkpoint: Checkpoint) -> Labeler:
    return Labeler(tiny_checkpoint, OnnxEngine(tiny_checkpoint, threads=2))
