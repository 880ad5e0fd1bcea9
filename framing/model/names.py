"""The checkpoints that have a name. Imports no other module of framing, so that help texts can list them quickly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The default checkpoint.
SHIPPED = "shipped"
#: Four layers instead of six, taught by a larger model: faster, and worse at voices above all.
FAST = "fast"
#: Twelve layers of twice the width: better, and many times slower.
ACCURATE = "accurate"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A checkpoint that has a name.

    Attributes:
        folder: the name of its folder.
        about: what distinguishes it, for help texts.
        distribution: the package to ``pip install`` for it; ``None`` if it comes with framing.
    """

    folder: str
    about: str
    distribution: str | None = None

    @property
    def module(self) -> str | None:
        """The import name of its distribution."""
        return self.distribution and self.distribution.replace("-", "_")


#: Name -> the checkpoint.
MODELS: Mapping[str, NamedModel] = {
    SHIPPED: NamedModel("framing-minilm-l6", "the default"),
    FAST: NamedModel("framing-minilm-l4", "1.3 to 1.5 times as fast, a little worse"),
    ACCURATE: NamedModel(
        "framing-mpnet", "the best, many times slower; pip install framing-accurate", "framing-accurate"
    ),
}
#: The names, for messages.
NAMES = ", ".join(repr(name) for name in MODELS)
#: The names and what distinguishes them, for help texts.
DESCRIBED = "; ".join(f"{name} ({model.about})" for name, model in MODELS.items())
