"""From what a baseline finds in a sentence to the labels that the scorer takes; and its rule for voices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.codebook.book import Role
from framing.text.quotations import OUTSIDE, QuotationState, scan
from framing.types import Hedge, Mention, SentenceLabels, Source

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
    kind: str,
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
    mask = scan(text, quotation).mask
    # Not the sources found: a baseline finds them in too many sentences for that to tell voices apart.
    cited = bool(_REPORTING.search(text))
    mentions: list[Mention] = []
    hedges: list[Hedge] = []
    sources: list[Source] = []
    for found in sorted(findings, key=lambda f: (f.start, f.end)):
        place = (found.start, found.end, text[found.start : found.end])
        if found.output == SOURCE:
            sources.append(Source(*place, found.probability))
        elif found.output.startswith(f"{HEDGE}."):
            hedges.append(Hedge(found.output.removeprefix(f"{HEDGE}."), *place, found.probability))
        else:
            voice = voice_of(codebook, role_by_rule(text, found.start, mask, cited))
            mentions.append(Mention(found.output, *place, voice, 1.0, found.probability))
    present = {mention.label for mention in mentions}
    return SentenceLabels(
        document_id="0",
        outlet=None,
        published=None,
        index=0,
        kind=kind,
        start=0,
        end=len(text),
        text=text,
        frames={name: probabilities[name] for name in codebook.label_names if name in present},
        mentions=tuple(mentions),
        hedges=tuple(hedges),
        sources=tuple(sources),
        hedged=any(hedge.kind in codebook.hedging_kinds for hedge in hedges),
        probabilities=dict(probabilities),
    )


def voice_of(codebook: Codebook, role: Role) -> str | None:
    """The codebook's first voice of a role, else its first voice of all; ``None`` where it has no voices."""
    return next(iter((*codebook.voices_of_role(role), *codebook.voices)), None)


def role_by_rule(text: str, start: int, mask: Sequence[bool], cited: bool) -> Role:
    """The role of a word's voice: ``other`` where it is held off, quoted, cited, else own; the first that holds.

    Args:
        text: the sentence.
        start: where the word starts.
        mask: for each code point, whether it stands inside a quotation.
        cited: the sentence has a verb of reporting.
    """
    if _HELD_OFF.search(text[:start]):
        return "other"
    if mask[start]:
        short = len(_TOKEN.findall(_quoted_stretch(text, start, mask))) <= _SCARE_QUOTE_WORDS
        return "other" if short and not cited else "quoted"
    return "cited" if cited else "own"


def _quoted_stretch(text: str, at: int, mask: Sequence[bool]) -> str:
    first, last = at, at
    while first > 0 and mask[first - 1]:
        first -= 1
    while last < len(text) and mask[last]:
        last += 1
    return text[first:last]
