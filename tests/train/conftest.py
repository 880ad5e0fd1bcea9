"""A tiny encoder on disk, as any Hugging Face encoder would be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from framing.model.encoding import SentenceEncoder
from tests.train.tiny_runs import CODEBOOK, marked_rows

#: Every word that these tests train on.
WORDS = frozenset(  # a list of this length would be a page
    "the a of to in and said he it is was by on rebels militants terrorists heroes army government forces town city "
    "liberated retook seized fled civilians killed massacre butchers criminals may reportedly so called them ministry "
    "witnesses officials rain market price won over we will return came at night up down short one that good deal "
    "longer word well yes no".split()
)


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> Iterator[None]:
    """The products of tiny models are no work for several threads, and waiting for them is, where cores are shared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights and its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters[:36])]
    vocabulary += sorted(WORDS - set(vocabulary))
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder(tiny_base: Path) -> SentenceEncoder:
    return SentenceEncoder.from_file(tiny_base / "tokenizer.json", max_length=128, overlap=32)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "codebook.yaml").write_text(yaml.safe_dump(CODEBOOK))
    (tmp_path / "train.tsv").write_text("\n".join(marked_rows()) + "\n")
    return tmp_path
