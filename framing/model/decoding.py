"""From logits to what the reader sees: frames on their evidence, voices, hedges, sources, and who is cited for what.

The rules, for each sentence and each output:

1. *Evidence.* A run of tokens whose probability is at least ``extension`` times the threshold, and which reaches the
   threshold somewhere, is a span. The sentence has a frame if and only if it has a span for it, because a sentence's
   logit for a label is its largest token logit.
2. *Words.* A span grows to whole words (``terrorist-held`` and ``U.S.-backed`` are one, ``army's`` is ``army``) and
   then sheds punctuation and white space at both ends. Spans of one output that grow into each other become one.
3. *Voice.* The voice logits of a mention's tokens are averaged.
4. *Source.* A mention that is not in the author's voice is linked to the source in its clause, to the nearest one
   where there are several; without one in its clause, to the nearest of the sentence. What is inside a quotation was
   said by a source outside it, if the sentence has one.

All of it is done at once, on arrays, for all sentences of a batch; Python sees only the spans that are found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.model.calibration import Calibration, sigmoid
from framing.model.encoding import EncodedSentence
from framing.types import Hedge, HedgeKind, Kind, Mention, Source, Voice

#: Probabilities are rounded to this many digits; more would be noise between engines, and makes records longer.
DIGITS = 6
#: A kind that the reading rules suggest without being certain multiplies the odds of the model's own by this.
RULE_WEIGHT = 4.0

_HYPHENS = (0x2D, 0x2010, 0x2011)
_APOSTROPHES = (0x27, 0x2019, 0x02BC)
_DOT, _UNDERSCORE, _SMALL_S, _CAPITAL_S = ord("."), ord("_"), ord("s"), ord("S")

# Where a clause ends: what one source says does not reach over these.
_CLAUSE_BREAK = re.compile(
    r";|(?:,|—|–|\s-)\s*(?=(?:but|while|whereas|although|though|however|yet|and)\b)|\s(?=(?:while|whereas|but)\b)", re.I
)


@dataclass(frozen=True, slots=True)
class TokenLogits:
    """Logits of the tokens of several sentences, one sentence after the other, special tokens left out.

    Attributes:
        labels: float32 [tokens, outputs].
        voice: float32 [tokens, voices].
        kind: float32 [sentences, kinds].
        starts: int64 [sentences + 1]; tokens ``starts[i]:starts[i + 1]`` are those of sentence ``i``.
    """

    labels: np.ndarray
    voice: np.ndarray
    kind: np.ndarray
    starts: np.ndarray

    @classmethod
    def empty(cls, sentences: int) -> Self:
        """Of sentences without any token."""
        none = np.empty((0, 0), dtype=np.float32)
        return cls(none, none, np.zeros((sentences, len(Kind)), np.float32), np.zeros(sentences + 1, np.int64))


@dataclass(frozen=True, slots=True)
class DecodedSentence:
    """What the model says of one sentence; offsets count from its start.

    Attributes:
        frames: label -> probability, of the labels over their threshold, in codebook order.
        mentions, hedges, sources: spans in order of appearance.
        probabilities: output -> probability, of every output of the model.
        kind_probabilities: of the kinds in the order of :class:`~framing.types.Kind`; ``None`` where there was no
            token to read.
    """

    frames: dict[str, float]
    mentions: tuple[Mention, ...]
    hedges: tuple[Hedge, ...]
    sources: tuple[Source, ...]
    probabilities: dict[str, float]
    kind_probabilities: tuple[float, ...] | None

    def kind(self, rule: Kind | None = None) -> Kind:
        """The kind of the sentence.

        Args:
            rule: what the rules of :mod:`framing.text.kinds` suggest without being certain. It weighs as prior odds
                of :data:`RULE_WEIGHT` to 1 against every other kind.

        Returns:
            The most probable kind; boilerplate where there was no token to read.
        """
        if self.kind_probabilities is None:
            return rule or Kind.BOILERPLATE
        weighed = {
            kind: probability * (RULE_WEIGHT if kind is rule else 1.0)
            for kind, probability in zip(Kind, self.kind_probabilities, strict=True)
        }
        return max(weighed, key=weighed.__getitem__)


@dataclass(frozen=True, slots=True)
class _Spans:
    """Spans of all sentences, ordered by sentence, start, end, output; one entry of each array per span.

    Attributes:
        sentence, output: indices.
        start, end: code points from the start of the sentence.
        first, last: the first and last of its tokens, in the row of all tokens.
        logit: the largest of its tokens.
    """

    sentence: np.ndarray
    output: np.ndarray
    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    last: np.ndarray
    logit: np.ndarray

    def __len__(self) -> int:
        return len(self.sentence)


class Decoder:
    """Turns logits into labels with one checkpoint's thresholds and temperatures.

    Args:
        codebook: names the outputs.
        calibration: of the same outputs.
    """

    def __init__(self, codebook: Codebook, calibration: Calibration) -> None:
        self.calibration = calibration
        self._outputs = codebook.outputs
        self._label_count = len(codebook.labels)
        self._hedge_kinds = {
            number: HedgeKind(output.removeprefix(f"{HEDGE}."))
            for number, output in enumerate(codebook.outputs)
            if output.startswith(f"{HEDGE}.")
        }
        self._source = codebook.outputs.index(SOURCE)
        # Thresholds are compared as logits, so that only probabilities that are reported need to be computed.
        self._cut = _logit(calibration.thresholds) * calibration.temperatures
        if calibration.extension > 0:
            extended = _logit(calibration.thresholds * calibration.extension) * calibration.temperatures
        else:
            extended = np.full(len(self._outputs), -np.inf)
        self._extended_cut = extended

    def decode(
        self, logits: TokenLogits, encoded: Sequence[EncodedSentence], texts: Sequence[str]
    ) -> list[DecodedSentence]:
        """Decode sentences.

        Args:
            logits: of all of them.
            encoded: the sentences as the model read them.
            texts: the sentences; token offsets count in these.
        """
        counts = np.diff(logits.starts)
        read = np.flatnonzero(counts)
        if not len(read):
            return [self._blank()] * len(texts)
        offsets = np.concatenate([encoded[i].offsets for i in read.tolist()])
        spans = self._find(logits, offsets, texts)
        peaks = np.maximum.reduceat(logits.labels, logits.starts[read], axis=0)
        probabilities = _rounded(self.calibration.label_probabilities(peaks.astype(np.float64)))
        kinds = _rounded(self.calibration.kind_probabilities(logits.kind[read].astype(np.float64)))
        found = self._described(spans, logits, texts)

        decoded = [self._blank()] * len(texts)
        bounds = np.searchsorted(spans.sentence, np.arange(len(texts) + 1)).tolist()
        for row, number in enumerate(read.tolist()):
            decoded[number] = self._sentence(
                found[bounds[number] : bounds[number + 1]],
                probabilities[row],
                tuple(kinds[row]),
                texts[number],
                encoded[number],
            )
        return decoded

    # --- arrays -------------------------------------------------------------------------------------------------------

    def _find(self, logits: TokenLogits, offsets: np.ndarray, texts: Sequence[str]) -> _Spans:
        """The spans of all sentences."""
        # [outputs, tokens], so that the hits come out output by output and a run is a stretch of neighbours.
        output, token = np.nonzero((logits.labels >= self._extended_cut.astype(np.float32)).T)
        sentence = np.searchsorted(logits.starts, token, side="right") - 1
        value = logits.labels[token, output]
        opens = np.ones(len(token), dtype=bool)
        opens[1:] = (np.diff(token) != 1) | (np.diff(output) != 0) | (np.diff(sentence) != 0)
        runs = np.flatnonzero(opens)
        if not len(runs):
            none = np.empty(0, dtype=np.int64)
            return _Spans(none, none, none, none, none, none, np.empty(0, dtype=np.float32))
        peak = np.maximum.reduceat(value, runs)
        last = np.append(runs[1:], len(token)) - 1
        reached = peak >= self._cut.astype(np.float32)[output[runs]]
        runs, last, peak = runs[reached], last[reached], peak[reached]
        first, last = token[runs], token[last]
        words = _Words(texts)
        start, end = words.whole(sentence[runs], offsets[first, 0], offsets[last, 1])
        return _merged(_Spans(sentence[runs], output[runs], start, end, first, last, peak))

    def _described(self, spans: _Spans, logits: TokenLogits, texts: Sequence[str]) -> list[Mention | Hedge | Source]:
        """Each span as what it is; mentions do not have their source yet."""
        temperatures = self.calibration.temperatures[spans.output]
        probability = _rounded(sigmoid(spans.logit.astype(np.float64) / temperatures))
        summed = np.concatenate((np.zeros((1, logits.voice.shape[1])), np.cumsum(logits.voice, axis=0, dtype=float)))
        means = (summed[spans.last + 1] - summed[spans.first]) / (spans.last + 1 - spans.first)[:, None]
        voices = self.calibration.voice_probabilities(means)
        voice = voices.argmax(axis=1)
        voice_probability = _rounded(voices.max(axis=1))
        names = tuple(Voice)
        found: list[Mention | Hedge | Source] = []
        columns = (spans.sentence, spans.output, spans.start, spans.end, voice)
        for (sentence, output, start, end, v), p, vp in zip(
            zip(*(column.tolist() for column in columns), strict=True), probability, voice_probability, strict=True
        ):
            text = texts[sentence][start:end]
            if output < self._label_count:
                found.append(Mention(self._outputs[output], start, end, text, names[v], vp, p))
            elif output == self._source:
                found.append(Source(start, end, text, p))
            else:
                found.append(Hedge(self._hedge_kinds[output], start, end, text, p))
        return found

    # --- one sentence -------------------------------------------------------------------------------------------------

    def _sentence(
        self,
        found: Sequence[Mention | Hedge | Source],
        probabilities: list[float],
        kinds: tuple[float, ...],
        text: str,
        encoded: EncodedSentence,
    ) -> DecodedSentence:
        mentions = [span for span in found if isinstance(span, Mention)]
        sources = [span for span in found if isinstance(span, Source)]
        named = dict(zip(self._outputs, probabilities, strict=True))
        present = {mention.label for mention in mentions}
        if sources and any(mention.voice is not Voice.AUTHOR for mention in mentions):
            mentions = _linked(mentions, sources, text, encoded)
        return DecodedSentence(
            frames={label: named[label] for label in self._outputs[: self._label_count] if label in present},
            mentions=tuple(mentions),
            hedges=tuple(span for span in found if isinstance(span, Hedge)),
            sources=tuple(sources),
            probabilities=named,
            kind_probabilities=kinds,
        )

    def _blank(self) -> DecodedSentence:
        return DecodedSentence({}, (), (), (), dict.fromkeys(self._outputs, 0.0), None)


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability) - np.log1p(-probability)


def _rounded(values: np.ndarray) -> list[Any]:
    """The numbers as records show them, in lists nested as deep as the array."""
    rounded: list[Any] = np.round(values, DIGITS).tolist()
    return rounded


def _merged(spans: _Spans) -> _Spans:
    """Join spans of one output that overlap, and order all by where they stand. They come ordered by output, token."""
    apart = np.ones(len(spans), dtype=bool)
    apart[1:] = (np.diff(spans.output) != 0) | (np.diff(spans.sentence) != 0) | (spans.start[1:] >= spans.end[:-1])
    heads = np.flatnonzero(apart)
    if not len(heads):
        return spans
    tails = np.append(heads[1:], len(spans)) - 1
    start = np.minimum.reduceat(spans.start, heads)
    end = np.maximum.reduceat(spans.end, heads)
    sentence, output = spans.sentence[heads], spans.output[heads]
    order = np.lexsort((output, end, start, sentence))
    return _Spans(
        sentence[order],
        output[order],
        start[order],
        end[order],
        spans.first[heads][order],
        spans.last[tails][order],
        np.maximum.reduceat(spans.logit, heads)[order],
    )


# --- words ------------------------------------------------------------------------------------------------------------


class _Words:
    """Where the words of several texts begin and end.

    Args:
        texts: of any content. They are laid in one row with a blank after each, so that no word crosses over.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        row = "".join(f"{text} " for text in texts)
        characters = np.frombuffer(row.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
        self._base = np.concatenate(([0], np.cumsum(lengths)))
        self._is_word = _is_word_character(characters)
        joined = _joined(characters, self._is_word)
        places = np.arange(len(characters))
        # Of each code point: where its word begins, where it ends, and the nearest word characters on either side.
        self._begin = np.maximum.accumulate(np.where(joined, 0, places))
        self._end = _next_of(~np.append(joined[1:], False), places) + 1
        self._next = _next_of(self._is_word, places)
        self._previous = np.maximum.accumulate(np.where(self._is_word, places, -1))

    def whole(self, sentence: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grow spans to whole words and shed what is no word at their ends.

        Args:
            sentence: int64 [spans], which text.
            start, end: int64 [spans], in code points of it; ``start < end``.

        Returns:
            The new start and end. A span without any word character stays as it is.
        """
        base = self._base[sentence]
        low, high = base + start, base + end
        first, last = self._next[low], self._previous[np.maximum(high, low + 1) - 1]
        has_word = first <= last
        first, last = np.where(has_word, first, low), np.where(has_word, last, low)
        new_start = np.where(has_word, self._begin[first], low) - base
        new_end = np.where(has_word, self._end[last], high) - base
        return new_start, new_end


def _next_of(wanted: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The first place, from each one on, where ``wanted`` holds; ``len(places)`` where none is left."""
    return np.minimum.accumulate(np.where(wanted, places, len(places))[::-1])[::-1]


def _is_word_character(characters: np.ndarray) -> np.ndarray:
    """Letters, digits, combining marks and the underscore, of any script; bool [code points]."""
    is_word = np.strings.isalnum(characters.view("<U1"))
    is_word |= characters == _UNDERSCORE
    marks = _combining_marks()
    is_word |= marks[np.minimum(characters, len(marks) - 1)]
    return np.asarray(is_word)


@cache
def _combining_marks() -> np.ndarray:
    """Which code points of the scripts in use are combining marks; bool, the last entry standing for all others."""
    import unicodedata

    marks = np.zeros(0x3100, dtype=bool)
    marks[0x300:-1] = [unicodedata.category(chr(c)).startswith("M") for c in range(0x300, len(marks) - 1)]
    return marks


def _joined(characters: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    """Whether each code point belongs to the word of the one before it; bool [code points].

    Hyphens between word characters join, and so do apostrophes unless they begin a genitive ``'s``, and the dots of
    abbreviations in single letters.
    """
    padded = np.concatenate((np.zeros(3, bool), is_word, np.zeros(3, bool)))

    def word(shift: int) -> np.ndarray:
        return padded[3 + shift : 3 + shift + len(is_word)]

    def character(shift: int) -> np.ndarray:
        return np.roll(characters, -shift)

    initial = word(-1) & ~word(-2)
    dot = (characters == _DOT) & initial
    hyphen = np.isin(characters, _HYPHENS)
    dot &= word(1) | np.isin(character(1), _HYPHENS) & word(2)
    hyphen &= (word(-1) | np.roll(dot, 1)) & word(1)
    genitive = np.isin(character(1), (_SMALL_S, _CAPITAL_S)) & ~word(2)
    apostrophe = np.isin(characters, _APOSTROPHES) & word(-1) & word(1) & ~genitive
    linking = dot | hyphen | apostrophe
    linking_before = np.roll(linking, 1)
    linking_before[:1] = False
    joined = (is_word & word(-1)) | linking | (is_word & linking_before)
    joined[:1] = False
    return joined


# --- sources ----------------------------------------------------------------------------------------------------------


def _linked(
    mentions: Sequence[Mention], sources: Sequence[Source], text: str, encoded: EncodedSentence
) -> list[Mention]:
    """The mentions, each with the source that is cited for it."""
    breaks = [match.start() for match in _CLAUSE_BREAK.finditer(text)] if len(sources) > 1 else []
    quoted = _quoted_code_points(encoded) if len(sources) > 1 else frozenset()
    return [
        mention
        if mention.voice is Voice.AUTHOR
        else Mention(
            mention.label,
            mention.start,
            mention.end,
            mention.text,
            mention.voice,
            mention.voice_probability,
            mention.probability,
            _source_of(mention, sources, breaks, quoted).text,
        )
        for mention in mentions
    ]


def _source_of(mention: Mention, sources: Sequence[Source], breaks: Sequence[int], quoted: frozenset[int]) -> Source:
    """The source that governs a mention; ``quoted`` holds the first code points of the tokens inside quotations."""

    def distance(source: Source) -> tuple[bool, bool, int]:
        inside = mention.voice is Voice.QUOTED and source.start in quoted
        gap = max(source.start - mention.end, mention.start - source.end)
        between = sorted((mention.start, source.start))
        return inside, any(between[0] < at <= between[1] for at in breaks), gap

    return min(sources, key=distance)


def _quoted_code_points(encoded: EncodedSentence) -> frozenset[int]:
    """Where the tokens begin that stand inside a quotation."""
    quotation = encoded.merge([window.quotation[:, None] for window in encoded.windows])[:, 0]
    return frozenset(encoded.offsets[quotation.astype(bool), 0].tolist())
