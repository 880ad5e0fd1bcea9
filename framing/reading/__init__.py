"""Reading: what the user names, to files; files to rows; rows to documents.

:mod:`~framing.reading.files` finds files, :mod:`~framing.reading.streams` gives their bytes, unpacked and as UTF-8,
:mod:`~framing.reading.formats` has a class for each format, and :mod:`~framing.reading.documents` makes documents of
rows. :func:`read` goes through all of it; a batch job (:mod:`framing.batch`) does the same range by range.
"""

from framing.reading.columns import Columns
from framing.reading.formats import FORMATS
from framing.reading.read import FileRow, read, read_rows

__all__ = ["FORMATS", "Columns", "FileRow", "read", "read_rows"]
