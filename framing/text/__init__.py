"""Cutting text: documents to sentences, what a sentence is on its page, and what stands inside quotation marks."""

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
