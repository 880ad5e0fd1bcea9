"""The Ray runner: the same work on a cluster. The only module that imports ray (``pip install 'framing[ray]'``).

Each actor holds a model and does whole units: it reads the unit's input itself, labels it and writes its shard, as a
local process does. Only the numbers of units and their records go through Ray, a few hundred bytes each; the object
store and the driver see no text. Every node must reach input and output under the names that the plan gives them.

The job's folder alone says what is done (:meth:`framing.batch.job.Job.done`). Ray's checkpoints are not used: they need
an actor that takes a CPU, which a small machine may never have for it. Ray gives a unit whose actor dies to another.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ray
import ray.data

from framing.batch.job import Job, UnitRecord
from framing.batch.local import LAST_DEATH
from framing.batch.plan import Model
from framing.batch.reader import UnitReader
from framing.batch.runs import Observer
from framing.batch.units import Unit
from framing.batch.work import Worker
from framing.engine import CPU_ENGINES
from framing.errors import FramingError, OutputError, SettingError, UnitRunnerError
from framing.labeler import load

#: Stands for a Ray that is started on this machine, and stopped at the end.
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class _Share:
    """What an actor takes of the cluster."""

    cpus: float
    gpus: float


class Cluster:
    """A Ray cluster, connected to in a ``with`` block.

    Args:
        address: of the cluster (``"auto"``, ``"ray://head:10001"``), or :data:`LOCAL`. A Ray that this process is
            connected to already is used as it is.
        loading: arguments of :func:`framing.load` for the actors; with ``device`` a GPU, each actor gets one.
        largest: actors at most; as many as the cluster has room for at the beginning when ``None``.
    """

    def __init__(self, address: str, loading: dict[str, Any], largest: int | None = None) -> None:
        self._address = address
        self._loading = loading
        self._largest = largest
        self._is_ours = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            self._connect()
            self._is_ours = True
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_ours:
            ray.shutdown()

    def model(self) -> Model:
        """What labels, as it comes to be on a node; the driver's machine may have no GPU.

        Raises:
            UnitRunnerError: it cannot be loaded there.
        """
        share = self._share()
        described = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus)(_described_model)
        answer = ray.get(described.remote(self._loading))
        if isinstance(answer, str):
            raise UnitRunnerError(answer)
        model: Model = answer
        return model

    def run(self, job: Job, units: Sequence[Unit], observer: Observer) -> list[str]:
        """Work through units.

        Args:
            job: whose units they are; its folder is on a file system that all nodes share.
            units: to be done.
            observer: is told how it goes, unit by unit.

        Returns:
            Nothing to tell: Ray starts an actor that dies anew, and raises where it cannot.

        Raises:
            UnitRunnerError: what an actor ran into.
        """
        if not units:
            return []
        for unit in units:
            job.forget_attempts(unit)
        for row in self._results(job, units):
            if row["error"]:
                raise UnitRunnerError(f"on {row['node']}: {row['error']}", hint="the units that are done are kept")
            record = UnitRecord.from_json(row["record"])
            observer.on_rows(record.rows, record.sentences, row["tokens"])
            observer.on_done(record)
        return []

    def _connect(self) -> None:
        is_local = self._address == LOCAL
        try:
            ray.init(
                address=LOCAL if is_local else self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if is_local else None,
            )
        except Exception as error:  # Ray raises plain ones too, such as for a node that does not come up in time
            if is_local:
                raise UnitRunnerError(
                    f"Ray could not be started on this machine: {error}",
                    hint="see its logs in /tmp/ray/session_latest/logs; without --ray the local runner is used",
                ) from error
            raise SettingError(
                f"there is no Ray cluster at {self._address!r}: {error}",
                expected=f"'auto' on a machine of a running cluster, ray://HOST:10001, or {LOCAL!r}",
                hint="start one with: ray start --head",
            ) from error

    def _share(self) -> _Share:
        device = self._loading.get("device", "auto")
        may_use_gpu = device == "auto" and self._loading.get("engine") not in CPU_ENGINES
        if device.startswith("cuda") or (may_use_gpu and ray.cluster_resources().get("GPU", 0) > 0):
            return _Share(1.0, 1.0)
        return _Share(float(self._loading.get("threads") or 1), 0.0)

    def _results(self, job: Job, units: Sequence[Unit]) -> Iterator[dict[str, Any]]:
        """What comes of each unit, as the actors finish them."""
        share, resources = self._share(), ray.cluster_resources()
        room = resources.get("GPU", 0) if share.gpus else resources.get("CPU", 1) // share.cpus
        # A block a unit: what Ray hands out at a time.
        numbers = ray.data.from_items([{"unit": unit.number} for unit in units], override_num_blocks=len(units))
        done = numbers.map_batches(
            UnitRunner,
            fn_constructor_args=(str(job.folder.resolve()), job.fingerprint, self._loading),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=max(1, min(self._largest or int(room), len(units)))
            ),
            num_cpus=share.cpus,
            num_gpus=share.gpus,
        )
        yield from done.iter_rows()


def _described_model(loading: dict[str, Any]) -> Model | str:
    try:
        with load(**loading) as labeler:
            return Model.of(labeler)
    except FramingError as error:
        return str(error)


class UnitRunner:
    """An actor: holds the model, does the units that it is given.

    Args:
        folder: of the job.
        fingerprint: of the plan, to see that this node sees the same folder.
        loading: arguments of :func:`framing.load`.
    """

    def __init__(self, folder: str, fingerprint: str, loading: dict[str, Any]) -> None:
        self._job = Job.load(Path(folder))
        if self._job.fingerprint != fingerprint:
            raise OutputError(f"{folder} on this node holds another job", expected="a folder that all nodes share")
        labeler = load(**loading)
        self._model = Model.of(labeler)
        self._reader = UnitReader(self._job.plan)
        self._labeler = labeler
        self._worker = Worker(self._job, labeler)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Do a unit.

        Args:
            batch: ``unit``: its number, int64 [1].

        Returns:
            Columns of one row: ``record`` (JSON) and ``tokens`` (that the model has read for it), or ``error`` and
            ``node``. Ray would try again if an error were raised.
        """
        unit = self._job.plan.units[int(batch["unit"][0])]
        before = self._labeler.tokens_read
        try:
            self._check(unit)
            # Done already if another actor did it and died before Ray heard of it.
            if self._job.done(unit) is None:
                self._job.begin(unit)
                self._worker.work(self._reader.read(unit)).result()
        except FramingError as error:
            return {"record": [""], "tokens": [0], "error": [str(error)], "node": [ray.util.get_node_ip_address()]}
        record = self._job.path("done", unit.number, "json").read_text(encoding="utf-8")
        tokens = self._labeler.tokens_read - before
        return {"record": [record], "tokens": [tokens], "error": [""], "node": [""]}

    def _check(self, unit: Unit) -> None:
        planned = self._job.plan.model
        if self._model != planned:
            raise SettingError(
                f"the model on this node is {self._model.engine}, {self._model.precision}, {self._model.checkpoint}",
                expected=f"that of the plan: {planned.engine}, {planned.precision}, {planned.checkpoint}",
                hint="name --engine, --device and --precision, so that all nodes take the same",
            )
        # Ray itself would try again for ever.
        if self._job.attempts(unit) >= LAST_DEATH:
            raise UnitRunnerError(
                f"{LAST_DEATH} processes died over unit {unit.number}, from row {unit.first} of "
                f"{self._job.plan.file_of(unit).label}; no row was found that kills by itself",
                hint="see the logs of Ray; most often the memory ran out",
            )
