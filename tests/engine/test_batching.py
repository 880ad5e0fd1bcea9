"""Sentences to batches and back, against reading each window by itself."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.engine.base import Batch, Logits
from framing.engine.batching import score
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import SentenceEncoder

OUTPUTS, VOICES, KINDS = 6, 4, 5
TABLE = np.random.default_rng(0).normal(size=(200, OUTPUTS + VOICES)).astype(np.float32)


class WindowReader:
    """Stands for an engine: a token's logits depend on it, its quotation, its place and its window, on nothing else."""

    def __init__(self, token_budget: int) -> None:
        self.token_budget = token_budget
        self.batches: list[Batch] = []

    def run_all(self, batches: Sequence[Batch]) -> Iterator[Logits]:
        self.batches.extend(batches)
        return (read(batch.input_ids, batch.attention_mask, batch.quotation) for batch in batches)


def read(ids: np.ndarray, mask: np.ndarray, quotation: np.ndarray) -> Logits:
    place = np.arange(ids.shape[1], dtype=np.float32)[:, None]
    window = (ids * mask).sum(axis=1).astype(np.float32)[:, None, None]
    # Padding gets values that must never be seen.
    values = np.where(mask[..., None], TABLE[ids] + place + 100 * quotation[..., None] + window, np.nan)
    kinds = np.repeat(window[:, 0], KINDS, axis=1)
    return Logits(*(part.astype(np.float32) for part in (values[..., :OUTPUTS], values[..., OUTPUTS:], kinds)))


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return SentenceEncoder(tiny_checkpoint.sentence_encoder().tokenizer, max_length=12, overlap=3)


SENTENCES = st.lists(
    st.one_of(
        st.sampled_from(["", "  ", "rebels fled", 'the army said "rebels fled the city" in rain', "rain " * 40]),
        st.integers(0, 30).map(lambda n: "market " * n),
    ),
    max_size=20,
)


@given(texts=SENTENCES, budget=st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_every_token_is_read_in_its_own_window(encoder: SentenceEncoder, texts: list[str], budget: int) -> None:
    encoded = encoder.encode(texts)
    engine = WindowReader(budget)
    logits = score(engine, encoded)  # type: ignore[arg-type]
    assert np.diff(logits.starts).tolist() == [len(sentence) for sentence in encoded]
    for number, sentence in enumerate(encoded):
        tokens = slice(logits.starts[number], logits.starts[number + 1])
        if not len(sentence):
            assert not logits.kind[number].any()
            continue
        alone = [read(w.ids[None], np.ones((1, len(w)), np.int64), w.quotation[None]) for w in sentence.windows]
        np.testing.assert_array_equal(logits.labels[tokens], sentence.merge([part.labels[0] for part in alone]))
        np.testing.assert_array_equal(logits.voice[tokens], sentence.merge([part.voice[0] for part in alone]))
        np.testing.assert_array_equal(logits.kind[number], alone[0].kind[0])
    for batch in engine.batches:
        assert len(batch) == 1 or batch.input_ids.size <= budget
        assert not batch.input_ids[batch.attention_mask == 0].any()


def test_sentences_may_come_as_objects(encoder: SentenceEncoder) -> None:
    encoded = encoder.encode(["rebels fled", "", 'he said "rain" ' * 9, "the market"])
    columns, objects = (score(WindowReader(64), given) for given in (encoded, list(encoded)))  # type: ignore[arg-type]
    for name in ("labels", "voice", "kind", "starts"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(objects, name))
