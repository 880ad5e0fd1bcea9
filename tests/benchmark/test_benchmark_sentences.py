"""The sentences of a benchmark: where they come from, and an order of which every stretch is like the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.benchmark.sentences import Corpus, LengthDistribution, Texts, find_texts, take
from framing.codebook import Codebook
from framing.errors import InputError, UnreadableFileError
from framing.model.checkpoint import Checkpoint

CODEBOOK = Codebook.default()


def test_a_users_file_comes_first_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Rebels left.\n\n  The army came. \n", encoding="utf-8")
    assert find_texts(file, CODEBOOK) == Texts("mine.txt", ("Rebels left.", "The army came."))


def test_without_a_file_or_seeds_the_codebooks_examples_serve(tmp_path: Path) -> None:
    texts = find_texts(None, CODEBOOK, seeds=tmp_path)
    assert "armed_conflict" in texts.origin
    assert len(texts.sentences) == sum(len(label.examples) for label in CODEBOOK.labels)
    assert not any("[[" in sentence or "|" in sentence for sentence in texts.sentences)


def test_seeds_are_read_without_their_marks(tmp_path: Path) -> None:
    (tmp_path / "00.tsv").write_text("a\tbody\t[[Rebels|rebels.author]] left.\n", encoding="utf-8")
    assert find_texts(None, CODEBOOK, seeds=tmp_path) == Texts("seeds", ("Rebels left.",))


def test_unusable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"none\.txt"):
        find_texts(tmp_path / "none.txt", CODEBOOK)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFileError, match="binary"):
        find_texts(tmp_path / "binary", CODEBOOK)
    (tmp_path / "empty").write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match="empty has no sentence"):
        find_texts(tmp_path / "empty", CODEBOOK)


def corpus_of(tiny_checkpoint: Checkpoint, lengths: list[int], **options: int) -> Corpus:
    texts = tuple(" ".join(["rain"] * length) for length in lengths)
    return Corpus.of(Texts("rain", texts), tiny_checkpoint.sentence_encoder(), **options)


def test_tokens_are_those_the_model_reads(tiny_checkpoint: Checkpoint) -> None:
    corpus = corpus_of(tiny_checkpoint, [3, 5, 2])
    assert [len(s.split()) + 2 for s in corpus.sentences] == corpus.tokens.tolist()
    assert sorted(corpus.tokens) == [4, 5, 7]
    assert corpus.tokens_of(2, 4).tolist() == corpus.tokens[[2, 0, 1, 2]].tolist()


def test_after_the_last_sentence_come_others_of_the_same_tokens(tiny_checkpoint: Checkpoint) -> None:
    texts = ("rebels fled, the city", "he said so", "the army")
    corpus = Corpus.of(Texts("t", texts), tiny_checkpoint.sentence_encoder())
    taken = take(corpus.sentences, 1, 8)
    assert taken[:2] == list(corpus.sentences[1:])
    assert set(taken[2:5]) == {"fled, the city rebels", "said so he", "army the"}
    assert len(set(taken)) == 8
    again = Corpus.of(Texts("t", tuple(taken)), tiny_checkpoint.sentence_encoder())
    assert sorted(again.tokens) == sorted(corpus.tokens_of(1, 8))


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=256, max_size=400), seed=st.integers(0, 5))
def test_every_stretch_has_lengths_as_the_whole(tiny_checkpoint: Checkpoint, lengths: list[int], seed: int) -> None:
    corpus = corpus_of(tiny_checkpoint, lengths, seed=seed)
    assert sorted(corpus.tokens) == sorted(length + 2 for length in lengths)
    low, high = np.quantile(corpus.tokens, (0.4, 0.6), method="inverted_cdf")
    for first in range(0, 193, 64):
        # Of 64 points of the sequence at least 64 · 0.4 − 1 lie on either side of its middle fifth.
        stretch = np.sort(corpus.tokens[first : first + 64])
        assert stretch[24] <= high
        assert stretch[-25] >= low


def test_long_sentences_can_be_left_out(tiny_checkpoint: Checkpoint) -> None:
    assert corpus_of(tiny_checkpoint, [1, 30, 4], longest=10).tokens.tolist() == [3, 6]
    with pytest.raises(InputError, match="no sentence to measure on"):
        corpus_of(tiny_checkpoint, [30], longest=10)


def test_a_bucket_of_lengths_is_chosen_in_order(tiny_checkpoint: Checkpoint) -> None:
    corpus = corpus_of(tiny_checkpoint, [1, 2, 3, 4, 5, 6])
    bucket = corpus.select(5, 7)
    assert bucket.tokens.tolist() == [t for t in corpus.tokens.tolist() if 5 <= t <= 7]
    assert [len(s.split()) + 2 for s in bucket.sentences] == bucket.tokens.tolist()
    with pytest.raises(InputError, match="no sentence of 50 to 60 tokens"):
        corpus.select(50, 60)


def test_length_distribution_is_numpys_percentiles() -> None:
    assert LengthDistribution.of(np.arange(1, 102)) == LengthDistribution(6.0, 51.0, 96.0, 51.0)
