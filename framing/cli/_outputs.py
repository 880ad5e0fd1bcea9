"""Outputs are looked at before the work, which may take hours: they are no inputs, and can be written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from framing.errors import OutputError
from framing.files import WholeFile
from framing.reading.files import refuse_output_among
from framing.records import STANDARD_OUTPUT

_Name = str | os.PathLike[str]


def check_outputs(written: Iterable[_Name | None], read_from: Iterable[_Name | None], *, new: bool = False) -> None:
    """See that files can be written, and that they are none of those that are read.

    Args:
        written: the files that will be written; ``None`` and ``-`` count for nothing.
        read_from: the inputs and other files that are read, such as a codebook; ``None`` counts for nothing. Of a batch
            job's folder, only the shards are read.
        new: the files must not be there yet.

    Raises:
        OutputError: a file is among what is read, cannot be written, or is there already though it must be new.
    """
    outputs = [path for path in written if path is not None and os.fspath(path) != STANDARD_OUTPUT]
    refuse_output_among(outputs, [name if name is None else _records(name) for name in read_from])
    for path in outputs:
        if new and Path(path).exists():
            raise OutputError(
                f"{path} is there already", expected="a new file", hint="work may be in it: choose another name"
            )
        WholeFile(Path(path)).discard()


def _records(name: _Name) -> _Name:
    folder = Path(name)
    return folder / "shards" if os.path.isfile(folder / "plan.json") else name  # noqa: PTH113 - no name is an error
