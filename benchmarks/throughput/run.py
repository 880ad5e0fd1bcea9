"""``python -m benchmarks.throughput``: measures the systems of a suite and writes the record.

``results`` of the record::

    corpus       {origin, sentences, tokens_p5, tokens_p50, tokens_p95, tokens_mean}
    limit        {description, flops_per_second: ESTIMATE, bytes_per_second_…: ESTIMATE on a GPU, rounds}, or null
    systems      [{name, title, kind, spec, description, sentences_per_second: ESTIMATE, tokens_per_second: ESTIMATE,
                   ratios: {baseline: ESTIMATE}, share_of_limit: ESTIMATE or null, peak_memory: bytes, rounds:
                   [{seconds, cpu_seconds, sentences, tokens}], agreement: {sentences, largest_difference, differing}
                   or null}]
    reference    name of the system that `agreement` is with, or null
    split        [{name, title, tokenise, model, decode, records}], seconds, medians over the repetitions
    latency      [{name, title, n, p50, p90, p99}], seconds
    cold_start   [{name, title, seconds: ESTIMATE, loads_torch, processes: [seconds]}]
    imports      {seconds: ESTIMATE, bare: [seconds], importing: [seconds]}, or null
    scaling      {threads, token_budgets, lengths: [{value, … as in systems}],
                  corpus, stand_in: [{sentences, seconds, microseconds_per_sentence, peak_memory}]}
    skipped      {system: why it was not measured}
    stages       {part of the run: seconds}

where ESTIMATE is ``{median, low, high}`` over the rounds (or fresh processes), the ends those of a bootstrap interval.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import options
from benchmarks.harness.corpus import Corpus
from benchmarks.harness.process import SystemProcess
from benchmarks.harness.protocol import Request, SystemSpec
from benchmarks.harness.rounds import time_in_turn
from benchmarks.record import RESULTS_FOLDER, Record, checkpoint_facts, command_line
from benchmarks.suites import ThroughputSuite
from benchmarks.throughput.agreement import AgreementWithReference
from benchmarks.throughput.startup import cold_start, import_time
from benchmarks.throughput.tables import tables
from framing.cli._errors import reporting_errors
from framing.engine.processor import usable_cores
from framing.errors import CheckpointNotFoundError, MissingExtraError
from framing.model.checkpoint import Checkpoint, locate
from framing.speed import ModelShape, find_texts, percentiles

PACKAGES = (
    *("numpy", "scipy", "torch", "transformers", "tokenizers", "onnxruntime", "sentence-transformers", "openvino"),
    *("ctranslate2", "scikit-learn", "spacy"),
)


@reporting_errors()
def main(
    suite_file: options.SuiteFile = ThroughputSuite.file(),
    checkpoint: options.CheckpointName = "shipped",
    systems: options.Systems = "",
    rounds: Annotated[int | None, typer.Option(help="Instead of the suite's.", min=1)] = None,
    texts: Annotated[Path | None, typer.Option(help="Other sentences than the seeds: UTF-8, one a line.")] = None,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure the systems of a suite and write the record."""
    suite = ThroughputSuite.load(suite_file)
    suite = replace(suite, rounds=rounds or suite.rounds)
    opened = Checkpoint.load(checkpoint)
    whole = Corpus.of(find_texts(texts), opened.sentence_encoder(), seed=suite.seed)
    corpus = whole.select(1, int(opened.config["window_length"]))
    results = Run(suite, opened, corpus).all(systems)
    inputs = {"checkpoint": checkpoint_facts(opened.folder), "texts": corpus.describe()}
    command = command_line("benchmarks.throughput")
    record = Record(suite.name, suite.title, command, inputs, results, tables(results), PACKAGES)
    record.save_and_tell(out)


@dataclass(slots=True)
class Run:
    """One run of a suite.

    Attributes:
        suite, checkpoint, corpus: what is measured, with what, on what.
        stages: seconds that each part took.
        skipped: systems whose libraries are not installed, and what was missing.
    """

    suite: ThroughputSuite
    checkpoint: Checkpoint
    corpus: Corpus
    stages: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> ModelShape:
        """The model's sizes."""
        return ModelShape.of(self.checkpoint.config)

    def all(self, names: str = "") -> dict[str, Any]:
        """Measure all that the suite declares, of the systems that ``names``, joined by commas, asks for, or of all.

        Raises:
            SettingError: a name is unknown.
            FramingError: a system failed; the message names it.
        """
        results = self._systems(self.suite.select(names))
        measured = {system["name"] for system in results["systems"]}
        results["cold_start"] = self._cold_starts(measured)
        results["imports"] = self._imports()
        results["scaling"] = self._scaling() if self.suite.scaling and self.suite.scaling.system in measured else {}
        return {"corpus": self.corpus.describe(), **results, "skipped": self.skipped, "stages": self.stages}

    # --- all systems in turn ------------------------------------------------------------------------------------------

    def _systems(self, specs: Sequence[SystemSpec]) -> dict[str, Any]:
        """Rounds, agreement, split and latency, with all systems open at the same time."""
        with ExitStack() as stack:
            with self._stage("loading"):
                processes = self._start(specs, stack)
            with self._stage("rounds"):
                measured = time_in_turn(
                    processes,
                    self.shape,
                    rounds=self.suite.rounds,
                    warm_up=self.suite.warm_up,
                    report=_report,
                    shapes={p.spec.name: self._shape_of(p.spec) for p in processes if p.spec.checkpoint},
                )
            with self._stage("agreement"):
                agreement = self._agreement(processes, stack)
            with self._stage("split"):
                split = [self._split(p) for p in processes if p.spec.name in self.suite.split.systems]
            with self._stage("latency"):
                latency = [self._latency(p) for p in processes if p.spec.name in self.suite.latency.systems]
        limit = next((timed for timed in measured if timed.is_limit), None)
        baselines = {timed.spec.name: timed for timed in measured if timed.spec.name in self.suite.baselines}
        systems = [
            {
                **timed.to_dict(self.suite.bootstrap, limit=limit, baselines=baselines),
                "agreement": agreement.get(timed.spec.name),
            }
            for timed in measured
            if not timed.is_limit
        ]
        return {
            "limit": limit and limit.figures_to_dict(self.suite.bootstrap),
            "systems": systems,
            "reference": self.suite.agreement and self.suite.agreement.reference,
            "split": split,
            "latency": latency,
        }

    def _start(self, specs: Sequence[SystemSpec], stack: ExitStack) -> list[SystemProcess]:
        """Open the systems, one after the other; those whose libraries are missing are skipped."""
        processes = []
        for spec in specs:
            _report(f"loading {spec.name}")
            try:
                process = stack.enter_context(self._process(spec))
            except CheckpointNotFoundError as error:
                self.skipped[spec.name] = error.message
                continue
            try:
                processes.append(process.ready())
            except MissingExtraError as error:
                self.skipped[spec.name] = error.message
                process.close()
        return processes

    def _process(self, spec: SystemSpec, corpus: Corpus | None = None) -> SystemProcess:
        return SystemProcess(spec, self._folder_of(spec), corpus or self.corpus)

    def _folder_of(self, spec: SystemSpec) -> Path:
        return locate(spec.checkpoint) if spec.checkpoint else self.checkpoint.folder

    def _shape_of(self, spec: SystemSpec) -> ModelShape:
        return ModelShape.of(Checkpoint.load(self._folder_of(spec)).config)

    def _agreement(self, processes: Sequence[SystemProcess], stack: ExitStack) -> dict[str, dict[str, Any]]:
        """System -> how far it is from the reference, of those that run the same weights."""
        declared = self.suite.agreement
        compared = [process for process in processes if process.same_weights and not process.spec.checkpoint]
        if declared is None or not compared:
            return {}
        asked = {"first": 0, "count": declared.sentences}
        known = {process.spec.name: process for process in processes}
        if declared.reference not in known:  # not among those that were asked for
            (known[declared.reference],) = self._start([self.suite.system(declared.reference)], stack)
        reference = known[declared.reference].ask(Request.LABEL, **asked)
        return {
            process.spec.name: AgreementWithReference.of(process.ask(Request.LABEL, **asked), reference).to_dict()
            for process in compared
        }

    def _split(self, process: SystemProcess) -> dict[str, Any]:
        count = self.suite.split.sentences
        answers = [
            process.ask(Request.SPLIT, first=number * count, count=count) for number in range(self.suite.split.times)
        ]
        medians = {step: round(float(np.median([answer[step] for answer in answers])), 6) for step in answers[0]}
        return {**_named(process.spec), **medians}

    def _latency(self, process: SystemProcess) -> dict[str, Any]:
        seconds = process.ask(Request.LATENCY, first=0, count=self.suite.latency.sentences)
        return {**_named(process.spec), "n": len(seconds), **percentiles(seconds, (50, 90, 99))}

    # --- fresh processes ----------------------------------------------------------------------------------------------

    def _cold_starts(self, measured: Collection[str]) -> list[dict[str, Any]]:
        rows = []
        with self._stage("cold start"):
            for spec in (self.suite.system(name) for name in self.suite.cold_start.systems if name in measured):
                start = cold_start(spec, self.checkpoint.folder, self.corpus, self.suite.cold_start.times)
                rows.append(
                    {
                        **_named(spec),
                        "seconds": self.suite.bootstrap.median(start.seconds).to_dict(),
                        "loads_torch": start.loads_torch,
                        "processes": _rounded(start.seconds),
                    }
                )
        return rows

    def _imports(self) -> dict[str, Any] | None:
        if not self.suite.imports:
            return None
        with self._stage("import"):
            times = import_time(self.suite.imports)
        return {
            "seconds": self.suite.bootstrap.median(times.seconds).to_dict(),
            "bare": _rounded(times.bare),
            "importing": _rounded(times.importing),
        }

    # --- scaling ------------------------------------------------------------------------------------------------------

    def _scaling(self) -> dict[str, Any]:
        declared = self.suite.scaling
        assert declared is not None
        spec = replace(self.suite.system(declared.system), sentences=declared.sentences)
        threads = [count for count in declared.threads if count <= usable_cores()]
        rows: dict[str, Any] = {}
        with self._stage("scaling: threads"):
            rows["threads"] = self._vary([_Variant(n, replace(spec, threads=n), self.corpus) for n in threads])
        with self._stage("scaling: token budgets"):
            budgets = declared.token_budgets
            rows["token_budgets"] = self._vary(
                [_Variant(n, replace(spec, token_budget=n), self.corpus) for n in budgets]
            )
        with self._stage("scaling: lengths"):
            rows["lengths"] = self._vary(
                [_Variant(f"{low}–{high}", spec, self.corpus.select(low, high)) for low, high in declared.lengths]
            )
        with self._stage("scaling: corpus"):
            rows["corpus"] = [self._stream(spec, count) for count in declared.corpus]
            stand_in = replace(spec, kind="stand-in", name="stand-in")
            rows["stand_in"] = [self._stream(stand_in, count) for count in declared.stand_in]
        return rows

    def _vary(self, variants: Sequence[_Variant]) -> list[dict[str, Any]]:
        """Measure variants of one system in turn."""
        if not variants:
            return []
        assert self.suite.scaling is not None
        with ExitStack() as stack:
            processes = [stack.enter_context(self._process(v.named_spec, v.corpus)).ready() for v in variants]
            measured = time_in_turn(
                processes, self.shape, rounds=self.suite.scaling.rounds, warm_up=self.suite.warm_up, report=_report
            )
        return [
            {"value": variant.value, **timed.to_dict(self.suite.bootstrap)}
            for variant, timed in zip(variants, measured, strict=True)
        ]

    def _stream(self, spec: SystemSpec, count: int) -> dict[str, Any]:
        """Stream documents of so many sentences through a fresh process."""
        _report(f"{spec.name}: {count:,} sentences")
        with self._process(spec) as process:
            process.ready().ask(Request.ROUND, first=0, count=self.suite.warm_up)
            answer = process.ask(Request.STREAM, count=count)
            peak = process.ask(Request.MEMORY)
        cost = answer["seconds"] / answer["sentences"]
        return {
            "sentences": answer["sentences"],
            "seconds": round(answer["seconds"], 3),
            "microseconds_per_sentence": round(cost * 1e6, 1),
            "peak_memory": peak,
        }

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.stages[name] = round(time.perf_counter() - started, 1)


@dataclass(frozen=True, slots=True)
class _Variant:
    """A system with one setting changed to ``value``, and what it labels."""

    value: int | str
    spec: SystemSpec
    corpus: Corpus

    @property
    def named_spec(self) -> SystemSpec:
        return replace(self.spec, name=f"{self.spec.name}, {self.value}", title=self.spec.shown)


def _named(spec: SystemSpec) -> dict[str, str]:
    return {"name": spec.name, "title": spec.shown}


def _rounded(seconds: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in seconds]


def _report(text: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)
