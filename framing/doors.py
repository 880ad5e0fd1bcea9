"""Packages that are functions too: ``framing.train(...)`` is ``framing.train.front.train(...)``."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Door(ModuleType):
    """A package whose module ``front`` has a function of the package's own name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{self.__name__}.front"), name)(*args, **kwargs)


def make_callable(package: str) -> None:
    """Make a package callable; ``front`` is imported by the first call.

    Args:
        package: its ``__name__``.
    """
    sys.modules[package].__class__ = _Door
