"""Reading and cutting text: files to documents, documents to sentences, and what stands inside quotation marks."""

from framing.text.columns import Columns
from framing.text.formats import FORMATS, read
from framing.text.kinds import LineKind, classify
from framing.text.quotations import OUTSIDE, RUNNING, QuotationScan, QuotationState, scan
from framing.text.sentences import split

__all__ = [
    "FORMATS",
    "OUTSIDE",
    "RUNNING",
    "Columns",
    "LineKind",
    "QuotationScan",
    "QuotationState",
    "classify",
    "read",
    "scan",
    "split",
]
