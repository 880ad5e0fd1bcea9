"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from framing.errors import OutputError

#: Bytes of a file's name that are kept in the name of its temporary file; a whole name has at most 255.
_LONGEST_NAME = 200


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file; at every moment its name stands for the old content or the new one, whole.

    Args:
        path: the file; its folder must exist.
        text: what to write, as UTF-8 with line ends as they are.

    Raises:
        OutputError: it cannot be written; what was there before is unchanged, and nothing is left over.
    """
    with WholeFile(path) as file, reporting_write_errors(path):
        file.stream.write(text.encode("utf-8"))


class WholeFile:
    """A file that is written piece by piece and gets its name when it is complete.

    The pieces go into a hidden temporary file beside it, which then takes its name and, of a file that was there, its
    mode. Use it in a ``with`` block: an error in the block, Ctrl-C among them, discards what was written.

    Args:
        path: the file; its folder must exist. Of a symbolic link, the file that it leads to is written.

    Attributes:
        path: as given.
        stream: takes the bytes.

    Raises:
        OutputError: no file can be written there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._target = Path(os.path.realpath(path))
        with reporting_write_errors(path):
            if self._target.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            if self._target.exists() and not self._target.is_file():  # the new file would take the place of /dev/null
                raise FileExistsError(0, "it is a pipe or a device, and no file")
            name = f".{_shortened(self._target.name)}.{secrets.token_hex(6)}.partial"
            self._temporary = self._target.with_name(name)
            handle = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self.stream: BinaryIO = os.fdopen(handle, "wb")

    def keep(self) -> None:
        """Give the file its name, once its content is on the disk.

        Raises:
            OutputError: the content or the name cannot be written; it is then discarded.
        """
        try:
            with reporting_write_errors(self.path):
                self.stream.flush()
                os.fsync(self.stream.fileno())
                self.stream.close()
                if self._target.exists():  # a new file has the mode that the user's umask gives it
                    self._temporary.chmod(self._target.stat().st_mode & 0o777)
                self._temporary.replace(self._target)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what was written; after :meth:`keep` there is nothing to remove."""
        with suppress(OSError):  # a full disk would complain once more of what is still buffered
            self.stream.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


def _shortened(name: str) -> str:
    """The beginning of a name that leaves room for more: file systems count its bytes."""
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return name


@contextmanager
def reporting_write_errors(path: str | Path) -> Iterator[None]:
    """Turn what the operating system says of a file that is written into an OutputError.

    A broken pipe passes through: that a reader has seen enough is no error.

    Args:
        path: the file, for the message.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            expected="a file in a folder that exists, may be written to, and has room",
            hint="choose another place, or free some space",
        ) from error
