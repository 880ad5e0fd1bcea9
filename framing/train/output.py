"""What a finished run writes: a checkpoint folder, whose files get their names when all of them are whole."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from framing.codebook import KIND
from framing.decoding.decoder import DecodedSentence
from framing.errors import DivergenceError
from framing.evaluate.scoring import (
    bootstrap,
    count,
    headlines,
    none_if_nan,
    scores_of,
)
from framing.model import checkpoint, onnx_graph
from framing.model.network import FramingModel
from framing.train.card import model_card
from framing.train.record import RunRecord
from framing.train.validation import SCORE, as_labels, validate

METRICS = "metrics.json"
TRAINING = "training.yaml"
LOG = "log.jsonl"
#: Inside an output folder, a checkpoint that is being written.
_UNFINISHED = ".unfinished"
_PACKAGES = ("framing", "torch", "transformers", "tokenizers", "datasets", "evaluate", "scikit-learn", "numpy")


def write_checkpoint(
    record: RunRecord, *, model: FramingModel, decoded: Sequence[DecodedSentence], folder: Path
) -> dict[str, float]:
    """Write everything that a checkpoint folder holds.

    It is written and verified in a hidden folder inside, whose files then replace those of an earlier checkpoint: an
    error leaves the earlier one as it was. SHA256SUMS comes last, so that a folder in which the replacing broke off
    does not verify. States of a run (``checkpoint-…``) and whatever else is in the folder are left alone.

    Args:
        record: of the run.
        model: trained.
        decoded: what the model, with the record's calibration, says of the validation sentences.
        folder: where to.

    Returns:
        The headline metrics of the validation part.

    Raises:
        DivergenceError: a weight is NaN, infinite, or too large for half precision.
    """
    check_storable(model, "at the end", "lower --learning_rate or --head_learning_rate")
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / _UNFINISHED
    if whole.exists():  # of a run that was killed here
        shutil.rmtree(whole)
    whole.mkdir()
    try:
        metrics = _write_all(record, model, decoded, whole)
        checkpoint.verify(whole)
        (folder / checkpoint.SUMS).unlink(missing_ok=True)
        for name in (checkpoint.INDEX, *checkpoint.weight_files(folder), LOG):
            (folder / name).unlink(missing_ok=True)  # the new one may have its weights in another form, or no log
        for path in sorted(whole.iterdir(), key=lambda path: path.name == checkpoint.SUMS):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(whole)
    return {name: entry["value"] for name, entry in metrics["validation"].items()}


def check_storable(model: FramingModel, when: str, hint: str) -> None:
    """Refuse weights that half precision, in which checkpoints are stored, has no number for.

    Args:
        model: whose weights.
        when: for the message.
        hint: what to try next.

    Raises:
        DivergenceError: a weight is NaN, infinite, or too large.
    """
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight.detach().to(torch.float16)).all():
            raise DivergenceError(
                f"the weights {name} are beyond half precision {when}: the largest is {weight.detach().abs().max():g}",
                expected=f"finite numbers below {torch.finfo(torch.float16).max:g}; training has gone astray",
                hint=hint,
            )


def _write_all(
    record: RunRecord, model: FramingModel, decoded: Sequence[DecodedSentence], folder: Path
) -> dict[str, Any]:
    """Write a checkpoint into an empty folder; returns its metrics."""
    model.save_pretrained(folder)
    # safetensors makes the weights readable by their owner only, whatever the umask.
    (folder / checkpoint.WEIGHTS).chmod((folder / checkpoint.CONFIG).stat().st_mode & 0o777)
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
    return metrics


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
            gold_kinds=[example.answers.get(KIND) for example in examples],
            gold_answers=[example.answers for example in examples],
        )
        intervals = bootstrap(counts, [example.group for example in examples])
        quality = {
            name: {key: none_if_nan(round(getattr(intervals[name], key), 4)) for key in ("value", "low", "high")}
            for name in headlines(record.codebook)
        }
        labels = {
            entry.name: {"f1": none_if_nan(round(entry.f1, 4)), "support": entry.support}
            for entry in scores_of(counts).labels
        }
    else:
        found = validate(decoded, record.split.validation, record.codebook)
        quality = {name: {"value": none_if_nan(round(value, 4))} for name, value in found.items() if name != SCORE}
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
