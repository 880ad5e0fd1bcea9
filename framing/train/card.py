"""The model card that travels with a checkpoint (Mitchell et al. 2019, "Model cards for model reporting")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from framing.evaluate.scoring import headlines
from framing.train.config import RunConfig
from framing.train.record import RunRecord


def model_card(record: RunRecord, metrics: dict[str, Any]) -> str:
    """The card as Markdown with the hub's metadata header.

    Args:
        record: of the run.
        metrics: as :func:`framing.train.output.measure` gives them.
    """
    codebook = record.codebook
    asked = "; ".join(f"{head.name}: " + ", ".join(f"`{name}`" for name in head.names) for head in codebook.heads)
    judge = _WEAK if record.config.from_codebook_alone else ""
    log = "" if record.config.model.average else ", the log `log.jsonl`"
    return f"""---
{_metadata(record, metrics)}
---

# {codebook.title or codebook.name}: a framing model

Labels sentences by the codebook `{codebook.name}`, version {codebook.version}: {asked}.

```python
import framing
labeler = framing.load("path/to/this/folder")  # or the name of its repository on the hub, "user/name"
labeler("The army liberated the town from terrorists, state TV claimed.").frames
```

## What it is for, and what not

For describing the words of many texts: which side's vocabulary an outlet adopts, and whose word it makes it. It says
nothing of whether a claim is true, or of what a person is or thinks. Do not use it to rate, moderate or accuse
individual authors. Single labels are wrong at the rates below; compare aggregates, and read examples.

## Training

{metrics["training_sentences"]:,} sentences{_auxiliary(metrics)}{_origin(record, metrics)}
The resolved configuration is `training.yaml`{log}; `framing-train training.yaml` runs it again.

## Quality on the validation part

{metrics["validation_sentences"]:,} sentences in {metrics["validation_groups"]:,} groups, held out by group.{judge}
Thresholds, temperatures and the choice of the epoch were made on these same sentences, so the figures flatter it a
little. Text that had no part in training says more: `framing evaluate GOLD --model FOLDER`.

| | value | 95% interval |
|---|---|---|
{_table(metrics["validation"], headlines(codebook))}

Intervals: percentile bootstrap over groups, 2,000 resamples.

## Known limits

Language: {codebook.language}. Rare wordings, other registers and other events than those of the training sentences are
where it errs most. Voice follows the words on the page; it cannot know that a paraphrase is a quotation.
"""


def _metadata(record: RunRecord, metrics: dict[str, Any]) -> str:
    """The header in YAML: what the hub lists, filters and compares models by."""
    from huggingface_hub import EvalResult, ModelCardData

    codebook, config = record.codebook, record.config
    weak = "what the codebook's words say of " if config.from_codebook_alone else ""
    results = [
        EvalResult(
            task_type="token-classification",
            task_name=f"labels of sentences by the codebook {codebook.name}",
            dataset_type=codebook.name,
            dataset_name=f"{weak}held-out groups of the training data",
            dataset_split="validation",
            metric_type=name,
            metric_name=title,
            metric_value=metrics["validation"][name]["value"],
        )
        for name, title in headlines(codebook).items()
        if metrics["validation"].get(name, {}).get("value") is not None
    ]
    data = ModelCardData(
        language=codebook.language.partition("-")[0],  # the hub knows no regions
        license=config.model.license,
        library_name="framing",
        pipeline_tag="token-classification",
        tags=["framing", "content-analysis", "media-analysis", f"codebook:{codebook.name}"],
        base_model=config.model.base if _is_hub_id(config.model.base) and not config.model.average else None,
        model_name=f"framing-{codebook.name}",
        eval_results=results or None,
    )
    return data.to_yaml().strip()


def _is_hub_id(name: str) -> bool:
    """Whether a base is named as on the hub; a folder of this machine says nothing to others."""
    return name.count("/") == 1 and not name.startswith((".", "~", "/")) and not Path(name).exists()


#: What a card says of figures that no person's marks are behind.
_WEAK = """
**Nobody marked them: they carry what the codebook's own words say of them, and so do the training sentences.** The
figures say how well the model repeats that, not how often it is right. Mark some sentences and judge it on those."""


def _auxiliary(metrics: dict[str, Any]) -> str:
    parts = []
    if count := metrics["attribution_sentences"]:
        parts.append(f"{count:,} sentences of an attribution corpus for sources and voice")
    if count := metrics["unlabeled_sentences"]:
        parts.append(f"{count:,} sentences of news that only the teacher labelled")
    return "".join(f" and {part}" for part in parts)


def _origin(record: RunRecord, metrics: dict[str, Any]) -> str:
    if record.config.model.average:
        runs = " and ".join(f"`{name}`" for name in record.config.model.average)
        made = "".join(f" `{m.training.output_dir}` was trained {_start(m, m.model.base)}." for m in record.members)
        return f". The weights are the mean of the runs {runs} (Wortsman et al. 2022).{made}"
    return f", {_start(record.config, record.base.name)}; {metrics['seconds'] / 60:.0f} minutes."


def _start(config: RunConfig, base: str) -> str:
    """What a run started from, and what taught it."""
    start = f"starting from `{base}`"
    if config.model.layers:
        start += f" with its layers {', '.join(map(str, config.model.layers))}"
    if config.model.teacher is not None:
        start += f", with `{config.model.teacher}` as its teacher (Hinton et al. 2015)"
    if config.data.unlabeled:
        start += f" on up to {config.data.unlabeled_sentences:,} sentences of unmarked text beside the seeds"
    return start


def _table(validation: dict[str, Any], titles: dict[str, str]) -> str:
    lines = []
    for name, title in titles.items():
        entry = validation.get(name)
        if entry is None or entry["value"] is None:
            continue
        interval = f"{entry['low']:.3f}–{entry['high']:.3f}" if "low" in entry else "–"
        lines.append(f"| {title} | {entry['value']:.3f} | {interval} |")
    return "\n".join(lines)
