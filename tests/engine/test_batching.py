"""Sentences to batches and back, against reading each window by itself."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.engine.base import Batch, BatchLogits
from framing.engine.batching import compute_logits
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import EncodedSentence, SentenceEncoder
from tests.model.window_owners import owners

TOKEN_WIDTH, SENTENCE_WIDTH = 6, 5
TABLE = np.random.default_rng(0).normal(size=(200, TOKEN_WIDTH)).astype(np.float32)


class WindowReader:
    """Stands for an engine: a token's logits depend on it, its quotation, its place and its window, on nothing else."""

    def __init__(self, token_budget: int) -> None:
        self.token_budget = token_budget
        self.batches: list[Batch] = []

    def run_all(self, batches: Sequence[Batch]) -> Iterator[BatchLogits]:
        self.batches.extend(batches)
        return (read(batch.input_ids, batch.attention_mask, batch.quotation) for batch in batches)


def read(ids: np.ndarray, mask: np.ndarray, quotation: np.ndarray) -> BatchLogits:
    place = np.arange(ids.shape[1], dtype=np.float32)[:, None]
    window = (ids * mask).sum(axis=1).astype(np.float32)[:, None]
    # Padding gets values that must never be seen.
    values = np.where(mask[..., None], TABLE[ids] + place + 100 * quotation[..., None] + window[..., None], np.nan)
    return BatchLogits(values.astype(np.float32), np.repeat(window, SENTENCE_WIDTH, axis=1))


def read_alone(encoder: SentenceEncoder, sentence: EncodedSentence) -> tuple[np.ndarray, np.ndarray]:
    """The logits of a sentence, window by window, where the windows stand and are read being found by hand."""
    before, after = encoder.special_ids
    size, overlap = encoder.max_length - 2, encoder.overlap
    count = len(sentence)
    first = [0]
    while first[-1] + size < count:
        first.append(min(first[-1] + size - overlap, count - size))
    windows = [(start, min(size, count)) for start in first]
    found = []
    for start, length in windows:
        ids = np.array([[before, *sentence.ids[start : start + length], after]])
        quotation = np.array([[0, *sentence.quotation[start : start + length], 0]])
        found.append(read(ids, np.ones_like(ids), quotation))
    tokens = [found[w].tokens[0, 1 + token - first[w]] for token, w in enumerate(owners(windows, count))]
    return np.array(tokens), found[0].sentences[0]


@pytest.fixture(scope="module", params=[(12, 3), (12, 4), (9, 6), (20, 0)], ids=str)
def encoder(tiny_checkpoint: Checkpoint, request: pytest.FixtureRequest) -> SentenceEncoder:
    max_length, overlap = request.param
    return SentenceEncoder(tiny_checkpoint.sentence_encoder().tokenizer, max_length=max_length, overlap=overlap)


SENTENCES = st.lists(
    st.one_of(
        st.sampled_from(["", "  ", "rebels fled", 'the army said "rebels fled the city" in rain', "rain " * 40]),
        st.integers(0, 30).map(lambda n: "market " * n),
    ),
    max_size=20,
)


@pytest.mark.slow
@given(texts=SENTENCES, budget=st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_every_token_is_read_in_its_own_window(encoder: SentenceEncoder, texts: list[str], budget: int) -> None:
    encoded = encoder.encode(texts)
    engine = WindowReader(budget)
    logits = compute_logits(engine, encoded)  # type: ignore[arg-type]
    assert np.diff(logits.starts).tolist() == [len(sentence) for sentence in encoded]
    for number, sentence in enumerate(encoded):
        own = slice(logits.starts[number], logits.starts[number + 1])
        if not len(sentence):
            assert not logits.sentences[number].any()
            continue
        tokens, of_sentence = read_alone(encoder, sentence)
        np.testing.assert_array_equal(logits.tokens[own], tokens)
        np.testing.assert_array_equal(logits.sentences[number], of_sentence)
        # Training and others put windows together by themselves.
        windows = [read(w.ids[None], np.ones((1, len(w)), np.int64), w.quotation[None]) for w in sentence.windows]
        np.testing.assert_array_equal(sentence.merge([window.tokens[0] for window in windows]), tokens)
    for batch in engine.batches:
        assert len(batch) == 1 or batch.input_ids.size <= budget
        assert not batch.input_ids[batch.attention_mask == 0].any()


def test_sentences_may_come_as_objects(encoder: SentenceEncoder) -> None:
    encoded = encoder.encode(["rebels fled", "", 'he said "rain" ' * 9, "the market"])
    columns, objects = (compute_logits(WindowReader(64), given) for given in (encoded, list(encoded)))  # type: ignore[arg-type]
    for name in ("tokens", "sentences", "starts"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(objects, name))
