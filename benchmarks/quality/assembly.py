"""From what a baseline finds in a sentence to the labels that the scorer takes; and its rule for voices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.text.quotations import OUTSIDE, QuotationState, scan
from framing.types import Hedge, HedgeKind, Kind, Mention, SentenceLabels, Source, Voice

_TOKEN = re.compile(r"\w+")
_HELD_OFF = re.compile(r"\b(?:so[- ]called|alleged|supposed|self-styled|what (?:\w+ ){1,4}calls?)\W+(?:\w+\W+)?$", re.I)
_REPORTING = re.compile(
    r"\b(?:according to|said|says|saying|told|tells|reported|reports?|stated|announced|claimed|claims|added|denied|"
    r"accused|accuses|warned|insisted|described|called)\b",
    re.I,
)
#: A quoted stretch of up to this many words, with nobody speaking in the sentence, is taken for scare quotes.
_SCARE_QUOTE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A word: lower-cased, with half-open offsets in code points."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """An output of the codebook that a baseline sees on a span, and its probability in [0, 1]."""

    output: str
    start: int
    end: int
    probability: float


def tokenize(text: str) -> list[Token]:
    """The words of a text; punctuation is left out."""
    return [Token(match[0].lower(), match.start(), match.end()) for match in _TOKEN.finditer(text)]


def assemble(
    text: str,
    findings: Iterable[Finding],
    probabilities: Mapping[str, float],
    codebook: Codebook,
    *,
    kind: Kind,
    quotation: QuotationState = OUTSIDE,
) -> SentenceLabels:
    """One sentence's labels.

    Args:
        text: the sentence.
        findings: spans over their threshold.
        probabilities: of every output.
        codebook: whose labels these are.
        kind: what the sentence is on the page.
        quotation: the state that the sentence before left.
    """
    ordered = sorted(findings, key=lambda f: (f.start, f.end))
    of_frames = [f for f in ordered if f.output in codebook.label_names]
    mask = scan(text, quotation).mask
    # Not the sources found: a baseline finds them in too many sentences for that to tell voices apart.
    cited = bool(_REPORTING.search(text))
    found = {f.output for f in of_frames}
    return SentenceLabels(
        document_id="0",
        outlet=None,
        published=None,
        index=0,
        kind=kind,
        start=0,
        end=len(text),
        text=text,
        frames={name: probabilities[name] for name in codebook.label_names if name in found},
        mentions=tuple(
            Mention(
                f.output,
                f.start,
                f.end,
                text[f.start : f.end],
                rule_voice(text, f.start, mask, cited),
                1.0,
                f.probability,
            )
            for f in of_frames
        ),
        hedges=tuple(
            Hedge(HedgeKind(f.output.partition(".")[2]), f.start, f.end, text[f.start : f.end], f.probability)
            for f in ordered
            if f.output.startswith(f"{HEDGE}.")
        ),
        sources=tuple(
            Source(f.start, f.end, text[f.start : f.end], f.probability) for f in ordered if f.output == SOURCE
        ),
        probabilities=dict(probabilities),
    )


def rule_voice(text: str, start: int, mask: Sequence[bool], cited: bool) -> Voice:
    """The voice of a word, by rule: distanced, quoted, attributed, else the author's; the first that holds.

    Args:
        text: the sentence.
        start: where the word starts.
        mask: for each code point, whether it stands inside a quotation.
        cited: the sentence has a verb of reporting.
    """
    if _HELD_OFF.search(text[:start]):
        return Voice.DISTANCED
    if mask[start]:
        short = len(_TOKEN.findall(_quoted_stretch(text, start, mask))) <= _SCARE_QUOTE_WORDS
        return Voice.DISTANCED if short and not cited else Voice.QUOTED
    return Voice.ATTRIBUTED if cited else Voice.AUTHOR


def _quoted_stretch(text: str, at: int, mask: Sequence[bool]) -> str:
    first, last = at, at
    while first > 0 and mask[first - 1]:
        first -= 1
    while last < len(text) and mask[last]:
        last += 1
    return text[first:last]
