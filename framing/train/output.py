"""What a finished run writes: a complete checkpoint folder, put under its final name in one step."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from framing.codebook import Codebook
from framing.engine import onnx_graph
from framing.evaluate.scoring import HEADLINES, bootstrap, count, none_if_nan, scores_of
from framing.model import checkpoint
from framing.model.calibration import Calibration
from framing.model.decoding import DecodedSentence
from framing.model.modeling import FramingModel
from framing.train.base import Base
from framing.train.card import model_card
from framing.train.config import RunConfig
from framing.train.examples import Example, Split
from framing.types import SentenceLabels

METRICS = "metrics.json"
TRAINING = "training.yaml"
LOG = "log.jsonl"
_PACKAGES = ("framing", "torch", "transformers", "tokenizers", "datasets", "evaluate", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run when it ends.

    Attributes:
        config: the resolved configuration.
        codebook, base, split: what it was trained on and from.
        calibration: fitted on the validation part.
        attribution: number of auxiliary sentences for sources and voice.
        unlabeled: number of sentences that a teacher alone labelled.
        log: transformers' log, one dictionary a line.
        seconds: of training.
        members: how the runs were made whose mean this is, as far as that is known.
    """

    config: RunConfig
    codebook: Codebook
    base: Base
    split: Split
    calibration: Calibration
    attribution: int = 0
    unlabeled: int = 0
    log: Sequence[dict[str, Any]] = ()
    seconds: float = 0.0
    members: Sequence[RunConfig] = ()


def write_checkpoint(
    record: RunRecord, *, model: FramingModel, decoded: Sequence[DecodedSentence], folder: Path
) -> dict[str, float]:
    """Write everything that a checkpoint folder holds.

    States of an interrupted run (``checkpoint-…``) in the folder are left alone; SHA256SUMS is written last, so that a
    folder whose writing broke off does not verify.

    Args:
        record: of the run.
        model: trained.
        decoded: what the model, with the record's calibration, says of the validation sentences.
        folder: where to.

    Returns:
        The headline metrics of the validation part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / checkpoint.SUMS).unlink(missing_ok=True)
    model.save_pretrained(folder)
    (folder / checkpoint.WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
    record.base.tokenizer.save_pretrained(folder)
    (folder / checkpoint.CODEBOOK).write_text(record.codebook.to_yaml(), encoding="utf-8")
    record.calibration.save(folder / checkpoint.CALIBRATION)
    onnx_graph.write(folder)
    metrics = measure(record, decoded)
    (folder / METRICS).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (folder / TRAINING).write_text(record.config.to_yaml(), encoding="utf-8")
    if record.log:
        (folder / LOG).write_text("".join(json.dumps(entry) + "\n" for entry in record.log), encoding="utf-8")
    (folder / "README.md").write_text(model_card(record, metrics), encoding="utf-8")
    checkpoint.write_sums(folder)
    return {name: entry["value"] for name, entry in metrics["validation"].items()}


def measure(record: RunRecord, decoded: Sequence[DecodedSentence]) -> dict[str, Any]:
    """Quality on the validation part with 95% intervals over groups, and what it was measured on; JSON-ready."""
    marked = [i for i, example in enumerate(record.split.validation) if example.marked is not None]
    quality: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    if marked:
        examples = [record.split.validation[i] for i in marked]
        counts = count(
            [example.marked for example in examples if example.marked is not None],
            [as_labels(example, decoded[i]) for example, i in zip(examples, marked, strict=True)],
            codebook=record.codebook,
            gold_kinds=[example.kind or "body" for example in examples],
        )
        intervals = bootstrap(counts, [example.group for example in examples])
        quality = {
            name: {key: none_if_nan(round(getattr(intervals[name], key), 4)) for key in ("value", "low", "high")}
            for name in HEADLINES
        }
        labels = {
            entry.name: {"f1": none_if_nan(round(entry.f1, 4)), "support": entry.support}
            for entry in scores_of(counts).labels
        }
    else:
        quality = _sentence_level(record, decoded)
    return {
        "validation": quality,
        "labels": labels,
        "validation_sentences": len(record.split.validation),
        "validation_groups": len({example.group for example in record.split.validation}),
        "training_sentences": len(record.split.train),
        "attribution_sentences": record.attribution,
        "unlabeled_sentences": record.unlabeled,
        "seconds": round(record.seconds, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def as_labels(example: Example, decoded: DecodedSentence) -> SentenceLabels:
    """A decoded validation sentence as a record."""
    return SentenceLabels(
        document_id=example.group,
        outlet=None,
        published=None,
        index=0,
        kind=decoded.kind(),
        start=0,
        end=len(example.text),
        text=example.text,
        frames=decoded.frames,
        mentions=decoded.mentions,
        hedges=decoded.hedges,
        sources=decoded.sources,
        probabilities=decoded.probabilities,
    )


def _sentence_level(record: RunRecord, decoded: Sequence[DecodedSentence]) -> dict[str, Any]:
    """Frame F1 where the validation part has sentence labels only; without intervals."""
    from framing.evaluate.metrics import load_metric

    names = record.codebook.label_names
    result = load_metric("frames_f1").compute(
        predictions=[[int(name in sentence.frames) for name in names] for sentence in decoded],
        references=[[int(name in example.labels) for name in names] for example in record.split.validation],
    )
    return {
        f"frames_{name}": {"value": None if math.isnan(result[name]) else round(result[name], 4)}
        for name in ("macro_f1", "micro_f1")
    }
