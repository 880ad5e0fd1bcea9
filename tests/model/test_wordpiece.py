"""The short way of tokenizing gives what Hugging Face's tokenizer gives, to the last offset."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from framing.codebook import Codebook
from framing.markup import read_rows
from framing.model import wordpiece
from framing.model.wordpiece import FEWEST, LONGEST_WORD, WordPiece
from framing.text.characters import model_view

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "framing-minilm-l6" / "tokenizer.json"

PARTS = st.one_of(
    st.sampled_from("abcXYZ019 .,;:-'\"()[]$%^`~|_\t\n\r"),
    st.sampled_from(["rebels ", "The ", "Army", "##s", "[SEP]", "[sep]", "[CLS]", "[MASK", "x" * 101, "é" * 60]),
    st.sampled_from("\x00\x01\x0b\x0c\x1c\x7f\x85\xa0\xad\u200b\u2028\u3000\ufeff\ufffd"),
    st.sampled_from("éÉßİıŁñ½ﬁΣς–—…€°·\u0301\u0308漢字한글اللغةहिन्दी🔥👩‍👩‍👧🇸🇾"),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.lists(st.lists(PARTS, max_size=30).map("".join), max_size=4)


def bert(**options: bool) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    return tokenizer


TOKENIZERS: dict[str, Callable[[Path], Tokenizer]] = {
    "shipped": lambda folder: Tokenizer.from_file(str(SHIPPED)),
    "tiny": lambda folder: Tokenizer.from_file(str(folder / "tokenizer.json")),
    "cased": lambda folder: bert(lowercase=False),
    "raw": lambda folder: bert(lowercase=False, clean_text=False, handle_chinese_chars=False),
    "accents": lambda folder: bert(lowercase=True, strip_accents=False),
}


@pytest.fixture(scope="module", params=list(TOKENIZERS))
def tokenizer(request: pytest.FixtureRequest, tiny_folder: Path) -> Tokenizer:
    return TOKENIZERS[request.param](tiny_folder)


@pytest.fixture(scope="module")
def word_piece(tokenizer: Tokenizer) -> WordPiece:
    """One for all examples, so that words learned in one text are used in the next."""
    return WordPiece(tokenizer)


def check(word_piece: WordPiece, tokenizer: Tokenizer, texts: Sequence[str]) -> None:
    texts = [*texts, *[""] * FEWEST]  # enough for the short way
    tokens = word_piece.tokenize(texts)
    assert tokens.ids.dtype == tokens.offsets.dtype == tokens.starts.dtype == np.int64
    for number, expected in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        own = slice(tokens.starts[number], tokens.starts[number + 1])
        assert tokens.ids[own].tolist() == expected.ids, texts[number]
        assert [tuple(pair) for pair in tokens.offsets[own].tolist()] == expected.offsets, texts[number]


@pytest.mark.slow
@given(texts=TEXTS)
@settings(max_examples=150, deadline=None)
def test_any_text(word_piece: WordPiece, tokenizer: Tokenizer, texts: list[str]) -> None:
    check(word_piece, tokenizer, texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["rebels fled", "[SEP] rebels [SEP]", "rebels\n\nfled", "the [sep] of the [MASK]"],
        ["a" * LONGEST_WORD, "a" * (LONGEST_WORD + 1), "word " * 400, "a" * 5000],
        ["e\u0301 \u0301e .\u0301e -\u0301", "\u0301", "ÉCOLE École école", "한국 한국"],
        ["to\x00wn a\x0bb", "\x00", "no\u00a0break\u2028line", "zero\u200bwidth \ufeff"],
        ["漢字 and 漢字kana", "🔥🔥 fire🔥", "«guillemets» … — –", "state-of-the-art U.S. 1,000.5% $5"],
        ["The THE the tHe", "İstanbul ISTANBUL ıstanbul", "ß ẞ SS", "ﬁre ½ ²"],
    ],
)
def test_texts_that_could_go_wrong(word_piece: WordPiece, tokenizer: Tokenizer, texts: list[str]) -> None:
    check(word_piece, tokenizer, texts)


@pytest.mark.slow
def test_all_seeds() -> None:
    codebook = Codebook.default()
    texts = [
        model_view(row.sentence.text) for p in sorted((ROOT / "seeds").glob("*.tsv")) for row in read_rows(p, codebook)
    ]
    assert len(texts) > 5000
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    check(WordPiece(tokenizer), tokenizer, texts)


def test_words_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece, "MOST_WORDS", 10)
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    word_piece = WordPiece(tokenizer)
    for first in range(0, 60, 4):
        check(word_piece, tokenizer, [f"market{n} town{n % 7}" for n in range(first, first + 4)])
        assert len(word_piece._pieces) <= 10
    check(word_piece, tokenizer, [" ".join(f"market{n}" for n in range(50))])
    assert len(word_piece._pieces) <= 10


def test_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece, "MOST_WORDS", 40)  # so that words are forgotten while others look them up
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    word_piece = WordPiece(tokenizer)
    texts = [[f"rebels{n * i % 31} fled the market{i} in {n}" for i in range(12)] for n in range(60)]
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda part: check(word_piece, tokenizer, part), texts):
            pass


def test_an_added_token_of_mere_letters() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    tokenizer.add_tokens([AddedToken("Aleppo", normalized=False)])
    check(WordPiece(tokenizer), tokenizer, ["In Aleppo rebels fled", "in aleppo", "ALEPPO", "Aleppos town", "the town"])


def with_tokens(*tokens: AddedToken) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    return tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "served"),
    [
        (with_tokens(), True),
        (with_tokens(AddedToken("aleppo", normalized=True)), False),
        (with_tokens(AddedToken("state tv", normalized=False)), False),
        (byte_level(), False),
    ],
)
def test_which_tokenizers_are_served(tokenizer: Tokenizer, served: bool) -> None:
    assert WordPiece.serves(tokenizer) is served


@pytest.mark.slow
def test_pandas_is_not_loaded_by_the_way() -> None:
    code = f"""
import sys
from pathlib import Path
from framing.model.encoding import SentenceEncoder
encoder = SentenceEncoder.from_file(Path({str(SHIPPED)!r}))
assert len(encoder.encode(["Rebels fled."] * {FEWEST})[0]) == 3
assert "pyarrow" in sys.modules
assert not {{"pandas", "torch", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
