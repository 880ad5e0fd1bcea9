"""The graph of every family of encoders gives what transformers' own code gives."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoConfig, AutoModel
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from framing.codebook import Codebook
from framing.engine import Batch, open_engine
from framing.engine.batching import compute_logits
from framing.model import onnx_graph, rows8
from framing.model.checkpoint import Checkpoint, usable_positions
from framing.model.configuration import FramingConfig
from framing.model.network import FramingModel
from tests.conftest import write_tiny_checkpoint

TYPES = [model_type for family in onnx_graph.FAMILIES for model_type in family.model_types]


@pytest.fixture(
    scope="module",
    params=[TYPES[0], *(pytest.param(model_type, marks=pytest.mark.slow) for model_type in TYPES[1:])],
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp(request.param), model_type=request.param)


@pytest.fixture(scope="module", params=["half", pytest.param("int8 rows", marks=pytest.mark.slow)])
def either(folder: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "half":
        return folder
    target = tmp_path_factory.mktemp("eight") / "checkpoint"
    rows8.convert(folder, target)
    return target


def padded(rows: int, length: int) -> Batch:
    random = np.random.default_rng(rows * 100 + length)
    mask = (np.arange(length) < random.integers(1, length + 1, size=(rows, 1))).astype(np.int64)
    mask[0] = 1
    return Batch(random.integers(4, 100, size=mask.shape) * mask, mask, mask * random.integers(0, 2, mask.shape))


@pytest.mark.parametrize("engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_logits_are_those_of_transformers_whatever_the_padding(either: Path, engine: str) -> None:
    """The model reads each row alone and unpadded; in eager attention, which is the published formula."""
    if engine == "openvino":
        pytest.importorskip("openvino", reason="the extra framing[openvino] is not installed")
    model = FramingModel.from_pretrained(either, attn_implementation="eager").eval()
    with open_engine(Checkpoint.load(either), engine=engine, threads=1) as opened:
        for batch in (padded(1, 2), padded(3, 7), padded(5, 32), padded(2, 60)):
            found = opened.run(batch)
            for row, length in enumerate(batch.attention_mask.sum(axis=1)):
                arrays = (batch.input_ids, batch.attention_mask, batch.quotation)
                with torch.inference_mode():
                    wanted = model(*(torch.from_numpy(array[row : row + 1, :length]) for array in arrays))
                np.testing.assert_allclose(found.tokens[row, :length], wanted.tokens[0].numpy(), atol=1e-4)
                np.testing.assert_allclose(found.sentences[row], wanted.sentences[0].numpy(), atol=1e-4)


def test_windows_of_long_sentences(folder: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    encoded = checkpoint.sentence_encoder().encode(["rebels fled the rain " * 30, "Massacre.", ""])
    assert len(encoded.windows()) > 4
    with (
        open_engine(checkpoint, engine="onnx", threads=1) as graph,
        open_engine(checkpoint, engine="torch", device="cpu") as network,
    ):
        found, wanted = compute_logits(graph, encoded), compute_logits(network, encoded)
    np.testing.assert_allclose(found.tokens, wanted.tokens, atol=1e-4)
    np.testing.assert_allclose(found.sentences, wanted.sentences, atol=1e-4)


def test_tokens_farther_apart_than_the_last_bucket_and_up_to_the_last_position(tmp_path: Path) -> None:
    codebook = Codebook.default()
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    encoder = AutoConfig.for_model("mpnet", vocab_size=99, max_position_embeddings=302, **sizes)
    torch.manual_seed(0)
    model = FramingModel.from_encoder(
        AutoModel.from_config(encoder), FramingConfig(encoder=encoder, heads=codebook.heads)
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(tmp_path, half_precision=False)
    onnx_graph.write(tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert usable_positions(encoder.to_dict()) == 300
    ids = torch.randint(2, 99, (1, 300))
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    with torch.inference_mode():
        wanted = model(*inputs).tokens.numpy()
    feed = dict(zip(onnx_graph.INPUTS, (tensor.numpy() for tensor in inputs), strict=True))
    np.testing.assert_allclose(session.run(None, feed)[0], wanted, atol=1e-4)


def test_buckets_are_those_of_transformers() -> None:
    distances = torch.arange(-600, 601)
    wanted = MPNetEncoder.relative_position_bucket(distances, num_buckets=onnx_graph.BUCKETS).tolist()
    assert [onnx_graph.bucket_of(distance) for distance in distances.tolist()] == wanted


@pytest.mark.parametrize(
    "encoder",
    [
        {"model_type": "electra"},
        {"model_type": "mpnet", "hidden_act": "relu"},
        {"model_type": "bert", "position_embedding_type": "relative_key"},
        {"model_type": "bert", "is_decoder": True},
    ],
)
def test_what_has_no_graph(encoder: dict[str, object]) -> None:
    assert not onnx_graph.supports({"encoder": encoder})
