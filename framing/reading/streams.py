"""The bytes of a file, an address or standard input: hashed, unpacked, and text as UTF-8.

:class:`Source` stacks the layers it needs: one reads and hashes the stored bytes, one unpacks them, one turns other
encodings into UTF-8. Each layer is read forward, so a pipe can be read like a file.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, BinaryIO, Self, cast

from framing.errors import EmptyFileError, FramingError, MissingExtraError, OutputError, UnreadableFileError
from framing.reading.encodings import SAMPLE_SIZE, guess_encoding, refuse_binary, visible

#: The name that stands for standard input.
STANDARD_INPUT = "-"
#: Endings of compressed files, which follow the ending of the format -> the compression.
PACKINGS: Mapping[str, str] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".xz": "xz"}
#: Bytes read at a time.
BLOCK = 1 << 16
#: The most bytes that a line, or a cell of CSV, may have. A longer one has lost a quotation mark, or is not a line.
LONGEST = 64 << 20
#: The most bytes of a text file, unpacked, or code points of a cell: twice the longest books. Labelling needs 80 times
#: as much memory.
LARGEST_DOCUMENT = 16 << 20

# How compressed files begin. "BZh" alone may begin a text; zstd may begin with a skippable frame.
_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b)|(?P<zstd>\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"
    rb"|(?P<bz2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\x00)"
)
#: Unpacked bytes of a table kept in memory; a larger table goes to a temporary file.
_KEPT_IN_MEMORY = 64 << 20


def is_address(name: str) -> bool:
    """Whether a name is an address that fsspec resolves (``s3://…``), and not a local path."""
    return "://" in name


def no_driver(address: str, error: Exception) -> MissingExtraError:
    """The error for an address that no installed driver of fsspec can reach."""
    return MissingExtraError(
        f"{visible(address)} cannot be reached: {error}",
        expected="a local path, or an address whose fsspec driver is installed",
        hint="install the driver (s3fs, gcsfs, …)",
    )


def unreadable(name: str, error: Exception) -> UnreadableFileError:
    """The error for a file that the operating system, or the driver of an address, cannot read."""
    shown = "standard input" if name == STANDARD_INPUT else visible(name)
    return UnreadableFileError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}")


def empty(label: str) -> EmptyFileError:
    """The error for a file with nothing in it."""
    return EmptyFileError(f"{label} is empty", expected="a file with text in it")


def _no_room(label: str, error: OSError) -> OutputError:
    """The error for a table that is packed, and for which there is no room unpacked."""
    return OutputError(
        f"{label} cannot be unpacked to {tempfile.gettempdir()}: {error.strerror}",
        expected="room for the unpacked file",
        hint="free some space, let TMPDIR name another folder, or unpack the file yourself",
    )


def filesystem_of(address: str) -> tuple[Any, str]:
    """The filesystem of fsspec that an address belongs to, and the path in it.

    ``::`` chains filesystems (``zip://a.csv::s3://b.zip``) if every part names one; otherwise it is part of a name.

    Raises:
        ImportError, ValueError: the driver is not installed or unknown.
    """
    import fsspec  # type: ignore[import-untyped]
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    known = fsspec.available_protocols()
    if all("://" in part or part in known for part in address.split("::")):
        filesystem, path = url_to_fs(address)
        return filesystem, path
    before, _, behind = address.partition("::")
    filesystem, path = url_to_fs(before)
    if before.endswith("/"):  # fsspec drops it
        path = f"{path.rstrip('/')}/"
    return filesystem, f"{path}::{behind}"


def _open_stored(path: str) -> BinaryIO:
    try:
        if path == STANDARD_INPUT:
            return _standard_input()
        if not is_address(path):
            return cast(BinaryIO, io.FileIO(path))
        filesystem, place = filesystem_of(path)
        return cast(BinaryIO, filesystem.open(place, "rb"))
    except ImportError as error:
        raise no_driver(path, error) from error
    except Exception as error:  # drivers raise errors of their own kinds
        if not isinstance(error, OSError) and not is_address(path):
            raise
        raise unreadable(path, error) from error


def _standard_input() -> BinaryIO:
    """Standard input as bytes; closing it leaves the process's own standard input open."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    try:
        return cast(BinaryIO, io.FileIO(sys.stdin.fileno(), closefd=False))
    except (OSError, ValueError):  # an object in memory stands in its place
        return io.BytesIO(sys.stdin.buffer.read())


# --- layers -----------------------------------------------------------------------------------------------------------


class _Layer(io.RawIOBase):
    """A stream over another stream, which stays open."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.fill(memoryview(buffer).cast("B"))

    def fill(self, view: memoryview) -> int:
        """Write some bytes into the view; returns how many, 0 at the end."""
        raise NotImplementedError


class _Stored(_Layer):
    """The stored bytes, hashed as they are read."""

    def __init__(self, stream: BinaryIO, path: str, *, hashing: bool) -> None:
        self._stream = cast(io.RawIOBase, stream)
        self.path = path
        self.hash = hashlib.sha256() if hashing else None
        # Drivers of addresses raise errors of their own kinds.
        self._errors = Exception if is_address(path) else OSError

    def fill(self, view: memoryview) -> int:
        try:
            size = self._stream.readinto(view) or 0
        except self._errors as error:
            raise unreadable(self.path, error) from error
        if self.hash:
            self.hash.update(view[:size])
        return size


class _Unpacked(_Layer):
    """The unpacked bytes of a compressed stream. If it is damaged, the bytes before the damage come first."""

    def __init__(self, stream: Any, packing: str, label: str) -> None:
        self._packing = packing
        self._label = label
        self._most = BLOCK
        if packing == "gzip":
            import gzip

            self._read: Any = gzip.GzipFile(fileobj=stream, mode="rb").read1
        elif packing == "bz2":
            import bz2

            self._read = bz2.BZ2File(stream).read1
        elif packing == "xz":
            import lzma

            self._read = lzma.LZMAFile(stream).read1  # noqa: SIM115 - it owns nothing to close
        else:
            import pyarrow

            self._read = pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, mode="r"), packing).read
            # Arrow gives all bytes of a request or none, so smaller requests lose less to a damage.
            self._most = BLOCK // 4

    def fill(self, view: memoryview) -> int:
        try:
            data = self._read(min(len(view), self._most))
        except FramingError:
            raise
        except Exception as error:  # each library raises its own kind
            raise UnreadableFileError(
                f"{self._label} is damaged or was cut off here: {error}",
                expected=f"a whole {self._packing} file",
                hint="fetch or compress the file again",
            ) from error
        view[: len(data)] = data
        return len(data)


class _AsUtf8(_Layer):
    """Text of another encoding as UTF-8. Bytes that cannot be decoded become U+FFFD."""

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""
        self._is_at_end = False

    def fill(self, view: memoryview) -> int:
        while not self._ready and not self._is_at_end:
            data = self._stream.read1(BLOCK)
            self._is_at_end = not data
            self._ready = self._decoder.decode(data, self._is_at_end).encode("utf-8", "replace")
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


# --- a file -----------------------------------------------------------------------------------------------------------


class Source:
    """An open file. Close it, or use it in a ``with`` block.

    Read it in one of three ways: forward, as bytes (:meth:`read_all`) or as UTF-8 (:meth:`text`, :meth:`blocks`); by
    ranges of bytes (:meth:`read_range`); or by seeking (:meth:`random_access`).

    Args:
        path: a local path, an address, or ``-`` for standard input.
        label: the file's name in messages.
        packing: its compression (a value of :data:`PACKINGS`), or ``""``; if ``None``, the first bytes decide.
        encoding: the encoding of its text, ``""`` for UTF-8; if ``None``, the first bytes decide.
        hashing: hash the stored bytes as they are read.

    Attributes:
        path, label, hashing: as given.
        packing, encoding: as given or found; UTF-8 with a byte order mark is ``"utf-8-sig"``.

    Raises:
        UnreadableFileError: the file does not exist or cannot be read; while reading also if it is damaged or not text.
        MissingExtraError: the driver of an address is not installed.
    """

    def __init__(
        self, path: str, label: str, *, packing: str | None = None, encoding: str | None = None, hashing: bool = False
    ) -> None:
        self.path = path
        self.label = label
        self.packing = packing
        self.encoding = encoding
        self.hashing = hashing
        self._open()

    def _open(self) -> None:
        self._file = _open_stored(self.path)
        self._stored = _Stored(self._file, self.path, hashing=self.hashing)
        self._content: io.BufferedReader[Any] = io.BufferedReader(self._stored, BLOCK)
        self._text: io.BufferedReader[Any] | None = None
        self._table: BinaryIO | None = None
        self._position = 0
        with ExitStack() as stack:
            stack.callback(self._file.close)
            if self.packing is None:
                magic = _MAGIC.match(self._content.peek(16))
                self.packing = (magic.lastgroup if magic else None) or ""
            if self.packing:
                self._content = io.BufferedReader(_Unpacked(self._content, self.packing, self.label), BLOCK)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def beginning(self) -> bytes:
        """The first unpacked bytes, at most :data:`SAMPLE_SIZE`; they can still be read afterwards."""
        return self._content.peek(SAMPLE_SIZE)[:SAMPLE_SIZE]

    def read_all(self, most: int = LONGEST) -> bytes:
        """All unpacked bytes, whatever the encoding.

        Raises:
            UnreadableFileError: there are more than ``most`` bytes; what is made of them must fit into memory, too.
        """
        data = self._content.read(most + 1)
        if len(data) > most:
            unpacked = "unpacks to" if self.packing else "has"
            raise UnreadableFileError(
                f"{self.label} {unpacked} more than {most >> 20} MiB",
                expected="a smaller file, or one that is read row by row (.jsonl, .csv, .parquet)",
                hint="cut it into documents",
            )
        return data

    @property
    def start(self) -> int:
        """The byte at which the text begins, after a byte order mark."""
        return len(codecs.BOM_UTF8) if self.encoding == "utf-8-sig" else 0

    def text(self) -> io.BufferedReader[Any]:
        """The content as UTF-8, from :attr:`start` on. A few bytes in it may still not be UTF-8.

        Raises:
            UnreadableFileError: the file is empty or binary, or no encoding fits.
        """
        if self._text is None:
            sample = self.beginning()
            if not sample:
                raise empty(self.label)
            if self.encoding is None:
                refuse_binary(sample, self.label)
                guessed = guess_encoding(sample, self.label)
                self.encoding = "" if guessed == "utf-8" else guessed
            self._text = self._as_utf8()
            self._text.read(self.start)
        return self._text

    def _as_utf8(self) -> io.BufferedReader[Any]:
        if self.encoding in (None, "", "utf-8-sig"):
            return self._content
        return io.BufferedReader(_AsUtf8(self._content, str(self.encoding)), BLOCK)

    def blocks(self) -> Iterator[bytes]:
        """The text in blocks of whole lines; only the last line may lack its end.

        Raises:
            UnreadableFileError: a line is longer than :data:`LONGEST`.
        """
        stream = self.text()
        begun: list[bytes] = []
        length = 0
        while data := stream.read1(BLOCK):
            end = data.rfind(b"\n") + 1
            self.check_line(length + (data.find(b"\n") + 1 or len(data)))
            if end:
                yield b"".join((*begun, data[:end]))
                begun, length = [], 0
            begun.append(data[end:])
            length += len(data) - end
        if length:
            yield b"".join(begun)

    def check_line(self, length: int) -> None:
        """Refuse a line that is too long, because it must fit into memory: some files of gigabytes have no line end.

        Raises:
            UnreadableFileError: it is longer than :data:`LONGEST`.
        """
        if length > LONGEST:
            raise UnreadableFileError(
                f"{self.label} has a line of more than {LONGEST >> 20} MiB here", expected="one row a line"
            )

    def read_range(self, start: int, stop: int) -> bytes:
        """The bytes ``start`` to ``stop`` of the text. A stream that cannot seek is read forward up to them."""
        stream: Any
        if self.packing or self.encoding not in ("", "utf-8-sig") or not self._file.seekable():
            if start < self._position:
                self.close()
                self._open()
            stream = self._text = self._text or self._as_utf8()
            for _ in pieces(stream, start - self._position):
                pass
        else:
            self._file.seek(start)
            stream = self._stored
        self._position = stop
        return b"".join(pieces(stream, stop - start))

    def random_access(self) -> BinaryIO:
        """The unpacked content as a stream that can seek. The source closes it."""
        if self._table is None:
            if not self.packing and self.path != STANDARD_INPUT and self._file.seekable():
                self._table = self._file
            else:
                table = cast(BinaryIO, tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY))  # noqa: SIM115
                self._stack.callback(table.close)
                while data := self._content.read(1 << 20):
                    try:
                        table.write(data)
                    except OSError as error:
                        raise _no_room(self.label, error) from error
                self._table = table
        return self._table

    def hexdigest(self) -> str:
        """SHA-256 of the stored bytes in hex; reads the rest of them first. Empty if ``hashing`` is off."""
        while self._stored.read(1 << 20):
            pass
        return self._stored.hash.hexdigest() if self._stored.hash else ""


def pieces(stream: Any, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes of a stream. No further byte is read, because the file may be damaged there."""
    while size > 0 and (data := stream.read(min(size, BLOCK))):
        size -= len(data)
        yield data
