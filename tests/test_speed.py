"""The speed that `framing benchmark` measures: its statistics, its sentences, and the machine's limit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from framing.codebook import Codebook
from framing.errors import CheckpointError, InputError, UnreadableFileError
from framing.labeler import Labeler
from framing.model.checkpoint import Checkpoint
from framing.speed import (
    Estimate,
    MatrixProducts,
    ModelShape,
    Texts,
    count_tokens,
    find_texts,
    measure_speed,
    median_interval,
    paired_ratio,
    peak_memory,
    percentiles,
    take,
    time_each,
    time_steps,
)

pytestmark = pytest.mark.slow

CODEBOOK = Codebook.default()
ROUNDS = np.array([100.0, 104, 98, 131, 99, 102, 101, 97, 103])


# --- Statistics ---------------------------------------------------------------------------------------------------


def test_the_interval_is_the_percentile_bootstraps() -> None:
    from scipy.stats import bootstrap

    estimate = median_interval(ROUNDS, resamples=20_000)
    expected = bootstrap((ROUNDS,), np.median, n_resamples=20_000, method="percentile").confidence_interval
    assert estimate.median == np.median(ROUNDS) == 101
    # The medians of samples are values of the sample: the ends are the same ones but for chance at the border.
    assert estimate.low == pytest.approx(expected.low, abs=1)
    assert estimate.high == pytest.approx(expected.high, abs=1)


def test_a_wider_level_gives_a_wider_interval_and_the_seed_the_same_again() -> None:
    narrow, wide = median_interval(ROUNDS, level=0.5), median_interval(ROUNDS, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert median_interval(ROUNDS, seed=3) == median_interval(ROUNDS, seed=3)


def test_one_round_has_no_interval() -> None:
    assert median_interval([5.0]) == Estimate(5.0, None, None)


def test_equal_rounds_have_an_interval_of_no_width() -> None:
    assert median_interval([2.0, 2.0, 2.0]) == Estimate(2.0, 2.0, 2.0)


def test_ratios_are_paired_by_round() -> None:
    # The machine slows down by a factor of ten; the systems' ratio stays, and only pairing sees it.
    base = np.array([10.0, 5, 2, 1])
    assert paired_ratio(3 * base, base) == Estimate(3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="3 rounds against 4"):
        paired_ratio([1, 2, 3], base)


def test_estimates_are_recorded_to_six_digits() -> None:
    assert Estimate(1234.5678, 1200.0, None).to_dict() == {"median": 1234.57, "low": 1200.0, "high": None}


def test_percentiles_are_numpys() -> None:
    values = [0.001 * i for i in range(1, 102)]
    assert percentiles(values, (50, 90, 99)) == {"p50": 0.051, "p90": 0.091, "p99": 0.1}


# --- The machine's limit ------------------------------------------------------------------------------------------


def test_operations_are_those_that_torch_counts(tiny_folder: Path) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from framing.model.network import FramingModel

    # Attention as products that the counter knows on a CPU.
    model = FramingModel.from_pretrained(tiny_folder, attn_implementation="eager").eval()
    shape = ModelShape.of(Checkpoint.load(tiny_folder).config)
    ids = torch.full((3, 11), 5)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, torch.ones_like(ids), torch.zeros_like(ids))
    firsts = 2 * 3 * 32 * model.heads.width("sentence")  # of the heads that read the first token only; left out
    assert shape.flops(np.array([11, 11, 11])) + firsts == counter.get_total_flops()


def test_operations_grow_with_the_square_of_the_length_in_attention_only() -> None:
    shape = ModelShape(hidden=384, intermediate=1536, layers=6, outputs=31)
    once, twice = shape.flops(np.array([30])), shape.flops(np.array([60]))
    attention = 4 * 384 * 6 * 30**2
    assert once - attention == 30 * 2 * (6 * 12 * 384**2 + 384 * 31)
    assert twice - 2 * once == 2 * attention


def test_an_encoder_of_unknown_sizes_is_told() -> None:
    with pytest.raises(CheckpointError, match="hidden_size"):
        ModelShape.of({"encoder": {"dim": 8}, "outputs": [], "voices": []})


def test_products_are_done_on_all_threads() -> None:
    products = MatrixProducts(ModelShape(hidden=8, intermediate=16, layers=2, outputs=3), precision="bf16", threads=2)
    assert products.rate(0.01) > 0
    described = products.describe()
    assert (described["library"], described["threads"], described["precision"]) == ("onnxruntime", 2, "fp32")


# --- Sentences ----------------------------------------------------------------------------------------------------


def test_a_users_file_comes_first_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Rebels left.\n\n  The army came. \n", encoding="utf-8")
    assert find_texts(file, CODEBOOK) == Texts("mine.txt", ("Rebels left.", "The army came."))


def test_the_codebooks_examples_come_next() -> None:
    texts = find_texts(None, CODEBOOK)
    assert "armed_conflict" in texts.origin
    assert len(texts.sentences) == sum(len(label.examples) for label in CODEBOOK.labels)
    assert not any("[[" in sentence or "|" in sentence for sentence in texts.sentences)


def test_seeds_come_last_and_are_read_without_their_marks(tmp_path: Path) -> None:
    (tmp_path / "00.tsv").write_text("a\tbody\t[[Rebels|rebels.author]] left.\n", encoding="utf-8")
    bare = Codebook.from_yaml("labels: [rebels]")
    assert find_texts(None, bare, seeds=tmp_path) == Texts("seeds", ("Rebels left.",))
    with pytest.raises(InputError, match="seeds: no sentence"):
        find_texts(None, bare, seeds=tmp_path / "none")


def test_unusable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"none\.txt"):
        find_texts(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFileError, match="binary"):
        find_texts(tmp_path / "binary")
    (tmp_path / "empty").write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match="empty: no sentence"):
        find_texts(tmp_path / "empty")


def test_after_the_last_sentence_come_others_of_the_same_tokens(tiny_checkpoint: Checkpoint) -> None:
    texts = ("the army", "rebels fled, the city", "he said so")
    taken = take(texts, 1, 8)
    assert taken[:2] == list(texts[1:])
    assert taken[2:5] == ["army the", "fled, the city rebels", "said so he"]
    assert len(set(taken)) == 8
    encoder = tiny_checkpoint.sentence_encoder()
    expected = count_tokens(encoder, texts)[np.arange(1, 9) % 3]
    assert count_tokens(encoder, taken).tolist() == expected.tolist()


def test_tokens_are_those_the_model_reads(tiny_checkpoint: Checkpoint) -> None:
    counted = count_tokens(tiny_checkpoint.sentence_encoder(), ["rain rain rain", "rain", "rain " * 40])
    assert counted.tolist() == [5, 3, 42]


# --- What is measured ---------------------------------------------------------------------------------------------


def test_steps_and_single_sentences_are_timed(tiny_labeler: Labeler) -> None:
    sentences = ["rebels fled the city", "the army liberated the town", "rain"]
    steps = time_steps(tiny_labeler, sentences)
    assert list(steps) == ["tokenise", "model", "decode", "records"]
    assert all(seconds >= 0 for seconds in steps.values())
    assert steps["model"] > 0
    labelled: list[str] = []
    assert len(time_each(labelled.extend, sentences)) == 3
    assert labelled == sentences


def test_peak_memory_is_that_of_the_kernel() -> None:
    psutil = pytest.importorskip("psutil")
    peak = peak_memory()
    assert peak is not None
    assert peak >= psutil.Process().memory_info().rss * 0.9
    assert peak_memory(2**22 + 1) is None


def test_a_labeler_is_measured(tiny_labeler: Labeler) -> None:
    texts = Texts("mine", ("rebels fled the city", "the army liberated the town", "rain"))
    told: list[str] = []
    speed = measure_speed(tiny_labeler, texts, sentences=7, rounds=2, report=told.append)
    assert told == ["warming up", "round 1 of 2", "round 2 of 2", "steps and single sentences"]
    assert (speed.sentences, len(speed.seconds)) == (7, 2)
    assert speed.sentences_per_second.median == pytest.approx(np.median(7 / np.array(speed.seconds)))
    tokens = count_tokens(tiny_labeler.encoder, texts.sentences)
    assert speed.texts == {"origin": "mine", "mean": 5.3, **percentiles(tokens, (5, 50, 95))}
    assert speed.limit is not None
    assert speed.share_of_limit is not None
    assert 0 < speed.share_of_limit.median < 1
    assert json.loads(json.dumps(asdict(speed)))["products"]["threads"] == tiny_labeler.describe()["threads"]


def test_without_the_models_sizes_there_is_no_limit(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(config: object) -> ModelShape:
        raise CheckpointError("no sizes")

    monkeypatch.setattr(ModelShape, "of", unknown)
    speed = measure_speed(tiny_labeler, Texts("mine", ("rain",)), sentences=2, rounds=1)
    assert (speed.limit, speed.share_of_limit, speed.products) == (None, None, None)
    assert speed.tokens_per_second.median > 0
