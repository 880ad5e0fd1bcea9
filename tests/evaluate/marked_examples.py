"""A small codebook; predictions and random codings, written and drawn as marked sentences."""

from __future__ import annotations

from hypothesis import strategies as st

from framing.codebook import Codebook
from framing.evaluate.scoring import as_prediction
from framing.markup import MarkedSentence, MarkedSpan, Tag, parse
from framing.types import SentenceLabels

LABELS = ("rebels", "terrorists", "peace")
HEDGES = ("epistemic", "hearsay", "distancing", "approximation")
VOICES = ("author", "attributed", "quoted", "distanced")
TEXT = "abcdefghij klmnopqrst uvwxyz"
CODEBOOK = Codebook.from_dict(
    {
        "name": "small",
        "labels": list(LABELS),
        "contrasts": {},
        "hedges": {kind: {"definition": kind} for kind in HEDGES},
        "voices": {voice: {"definition": voice} for voice in VOICES},
        "source": {"definition": "who is cited"},
        "evidence": ["the shortest words that carry it"],
    }
)


def predicted(marked: str, kind: str = "body") -> SentenceLabels:
    """A prediction, written as inline markup."""
    return as_prediction(parse(marked), CODEBOOK, kind)


_TAGS = st.one_of(
    st.builds(lambda label, voice: Tag("frame", label, voice), st.sampled_from(LABELS), st.sampled_from(VOICES)),
    st.builds(lambda kind: Tag("hedge", kind), st.sampled_from(HEDGES)),
    st.just(Tag("source", "source")),
)


@st.composite
def marked_sentences(draw: st.DrawFn, tags: st.SearchStrategy[Tag] = _TAGS) -> MarkedSentence:
    """A sentence over TEXT with up to four random spans."""
    cuts = sorted(draw(st.sets(st.integers(0, len(TEXT)), max_size=8)))
    spans = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        drawn = draw(st.lists(tags, min_size=1, max_size=2, unique_by=lambda tag: tag.output))
        spans.append(MarkedSpan(start, end, TEXT[start:end], tuple(drawn)))
    return MarkedSentence(TEXT, tuple(spans))


#: Pairs of gold and prediction over the same text.
codings = st.lists(st.tuples(marked_sentences(), marked_sentences()), min_size=1, max_size=12)
