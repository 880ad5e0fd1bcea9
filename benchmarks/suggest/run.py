"""``python -m benchmarks.suggest``: a simulated annotation of the seeds, round by round.

The seeds are marked already; of a part of them the marks are hidden. In each round a model is trained on what is
labelled, its probabilities of the rest go through :func:`framing.suggest.rank` and :func:`framing.suggest.diverse`, and
the marks of what they choose are uncovered. Test sentences are of other groups. The model is cheap, so that many rounds
can be played: logistic regressions on words and pairs of words, one a label, and no encoder.

All strategies begin with the same sentences, and each seed draws others: intervals are over seeds, which share the
seeds' file, and so tell how much chance is in the choice, not how another corpus would behave.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import typer
from scipy.stats import t as student

from benchmarks import options
from benchmarks.learning_curve.parts import place
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line
from benchmarks.seeds import read_seeds, sha256_of_seeds
from benchmarks.suites import Suite
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.errors import SettingError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import f1, macro_f1, tallies
from framing.speed import SEEDS
from framing.suggest import diverse, rank

Array = npt.NDArray[Any]
MEASURES = {
    "macro_f1": "frames, macro F1",
    "micro_f1": "frames, micro F1",
    "average_precision": "frames, mean average precision",
}
#: Of which the best one, common to all labels, is taken.
_THRESHOLDS = np.linspace(0.02, 0.98, 49)
_CHANCE = "random"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How sentences are chosen; see :func:`framing.suggest.suggest`. Without ``by``, by chance."""

    title: str
    by: str | None = None
    diversity: str = "kcenter"
    rare: float = 0.5


@dataclass(frozen=True, slots=True)
class SuggestSuite(Suite):
    """A simulated annotation.

    Attributes:
        start: sentences drawn by chance that are labelled at the beginning.
        step: sentences labelled in a round.
        rounds: how many times.
        seeds: of the draws, one play each.
        pool: sentences that can be labelled.
        test_share: of the groups.
        strategies: by name; ``random`` is what the others are compared with.
    """

    folder: ClassVar[str] = "suggest"

    start: int
    step: int
    rounds: int
    seeds: tuple[int, ...]
    pool: int
    test_share: float
    strategies: dict[str, Strategy]

    def __post_init__(self) -> None:
        if _CHANCE not in self.strategies or self.strategies[_CHANCE].by is not None:
            raise SettingError("there is no strategy 'random'", expected="one without 'by', to compare with")
        if len(self.seeds) < 2 or self.start + self.step * self.rounds > self.pool:
            raise SettingError("too few seeds, or more sentences than the pool has", expected="two seeds at least")

    @property
    def labelled(self) -> list[int]:
        """Sentences that are labelled when the model is measured."""
        return [self.start + self.step * k for k in range(self.rounds + 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Sentences:
    """Texts and their labels, bool [texts, labels]."""

    texts: tuple[str, ...]
    truth: Array

    @classmethod
    def of(cls, gold: GoldSet, codebook: Codebook, wanted: Any) -> Sentences:
        """Some sentences of a set."""
        part = gold.select([int(i) for i in wanted])
        carried = [{tag.output for span in one.spans for tag in span.tags} for one in part.sentences]
        truth = [[name in names for name in codebook.label_names] for names in carried]
        return cls(tuple(one.text for one in part.sentences), np.array(truth, dtype=bool))


class Model:
    """Logistic regressions on words and pairs of words. The words are those of all texts, which need no label."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit(texts)

    def features(self, texts: tuple[str, ...]) -> Any:
        """TF-IDF of texts, sparse."""
        return self._vectors.transform(texts)

    @staticmethod
    def probabilities(x: Any, truth: Array, others: tuple[Any, ...]) -> list[Array]:
        """Of several matrices of features, by a model that is trained on ``x`` and ``truth``."""
        from sklearn.linear_model import LogisticRegression

        found = [np.zeros((other.shape[0], truth.shape[1])) for other in others]
        for k in np.flatnonzero(truth.any(axis=0)):
            model = LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear", random_state=0)
            model.fit(x, truth[:, k])
            for values, other in zip(found, others, strict=True):
                values[:, k] = model.predict_proba(other)[:, 1]
        return found


def play(
    strategy: Strategy, suite: SuggestSuite, seed: int, pool: Sentences, test: Sentences
) -> dict[str, list[float]]:
    """One annotation: measure -> value after each round."""
    random = np.random.default_rng(seed)
    chance = random.permutation(len(pool.texts))
    labelled = chance[: suite.start].tolist()
    model = Model(pool.texts)
    x, x_test = model.features(pool.texts), model.features(test.texts)
    values: dict[str, list[float]] = {name: [] for name in MEASURES}
    for number in range(suite.rounds + 1):
        of_pool, of_test = model.probabilities(x[labelled], pool.truth[labelled], (x, x_test))
        for name, value in measured(of_test, test.truth).items():
            values[name].append(value)
        if number == suite.rounds:
            break
        if strategy.by is None:
            labelled = chance[: len(labelled) + suite.step].tolist()
            continue
        free = np.setdiff1d(np.arange(len(pool.texts)), labelled)
        ranked = rank(of_pool[free], of_pool[free] >= 0.5, by=strategy.by, rare=strategy.rare)  # type: ignore[arg-type]
        order = ranked.order[: suite.step if strategy.diversity == "none" else suite.step * 10]
        texts = [pool.texts[free[i]] for i in order]
        done = [pool.texts[i] for i in labelled]
        taken = diverse(texts, ranked.score[order], suite.step, strategy.diversity, done, seed)  # type: ignore[arg-type]
        labelled += [int(free[order[i]]) for i in taken]
    return values


def measured(probabilities: Array, truth: Array) -> dict[str, float]:
    """Quality of probabilities [n, labels]; F1 at the common threshold that is best for it.

    With a fixed threshold a strategy would gain by nothing but how many positive sentences it finds: a model that
    has seen more of them gives larger probabilities. Average precision needs no threshold.
    """
    from sklearn.metrics import average_precision_score

    counts = np.stack([tallies(probabilities >= threshold, truth) for threshold in _THRESHOLDS])
    supported = truth.any(axis=0)
    return {
        "macro_f1": float(macro_f1(counts).max()),
        "micro_f1": float(np.nanmax(f1(counts.sum(axis=1)))),
        "average_precision": float(average_precision_score(truth[:, supported], probabilities[:, supported])),
    }


def labels_to(curve: Array, labelled: list[int], target: float) -> float:
    """Labels after which a curve first reaches a value, between measurements along a line; nan if it never does."""
    above = np.flatnonzero(curve >= target)
    if not len(above):
        return float("nan")
    k = int(above[0])
    if k == 0:
        return float(labelled[0])
    share = (target - curve[k - 1]) / (curve[k] - curve[k - 1])
    return float(labelled[k - 1] + share * (labelled[k] - labelled[k - 1]))


def mean_interval(values: Array) -> tuple[float, float, float]:
    """The mean over plays and its 95 % interval by Student's t."""
    mean, half = float(np.mean(values)), float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1))
    half /= float(np.sqrt(len(values)))
    return mean, mean - half, mean + half


@reporting_errors()
def main(
    seeds: Annotated[Path, typer.Option(help="Folder of the marked sentences.")] = SEEDS,
    suite_file: options.SuiteFile = SuggestSuite.file(),
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Play the annotations and write the record."""
    suite, codebook = SuggestSuite.load(suite_file), Codebook.default()
    gold = read_seeds(codebook, seeds)
    is_test = np.array([place(group) < suite.test_share for group in gold.groups])
    test = Sentences.of(gold, codebook, np.flatnonzero(is_test))
    curves: dict[str, dict[str, list[list[float]]]] = {name: {m: [] for m in MEASURES} for name in suite.strategies}
    for seed in suite.seeds:
        drawn = np.random.default_rng(1000 + seed).permutation(np.flatnonzero(~is_test))[: suite.pool]
        pool = Sentences.of(gold, codebook, drawn)
        for name, strategy in suite.strategies.items():
            for measure, values in play(strategy, suite, seed, pool, test).items():
                curves[name][measure].append(values)
            typer.echo(f"seed {seed}, {name}: macro F1 {curves[name]['macro_f1'][-1][-1]:.3f}", err=True)
    results = {"labelled": suite.labelled, "curves": curves}
    inputs = {"seeds": {"sha256": sha256_of_seeds(seeds), "test_sentences": len(test.texts), "pool": suite.pool}}
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.suggest"),
        inputs,
        results,
        tables(suite, {n: {m: np.array(v) for m, v in c.items()} for n, c in curves.items()}),
        ("numpy", "scipy", "scikit-learn"),
    )
    record.save_and_tell(out)


def tables(suite: SuggestSuite, curves: dict[str, dict[str, Array]]) -> tuple[Table, ...]:
    """The curves, and the labels that each strategy needs to reach what chance ends at."""
    found = []
    for measure, title in MEASURES.items():
        rows = tuple(
            (strategy.title, *(_told(mean_interval(column)) for column in curves[name][measure].T[1:]))
            for name, strategy in suite.strategies.items()
        )
        columns = ("chosen", *(f"{count:,}" for count in suite.labelled[1:]))
        note = f"Means of {len(suite.seeds)} plays with 95 % intervals (Student's t) over plays."
        found.append(Table(f"{title} by sentences labelled", columns, rows, note))
    needs: list[tuple[str, ...]] = []
    for name, strategy in suite.strategies.items():
        cells = []
        for measure in MEASURES:
            # Of each play: labels to the value that chance has at its end.
            pairs = zip(curves[name][measure], curves[_CHANCE][measure][:, -1], strict=True)
            needed = np.array([labels_to(curve, suite.labelled, target) for curve, target in pairs])
            known = needed[~np.isnan(needed)]
            missed = f", never in {len(needed) - len(known)}" if len(known) < len(needed) else ""
            cells.append((_told(mean_interval(known), 0) if len(known) > 1 else "–") + missed)
        needs.append((strategy.title, *cells))
    last = suite.labelled[-1]
    note = f"The value that {last:,} sentences drawn by chance reach in the same play. {_MODEL}"
    found.append(
        Table(f"Labels needed for what {last:,} by chance reach", ("chosen", *MEASURES.values()), tuple(needs), note)
    )
    return tuple(found)


_MODEL = (
    "The model is a logistic regression on words for each label. F1 is at the threshold, common to all labels, that is "
    "best on the test sentences, for every strategy alike: what no annotator knows, but what favours none."
)


def _told(interval: tuple[float, float, float], digits: int = 3) -> str:
    mean, low, high = interval
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
