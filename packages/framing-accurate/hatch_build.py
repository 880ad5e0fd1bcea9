"""Puts the checkpoint into the package when it is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "framing-mpnet"


class TakeCheckpoint(BuildHookInterface[Any]):
    """Takes the checkpoint from ``models/`` of the repository; in an unpacked sdist it is in the package already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the checkpoint to what is built, file by file.

        Raises:
            FileNotFoundError: it is in neither place.
        """
        root = Path(self.root)
        if (root / "framing_accurate" / FOLDER / "SHA256SUMS").is_file():
            return
        source = root.parent.parent / "models" / FOLDER
        if not (source / "SHA256SUMS").is_file():
            raise FileNotFoundError(
                f"there is no checkpoint at {source}; expected the folder with its SHA256SUMS: build this package in a "
                "checkout of framing, or from its sdist"
            )
        build_data["force_include"] |= {
            str(path): f"framing_accurate/{FOLDER}/{path.name}" for path in sorted(source.iterdir())
        }
