"""Units of work: one pass over each file, which hashes it and cuts it; what is small is put together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from framing.errors import FramingError, OutputError
from framing.reading.documents import DocumentMaker, DocumentSettings
from framing.reading.files import InputFile
from framing.reading.formats import open_format
from framing.reading.formats.base import Layout, Limits


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of one file.

    Attributes:
        file: the place of the file among the plan's files.
        start, stop: as of :class:`~framing.reading.formats.base.Range`. Equal where this is what cannot be read of a
            file, which counts as one row.
        rows: how many rows are in it.
        first: the first row's number, from 1. 0 for a whole file that cannot be read.
        sha256: of its bytes; empty for tables, whose segments have hashes.
    """

    file: int
    start: int
    stop: int
    rows: int
    first: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of work; from it comes one shard.

    Attributes:
        number: its place in the plan, from 0.
        pieces: in the order of the files; several where they are small.
    """

    number: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many rows are in it; each is labelled or rejected in the end."""
        return sum(piece.rows for piece in self.pieces)

    @property
    def first(self) -> int:
        """The number of its first row."""
        return self.pieces[0].first


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file as it was when the job was planned.

    Attributes:
        input: where it is, and what is known of it.
        sha256: of its bytes as they are stored; of a table, of what its rows come from. Empty if it was not read.
        layout: how ranges of it are read.
        rows: those that can be reached.
        problem: why the file, or the rest of it, cannot be read; empty if it can.
    """

    input: InputFile
    sha256: str = ""
    layout: Layout = field(default_factory=Layout)
    rows: int = 0
    problem: str = ""

    @property
    def label(self) -> str:
        """How ids and messages name it."""
        return self.input.label


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a file found: the file, and its pieces (as of file 0)."""

    file: PlannedFile
    pieces: tuple[Piece, ...]


def scan(file: InputFile, limits: Limits, settings: DocumentSettings) -> Scan:
    """Hash a file and cut it into pieces.

    Args:
        file: what to read.
        limits: of a piece.
        settings: how rows are read; that the file has the columns that are named there is checked.

    Returns:
        The scan. A file that cannot be read to its end, or that lacks a column, has that as its ``problem``.

    Raises:
        UnreadableFileError: the file cannot be opened, or a disk or network fails.
    """
    if file.problem:
        return Scan(PlannedFile(file, problem=file.problem), (Piece(0, 0, 0, 1, 0),))
    pieces = []
    problem, lost, lost_first = "", 0, 0
    with open_format(
        file.path, file.label, file.format, by_line=settings.sentences, archives=settings.archives, hashing=True
    ) as opened:
        try:
            for found in opened.ranges(limits, DocumentMaker(file, opened, settings).check):
                sha256 = hashlib.sha256(found.data).hexdigest() if found.data else ""
                pieces.append(Piece(0, found.start, found.stop, found.rows, found.first, sha256))
                lost, lost_first = found.stop, found.next
        except OutputError:  # no room to unpack a file is no fault of the file
            raise
        except FramingError as error:
            problem = error.reason
        planned = PlannedFile(file, opened.digest(), opened.layout, sum(piece.rows for piece in pieces), problem)
    if problem:
        pieces.append(Piece(0, lost, lost, 1, lost_first))
    return Scan(planned, tuple(pieces))


def units_of(scans: Iterable[Scan], limits: Limits) -> Iterator[Unit]:
    """Make units of the pieces of all files: small ones that follow each other are put together, up to the limits."""
    number = rows = size = 0
    held: list[Piece] = []
    for place, scanned in enumerate(scans):
        row_size = scanned.file.layout.row_size or 1  # of a text, start and stop are bytes
        for piece in scanned.pieces:
            piece_size = (piece.stop - piece.start) * row_size
            if held and (rows + piece.rows > limits.rows or size + piece_size > limits.size):
                yield Unit(number, tuple(held))
                number, rows, size, held = number + 1, 0, 0, []
            held.append(replace(piece, file=place))
            rows, size = rows + piece.rows, size + piece_size
    if held:
        yield Unit(number, tuple(held))
