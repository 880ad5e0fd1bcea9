"""What a suite of the throughput benchmark declares, read from YAML; a key that is not known is an error."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from benchmarks.throughput.peers import PEERS
from framing.benchmark.protocol import SystemSpec, declared
from framing.benchmark.throughput import Bootstrap
from framing.benchmark.worker import OWN_SYSTEMS
from framing.errors import SettingError, UnreadableFileError

T = TypeVar("T")

SUITE_FILE = Path(__file__).parent / "suite.yaml"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Labels held against those of a reference.

    Attributes:
        reference: name of a system that runs the checkpoint's weights.
        sentences: how many.
    """

    reference: str
    sentences: int = 500


@dataclass(frozen=True, slots=True)
class Repeated:
    """Something measured of some of the systems.

    Attributes:
        systems: their names.
        sentences: how many are labelled.
        times: how often, or in how many fresh processes.
    """

    systems: list[str]
    sentences: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the cost of one system changes with a setting.

    Attributes:
        system: its name; everything but the setting is as declared there.
        rounds: of each setting, in turn.
        sentences: in a round.
        threads: numbers of threads; those beyond the machine's cores are left out.
        token_budgets: tokens in a batch.
        lengths: least and most tokens of a sentence, special ones included.
        corpus: numbers of sentences that are streamed.
        stand_in: the same, with an engine that repeats logits: the cost of all but the model.
    """

    system: str
    rounds: int = 3
    sentences: int = 512
    threads: list[int] | None = None
    token_budgets: list[int] | None = None
    lengths: list[list[int]] | None = None
    corpus: list[int] | None = None
    stand_in: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite.

    Attributes:
        name, title: of the suite; the record is named after it.
        systems: in the order of their turns.
        baselines: names of systems that the others are compared with.
        rounds: turns of each.
        warm_up: sentences that each labels before.
        seed: of the order of sentences.
        bootstrap: of the intervals.
        agreement, split, latency, cold_start, scaling: what else is measured; ``None`` where nothing.
        imports: fresh processes in which ``import framing`` is timed; 0 for none.
    """

    name: str
    title: str
    systems: tuple[SystemSpec, ...]
    baselines: tuple[str, ...]
    rounds: int
    warm_up: int
    seed: int
    bootstrap: Bootstrap
    agreement: Agreement | None
    split: Repeated | None
    latency: Repeated | None
    cold_start: Repeated | None
    imports: int
    scaling: Scaling | None

    @classmethod
    def load(cls, path: Path = SUITE_FILE) -> Self:
        """Read a declaration.

        Raises:
            UnreadableFileError: the file is missing or is not YAML.
            SettingError: a key, a kind or a system is unknown, or a value is of the wrong type.
        """
        try:
            written = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UnreadableFileError(f"{path} cannot be read: {error}", expected="a suite as YAML") from error
        form = declared(_Written, written, path.name)
        systems = tuple(declared(SystemSpec, s, f"{path.name}: systems[{i}]") for i, s in enumerate(form.systems))
        suite = cls(
            form.name,
            form.title,
            systems,
            tuple(form.baselines),
            form.rounds,
            form.warm_up,
            form.seed,
            declared(Bootstrap, form.bootstrap or {}, f"{path.name}: bootstrap"),
            _optional(Agreement, form.agreement, f"{path.name}: agreement"),
            _optional(Repeated, form.split, f"{path.name}: split"),
            _optional(Repeated, form.latency, f"{path.name}: latency"),
            _optional(Repeated, form.cold_start, f"{path.name}: cold_start"),
            form.imports,
            _optional(Scaling, form.scaling, f"{path.name}: scaling"),
        )
        suite._check(path.name)
        return suite

    def system(self, name: str) -> SystemSpec:
        """The system of a name.

        Raises:
            SettingError: there is none.
        """
        for spec in self.systems:
            if spec.name == name:
                return spec
        raise SettingError(f"system {name!r} is unknown", expected=", ".join(spec.name for spec in self.systems))

    def select(self, names: Collection[str]) -> tuple[SystemSpec, ...]:
        """The systems of these names, and the machine's limit, in the suite's order; all where no name is given.

        Raises:
            SettingError: a name is unknown.
        """
        wanted = {self.system(name).name for name in names}
        return tuple(s for s in self.systems if not wanted or s.name in wanted or s.kind == "gemm")

    def _check(self, where: str) -> None:
        kinds = (*OWN_SYSTEMS, *PEERS)
        names = [spec.name for spec in self.systems]
        for spec in self.systems:
            if spec.kind not in kinds:
                raise SettingError(f"{where}: the kind {spec.kind!r} is unknown", expected=", ".join(kinds))
            if names.count(spec.name) > 1:
                raise SettingError(f"{where}: two systems are named {spec.name!r}", expected="a name for each")
        named = [*self.baselines, *([self.agreement.reference] if self.agreement else [])]
        for part in (self.split, self.latency, self.cold_start):
            named += part.systems if part else []
        for name in [*named, *([self.scaling.system] if self.scaling else [])]:
            if name not in names:
                raise SettingError(f"{where}: system {name!r} is unknown", expected=", ".join(names))


@dataclass(frozen=True, slots=True)
class _Written:
    """The keys of the file."""

    name: str
    title: str
    systems: list[dict[str, Any]]
    baselines: list[str]
    rounds: int
    warm_up: int = 64
    seed: int = 13
    bootstrap: dict[str, Any] | None = None
    agreement: dict[str, Any] | None = None
    split: dict[str, Any] | None = None
    latency: dict[str, Any] | None = None
    cold_start: dict[str, Any] | None = None
    imports: int = 0
    scaling: dict[str, Any] | None = None


def _optional(form: type[T], values: Mapping[str, Any] | None, where: str) -> T | None:
    return None if values is None else declared(form, values, where)
