"""Reading: from names to files, from files to rows, from rows to documents.

:mod:`~framing.reading.files` finds files, :mod:`~framing.reading.streams` unpacks and decodes their bytes,
:mod:`~framing.reading.formats` has a class for each format, and :mod:`~framing.reading.documents` turns rows into
documents. :func:`read` does all of this; a batch job (:mod:`framing.batch`) does the same range by range.
"""

from framing.reading.columns import Columns
from framing.reading.formats import FORMATS
from framing.reading.read import FileRow, read, read_rows

__all__ = ["FORMATS", "Columns", "FileRow", "read", "read_rows"]
