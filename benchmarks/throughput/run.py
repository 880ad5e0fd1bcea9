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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.record import RESULTS_FOLDER, Record, command_line, sha256_of
from benchmarks.throughput.agreement import AgreementWithReference
from benchmarks.throughput.startup import ROOT, WORKER, cold_start, import_time
from benchmarks.throughput.suite import SUITE_FILE, Repeated, Suite
from benchmarks.throughput.tables import tables
from framing.benchmark.limits import ModelShape
from framing.benchmark.process import SystemProcess
from framing.benchmark.protocol import Request, SystemSpec
from framing.benchmark.sentences import Corpus, find_texts
from framing.benchmark.throughput import is_limit, limit_to_dict, measure, percentiles, to_dict
from framing.cli._errors import reporting_errors
from framing.engine.cpu import usable_cores
from framing.errors import CheckpointNotFoundError, MissingExtraError
from framing.model.checkpoint import Checkpoint, locate

PACKAGES = (
    *("numpy", "scipy", "torch", "transformers", "tokenizers", "onnxruntime", "sentence-transformers", "openvino"),
    *("ctranslate2", "scikit-learn", "spacy"),
)


@reporting_errors()
def main(
    suite: Annotated[Path, typer.Option(help="The declaration.")] = SUITE_FILE,
    checkpoint: Annotated[str, typer.Option(help="A checkpoint's folder, or 'shipped'.")] = "shipped",
    systems: Annotated[str, typer.Option(help="Which systems, joined by commas; all of the suite if left out.")] = "",
    rounds: Annotated[int | None, typer.Option(help="Instead of the suite's.", min=1)] = None,
    texts: Annotated[Path | None, typer.Option(help="Other sentences than the seeds: UTF-8, one a line.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = RESULTS_FOLDER,
) -> None:
    """Measure the systems of a suite and write the record."""
    read = Suite.load(suite)
    read = replace(read, rounds=rounds or read.rounds)
    opened = Checkpoint.load(checkpoint)
    corpus = Corpus.of(
        find_texts(texts, opened.codebook),
        opened.sentence_encoder(),
        seed=read.seed,
        longest=int(opened.config["window_length"]),
    )
    run = Run(read, opened, corpus)
    results = run.all([name.strip() for name in systems.split(",") if name.strip()])
    inputs: dict[str, dict[str, Any]] = {
        "checkpoint": {"folder": opened.folder.name, "sha256": sha256_of(opened.folder)},
        "texts": corpus.describe(),
    }
    command = command_line("benchmarks.throughput")
    record = Record(read.name, read.title, command, inputs, results, tables(results), PACKAGES)
    typer.echo(f"wrote {record.save(out)}\nnext: python -m benchmarks.report")


@dataclass(slots=True)
class Run:
    """One run of a suite.

    Attributes:
        suite, checkpoint, corpus: what is measured, with what, on what.
        stages: seconds that each part took.
        skipped: systems whose libraries are not installed, and what was missing.
    """

    suite: Suite
    checkpoint: Checkpoint
    corpus: Corpus
    stages: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> ModelShape:
        """The model's sizes."""
        return ModelShape.of(self.checkpoint.config)

    def all(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """Measure everything that the suite declares of the systems of these names, or of all.

        Raises:
            SettingError: a name is unknown.
            FramingError: a system failed; the message names it.
        """
        specs = self.suite.select(names)
        results = self._systems(specs)
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
                measured = measure(
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
                split = [self._split(p, part) for p, part in self._chosen(processes, self.suite.split)]
            with self._stage("latency"):
                latency = [self._latency(p, part) for p, part in self._chosen(processes, self.suite.latency)]
        limit = next(filter(is_limit, measured), None)
        baselines = {m.spec.name: m for m in measured if m.spec.name in self.suite.baselines}
        systems = [
            {
                **to_dict(m, self.suite.bootstrap, limit=limit, baselines=baselines),
                "agreement": agreement.get(m.spec.name),
            }
            for m in measured
            if not is_limit(m)
        ]
        return {
            "limit": None if limit is None else limit_to_dict(limit, self.suite.bootstrap),
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
        return SystemProcess(spec, self._folder_of(spec), corpus or self.corpus, worker=WORKER, folder=ROOT)

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

    def _chosen(
        self, processes: Sequence[SystemProcess], part: Repeated | None
    ) -> Iterator[tuple[SystemProcess, Repeated]]:
        if part is not None:
            yield from ((process, part) for process in processes if process.spec.name in part.systems)

    def _split(self, process: SystemProcess, part: Repeated) -> dict[str, Any]:
        answers = [
            process.ask(Request.SPLIT, first=number * part.sentences, count=part.sentences)
            for number in range(part.times)
        ]
        medians = {step: round(float(np.median([answer[step] for answer in answers])), 6) for step in answers[0]}
        return {**_named(process.spec), **medians}

    def _latency(self, process: SystemProcess, part: Repeated) -> dict[str, Any]:
        return {**_named(process.spec), **percentiles(process.ask(Request.LATENCY, first=0, count=part.sentences))}

    # --- fresh processes ----------------------------------------------------------------------------------------------

    def _cold_starts(self, measured: set[str]) -> list[dict[str, Any]]:
        part = self.suite.cold_start
        rows = []
        with self._stage("cold start"):
            for name in part.systems if part else ():
                if name not in measured:
                    continue
                spec = self.suite.system(name)
                start = cold_start(spec, self.checkpoint.folder, self.corpus, part.times if part else 0)
                seconds = self.suite.bootstrap.median(np.array(start.seconds)).to_dict()
                rows.append(
                    {
                        **_named(spec),
                        "seconds": seconds,
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
            "seconds": self.suite.bootstrap.median(np.array(times.seconds)).to_dict(),
            "bare": _rounded(times.bare),
            "importing": _rounded(times.importing),
        }

    # --- scaling ------------------------------------------------------------------------------------------------------

    def _scaling(self) -> dict[str, Any]:
        declared = self.suite.scaling
        assert declared is not None
        spec = replace(self.suite.system(declared.system), sentences=declared.sentences)
        threads = [count for count in declared.threads or () if count <= usable_cores()]
        budgets = declared.token_budgets or []
        lengths = declared.lengths or []
        rows: dict[str, Any] = {}
        with self._stage("scaling: threads"):
            rows["threads"] = self._vary([(n, replace(spec, threads=n), self.corpus) for n in threads])
        with self._stage("scaling: token budgets"):
            rows["token_budgets"] = self._vary([(n, replace(spec, token_budget=n), self.corpus) for n in budgets])
        with self._stage("scaling: lengths"):
            buckets = [(f"{low}–{high}", spec, self.corpus.select(low, high)) for low, high in lengths]
            rows["lengths"] = self._vary(buckets)
        with self._stage("scaling: corpus"):
            rows["corpus"] = [self._stream(spec, count) for count in declared.corpus or ()]
            stand_in = replace(spec, kind="stand-in", name="stand-in")
            rows["stand_in"] = [self._stream(stand_in, count) for count in declared.stand_in or ()]
        return rows

    def _vary(self, variants: Sequence[tuple[int | str, SystemSpec, Corpus]]) -> list[dict[str, Any]]:
        """Measure variants of one system in turn."""
        if not variants:
            return []
        assert self.suite.scaling is not None
        named = [
            (replace(spec, name=f"{spec.name}, {value}", title=spec.shown), corpus) for value, spec, corpus in variants
        ]
        with ExitStack() as stack:
            processes = [stack.enter_context(self._process(spec, corpus)).ready() for spec, corpus in named]
            measured = measure(
                processes, self.shape, rounds=self.suite.scaling.rounds, warm_up=self.suite.warm_up, report=_report
            )
        return [
            {"value": value, **to_dict(m, self.suite.bootstrap)}
            for (value, _, _), m in zip(variants, measured, strict=True)
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


def _named(spec: SystemSpec) -> dict[str, str]:
    return {"name": spec.name, "title": spec.shown}


def _rounded(seconds: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in seconds]


def _report(text: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)
