"""Cut documents into sentences; tell what a line is on its page, and which words stand inside quotation marks."""

from framing.text.kinds import LineKind, classify
from framing.text.quotations import OUTSIDE, RUNNING, QuotationScan, QuotationState, scan
from framing.text.sentences import split

__all__ = [
    "OUTSIDE",
    "RUNNING",
    "LineKind",
    "QuotationScan",
    "QuotationState",
    "classify",
    "scan",
    "split",
]
