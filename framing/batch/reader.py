"""Units read back as they were planned: documents, and what cannot be one with the reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from framing.batch.plan import Plan
from framing.batch.shards import RejectedRow
from framing.batch.units import Piece, Unit
from framing.errors import FramingError, InputError
from framing.reading.documents import DocumentMaker, rejected_row
from framing.reading.formats import open_format
from framing.reading.formats.base import SHOWN_VALUE, Format, Range, changed
from framing.types import Document


@dataclass(slots=True)
class UnitRows:
    """What a unit holds.

    Attributes:
        unit: the unit.
        documents: of the rows that can be labelled, in order, each with its ``input`` and ``row``. Their metadata are
            the carried columns.
        rejected: the rows that cannot.
    """

    unit: Unit
    documents: list[Document] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    def reject(self, document: Document, reason: str) -> None:
        """Set a row aside after it has become a document."""
        self.rejected.append(RejectedRow(document.input or "", document.row, reason, document.text[:SHOWN_VALUE]))


class UnitReader:
    """Reads units of a plan, best in their order: what is packed can only be read forward.

    Not safe to use from several threads at once. Close it in the end.

    Args:
        plan: whose units are read.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._settings = plan.settings.documents
        self._opened: Format | None = None
        self._opened_file = -1

    def read(self, unit: Unit) -> UnitRows:
        """Read a unit into memory.

        Raises:
            InputError: its bytes are no longer those that were planned.
            UnreadableFileError: a file is gone.
        """
        found = UnitRows(unit)
        try:
            for piece in unit.pieces:
                self._read(piece, found)
        except FramingError:
            self.close()
            raise
        return found

    def close(self) -> None:
        """Close the file that is open."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _read(self, piece: Piece, found: UnitRows) -> None:
        planned = self._plan.files[piece.file]
        if piece.start == piece.stop:
            found.rejected.append(RejectedRow(planned.label, piece.first or None, planned.problem))
            return
        opened = self._open(piece.file)
        data = opened.read_back(piece.start, piece.stop)
        if piece.sha256 and hashlib.sha256(data).hexdigest() != piece.sha256:
            raise changed(planned.input.path, f"bytes {piece.start} to {piece.stop} no longer hash as planned")
        maker = DocumentMaker(planned.input, opened, self._settings)
        rows = 0
        range_ = Range(piece.start, piece.stop, piece.rows, piece.first, piece.first + piece.rows, data)
        for row in opened.rows(range_, maker.needed()):
            rows += 1
            try:
                found.documents.append(maker.make(row))
            except InputError as error:
                lost = rejected_row(planned.input, row, error)
                found.rejected.append(RejectedRow(planned.label, row.number, lost.reason, lost.value))
        if rows != piece.rows:
            raise changed(planned.input.path, f"it has {rows} rows where {piece.rows} were planned")

    def _open(self, number: int) -> Format:
        if self._opened is None or self._opened_file != number:
            self.close()
            planned = self._plan.files[number]
            self._opened = open_format(
                planned.input.path, planned.label, layout=planned.layout, by_line=self._settings.sentences
            )
            self._opened_file = number
        return self._opened
