"""``python -m benchmarks.quality --gold FILE``: the baselines and a checkpoint on a gold file, in one record.

Every system labels the same sentences, document by document, and goes through :func:`framing.evaluate.score`. The
record holds no sentence of the gold, only its hash and the scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line, sha256_of
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.errors import InputError, SettingError
from framing.evaluate.gold import GoldSet, LabelSentences
from framing.evaluate.scoring import (
    HEADLINES,
    Difference,
    Interval,
    Scores,
    bootstrap,
    none_if_nan,
    paired_bootstrap,
    score,
)
from framing.types import SentenceLabels, Voice

ROOT = Path(__file__).parents[2]
SUITE_FILE = Path(__file__).parent / "suite.yaml"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True)
class Suite:
    """What ``suite.yaml`` declares.

    Attributes:
        name, title: of the suite.
        systems: name -> title, in the order they run.
        metrics: name of a measure -> title.
        resamples, level, seed: of the bootstrap.
    """

    name: str
    title: str
    systems: Mapping[str, str]
    metrics: Mapping[str, str]
    resamples: int
    level: float
    seed: int

    @classmethod
    def load(cls, path: Path = SUITE_FILE) -> Suite:
        """Reads a declaration.

        Raises:
            InputError: it names a system or a measure that there is not.
        """
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in data["systems"]:
            _require_known(name, tuple(_OPENERS), f"the system of {path.name}")
        for name in data["metrics"]:
            _require_known(name, HEADLINES, f"the measure of {path.name}")
        drawn = data["bootstrap"]
        return cls(
            data["name"],
            data["title"],
            data["systems"],
            data["metrics"],
            drawn["resamples"],
            drawn["level"],
            drawn["seed"],
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One system's scores and their intervals."""

    scores: Scores
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Materials:
    """What a system may need: seeds to learn from, their codebook, and where the checkpoint is."""

    seeds: GoldSet
    codebook: Codebook
    checkpoint: str


def _open_lexicon(materials: Materials) -> LabelSentences:
    from benchmarks.quality.lexicon import Lexicon

    return Lexicon(materials.seeds, materials.codebook).sentences


def _open_tfidf(materials: Materials) -> LabelSentences:
    from benchmarks.quality.tfidf import TfidfRegression

    return TfidfRegression(materials.seeds, materials.codebook).sentences


def _open_model(materials: Materials) -> LabelSentences:
    from framing.labeler import load

    return load(materials.checkpoint, codebook=materials.codebook).sentences


def _open_fast(materials: Materials) -> LabelSentences:
    from framing.labeler import load
    from framing.model.checkpoint import FAST

    return load(FAST, codebook=materials.codebook).sentences


_OPENERS: dict[str, Callable[[Materials], LabelSentences]] = {
    "lexicon": _open_lexicon,
    "tfidf": _open_tfidf,
    "fast": _open_fast,
    "model": _open_model,
}


@reporting_errors()
def main(
    gold: Annotated[Path, typer.Option(help="Marked sentences, tab-separated, of three or five columns.")],
    checkpoint: Annotated[str, typer.Option(help="A checkpoint's folder, or 'shipped'.")] = "shipped",
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds that the baselines learn from.")] = ROOT / "seeds",
    systems: Annotated[str, typer.Option(help="Which systems, joined by commas; all of the suite if left out.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = RESULTS_FOLDER,
) -> None:
    """Measure the systems of the suite on a gold file and write the record."""
    suite, codebook = Suite.load(), Codebook.default()
    wanted = _wanted_systems(suite, systems)
    marked = GoldSet.read(gold, codebook)
    materials = Materials(read_seeds(seeds, codebook), codebook, checkpoint)
    measured: dict[str, Measured] = {}
    for name in wanted:
        typer.echo(f"{name} …", err=True)
        measured[name] = measure(_OPENERS[name](materials), marked, codebook, suite)
    differences = compare_last(measured, marked, suite)
    inputs: dict[str, dict[str, Any]] = {
        "gold": gold_facts(gold, marked),
        "seeds": {"sentences": len(materials.seeds), "sha256": sha256_of_seeds(seeds)},
        **({"checkpoint": checkpoint_facts(checkpoint)} if "model" in measured else {}),
    }
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.quality"),
        inputs,
        _results(measured, differences),
        tables(suite, measured, differences, codebook),
        PACKAGES,
    )
    typer.echo(f"wrote {record.save(out)}\nnext: python -m benchmarks.report")


def read_seeds(folder: Path, codebook: Codebook) -> GoldSet:
    """All ``*.tsv`` of a folder as one set, in the order of their names.

    Raises:
        InputError: there is none.
    """
    parts = [GoldSet.read(path, codebook) for path in sorted(folder.glob("*.tsv"))]
    if not parts:
        raise InputError(f"{folder} has no seeds", expected="a folder with *.tsv of marked sentences")
    return GoldSet(
        tuple(sentence for part in parts for sentence in part.sentences),
        tuple(kind for part in parts for kind in part.kinds),
        tuple(group for part in parts for group in part.groups),
    )


def measure(label: LabelSentences, gold: GoldSet, codebook: Codebook, suite: Suite) -> Measured:
    """Scores one system, with intervals over documents."""
    return measure_labels(gold.predict(label), gold, codebook, suite)


def measure_labels(labels: Sequence[SentenceLabels], gold: GoldSet, codebook: Codebook, suite: Suite) -> Measured:
    """Scores what a system said of the gold's sentences, with intervals over documents."""
    scores = score(gold.sentences, labels, codebook=codebook, gold_kinds=gold.kinds)
    intervals = bootstrap(scores.counts, gold.groups, n=suite.resamples, seed=suite.seed, level=suite.level)
    return Measured(scores, intervals)


def difference(first: Measured, second: Measured, gold: GoldSet, suite: Suite) -> dict[str, Difference]:
    """One system minus another: measure -> difference."""
    return paired_bootstrap(
        first.scores.counts,
        second.scores.counts,
        gold.groups,
        n=suite.resamples,
        seed=suite.seed,
        level=suite.level,
    )


def compare_last(measured: Mapping[str, Measured], gold: GoldSet, suite: Suite) -> dict[str, dict[str, Difference]]:
    """The last system minus each before it: system -> measure -> difference."""
    *others, last = measured
    return {name: difference(measured[last], measured[name], gold, suite) for name in others}


def tables(
    suite: Suite,
    measured: Mapping[str, Measured],
    differences: Mapping[str, Mapping[str, Difference]],
    codebook: Codebook,
) -> tuple[Table, ...]:
    """What the report shows of the measurements."""
    titles = tuple(suite.systems[name] for name in measured)
    last = list(measured)[-1]
    shown = [_headline_table(suite, measured, titles), _label_table(measured, titles, codebook)]
    if differences:
        shown.append(_difference_table(suite, differences, last))
    return (*shown, _voice_table(measured[last].scores, suite.systems[last]))


def _headline_table(suite: Suite, measured: Mapping[str, Measured], titles: tuple[str, ...]) -> Table:
    rows = tuple(
        (title, *(with_interval(system.intervals[name]) for system in measured.values()))
        for name, title in suite.metrics.items()
    )
    note = (
        f"Brackets hold {suite.level:.0%} percentile intervals of {suite.resamples:,} bootstrap samples of documents. "
        "How each measure counts is told in `framing/evaluate/scoring.py`. The lexicon knows nothing of the page and "
        "calls every sentence body; the TF-IDF baseline gives the word or pair of words that weighs most as the span."
    )
    return Table("Systems", ("measure", *titles), rows, note)


def _label_table(measured: Mapping[str, Measured], titles: tuple[str, ...], codebook: Codebook) -> Table:
    support = {label.name: label.support for label in next(iter(measured.values())).scores.labels}
    rows = tuple(
        (name, str(support[name]), *(with_interval(system.intervals[f"f1/{name}"]) for system in measured.values()))
        for name in codebook.outputs
    )
    return Table("F1 of every label, by sentence", ("label", "sentences", *titles), rows)


def _difference_table(suite: Suite, differences: Mapping[str, Mapping[str, Difference]], last: str) -> Table:
    rows = tuple(
        (title, *(signed_interval(difference[name]) for difference in differences.values()))
        for name, title in suite.metrics.items()
    )
    columns = ("measure", *(f"against {suite.systems[name]}" for name in differences))
    return Table(
        f"Difference: {suite.systems[last]} minus the others", columns, rows, "Both on the same bootstrap samples."
    )


def _voice_table(scores: Scores, title: str) -> Table:
    voices = [str(voice) for voice in Voice]
    rows = tuple(
        (voice, *(str(cell) for cell in row)) for voice, row in zip(voices, scores.voice_confusion, strict=True)
    )
    return Table(f"Voices of paired mentions: {title}", ("gold \\ predicted", *voices), rows)


def with_interval(interval: Interval) -> str:
    """A measure as tables show it: value and interval, or a dash where it is undefined."""
    if math.isnan(interval.value):
        return "–"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def signed_interval(difference: Difference) -> str:
    """A difference as tables show it: with its sign, and interval."""
    if math.isnan(difference.value):
        return "–"
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _results(measured: Mapping[str, Measured], differences: Mapping[str, Mapping[str, Difference]]) -> dict[str, Any]:
    return {
        "systems": {
            name: {**system.scores.to_dict(), "intervals": as_json(system.intervals)}
            for name, system in measured.items()
        },
        "differences": {name: as_json(difference) for name, difference in differences.items()},
    }


def as_json(estimates: Mapping[str, Interval] | Mapping[str, Difference]) -> dict[str, dict[str, float | None]]:
    """Intervals or differences as a record holds them: rounded to 6 digits, ``None`` where undefined."""
    return {
        name: {key: _rounded(value) for key, value in asdict(estimate).items()} for name, estimate in estimates.items()
    }


def _rounded(value: float) -> float | None:
    known = none_if_nan(value)
    return None if known is None else round(known, 6)


def _wanted_systems(suite: Suite, systems: str) -> Sequence[str]:
    asked = [name.strip() for name in systems.split(",") if name.strip()] or list(suite.systems)
    for name in asked:
        _require_known(name, tuple(suite.systems), "the system")
    return [name for name in suite.systems if name in asked]


def _require_known(name: str, known: tuple[str, ...], what: str) -> None:
    if name not in known:
        raise SettingError(f"{what} {name!r} is unknown", expected="one of " + ", ".join(known))


def sha256_of_seeds(folder: Path) -> str:
    """Of the marked sentences alone: the datasheet beside them may change without changing what is learned."""
    import hashlib

    listing = "".join(f"{sha256_of(path)}  {path.name}\n" for path in sorted(folder.glob("*.tsv")))
    return hashlib.sha256(listing.encode("utf-8")).hexdigest()


def gold_facts(path: Path, gold: GoldSet) -> dict[str, Any]:
    """What a record says of its gold file: enough to know it again, and no sentence of it."""
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "sentences": len(gold),
        "documents": len(set(gold.groups)),
    }


def checkpoint_facts(checkpoint: str) -> dict[str, str]:
    """What a record says of a checkpoint."""
    from framing.model.checkpoint import Checkpoint

    folder = Checkpoint.load(checkpoint).folder
    return {"folder": folder.name, "sha256": sha256_of(folder)}
