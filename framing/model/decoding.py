"""From logits to what the reader sees: frames on their evidence, voices, hedges, sources, and who is cited for what.

The rules, for each sentence and each output:

1. *Evidence.* A run of tokens whose probability is at least ``extension`` times the threshold, and which reaches the
   threshold somewhere, is a span. The sentence has a frame if and only if it has a span for it, because a sentence's
   logit for a label is its largest token logit.
2. *Words.* A span grows to whole words (``terrorist-held`` and ``U.S.-backed`` are one, ``army's`` is ``army``) and
   then sheds punctuation and white space at both ends. Spans of one output that grow into each other become one.
3. *Voice.* The voice logits of a mention's tokens are averaged.
4. *Source.* A mention that is not in the author's voice is linked to the source that is cited for it
   (:mod:`framing.model.sources`).

All of it is done on arrays, for all sentences of a call at once, and stays in columns: whoever writes tables takes them
from there, and objects are made of those sentences that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self, overload

import numpy as np

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.model.calibration import Calibration, sigmoid
from framing.model.encoding import EncodedSentence, EncodedSentences
from framing.model.runs import count_up, largest, starts_of
from framing.model.sources import Places, cited
from framing.model.spans import Spans
from framing.model.words import Words
from framing.types import Hedge, HedgeKind, Kind, Mention, Source, Voice

#: Probabilities are rounded to this many digits; more would be noise between engines, and makes records longer.
DIGITS = 6
#: A kind that the reading rules suggest without being certain multiplies the odds of the model's own by this.
RULE_WEIGHT = 4.0

_KINDS = tuple(Kind)
_VOICES = tuple(Voice)
# Sentences of which objects are made at a time, when all are asked for.
_BLOCK = 1024


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
        weighed = list(self.kind_probabilities)
        if rule is not None:
            weighed[_KINDS.index(rule)] *= RULE_WEIGHT
        return _KINDS[weighed.index(max(weighed))]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the outputs of a model stand for.

    Attributes:
        names: of all, in order; those of labels come first.
        labels: how many labels there are.
        hedges: of each output that is one, the kind.
        source: which output is that of sources.
    """

    names: tuple[str, ...]
    labels: int
    hedges: Mapping[int, HedgeKind]
    source: int

    @classmethod
    def of(cls, codebook: Codebook) -> Self:
        """Those of a model that is trained on a codebook."""
        names = codebook.outputs
        hedges = {
            number: HedgeKind(name.removeprefix(f"{HEDGE}."))
            for number, name in enumerate(names)
            if name.startswith(f"{HEDGE}.")
        }
        return cls(names, len(codebook.labels), hedges, names.index(SOURCE))


@dataclass(frozen=True, slots=True, eq=False)
class Decoded(Sequence[DecodedSentence]):
    """What the model says of several sentences, in columns; also a sequence of objects, made when they are asked for.

    Attributes:
        outputs: what the columns of ``probabilities`` are.
        texts: the sentences.
        read: bool [sentences], whether there was a token to read; where not, all probabilities are 0.
        probabilities: float64 [sentences, outputs], calibrated, rounded to :data:`DIGITS`, as all of them are.
        kind_probabilities: float64 [sentences, kinds], in the order of :class:`~framing.types.Kind`.
        spans: of all sentences.
        span_starts: int64 [sentences + 1]; spans ``span_starts[i]:span_starts[i + 1]`` are those of sentence ``i``.
    """

    outputs: Outputs
    texts: Sequence[str]
    read: np.ndarray
    probabilities: np.ndarray
    kind_probabilities: np.ndarray
    spans: Spans
    span_starts: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> DecodedSentence: ...
    @overload
    def __getitem__(self, index: slice) -> list[DecodedSentence]: ...
    def __getitem__(self, index: int | slice) -> DecodedSentence | list[DecodedSentence]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number = range(len(self))[index]
        return next(self._sentences(number, number + 1))

    def __iter__(self) -> Iterator[DecodedSentence]:
        for first in range(0, len(self), _BLOCK):
            yield from self._sentences(first, min(first + _BLOCK, len(self)))

    def _sentences(self, first: int, end: int) -> Iterator[DecodedSentence]:
        """The sentences ``first:end``."""
        names = self.outputs.names
        rank = {name: number for number, name in enumerate(names)}
        bounds = (self.span_starts[first : end + 1] - self.span_starts[first]).tolist()
        found = self._found(slice(self.span_starts[first], self.span_starts[end]))
        columns = (self.probabilities, self.kind_probabilities, self.read)
        rows = zip(*(column[first:end].tolist() for column in columns), pairwise(bounds), strict=True)
        for probabilities, kinds, read, (low, high) in rows:
            named = dict(zip(names, probabilities, strict=True))
            kind_probabilities = tuple(kinds) if read else None
            if low == high:
                yield DecodedSentence({}, (), (), (), named, kind_probabilities)
                continue
            spans = found[low:high]
            mentions = tuple([span for span in spans if isinstance(span, Mention)])
            present = sorted({mention.label for mention in mentions}, key=rank.__getitem__)
            yield DecodedSentence(
                frames={label: named[label] for label in present},
                mentions=mentions,
                hedges=tuple([span for span in spans if isinstance(span, Hedge)]),
                sources=tuple([span for span in spans if isinstance(span, Source)]),
                probabilities=named,
                kind_probabilities=kind_probabilities,
            )

    def _found(self, wanted: slice) -> list[Mention | Hedge | Source]:
        """Spans as what they are."""
        spans, texts, outputs = self.spans, self.texts, self.outputs
        columns = (spans.sentence, spans.output, spans.start, spans.end, spans.probability)
        voiced = (spans.voice, spans.voice_probability, spans.source)
        found: list[Mention | Hedge | Source] = []
        for sentence, output, start, end, probability, voice, voice_probability, source in zip(
            *(column[wanted].tolist() for column in columns + voiced), strict=True
        ):
            text = texts[sentence]
            words = text[start:end]
            if output < outputs.labels:
                name = None if source < 0 else text[spans.start[source] : spans.end[source]]
                found.append(
                    Mention(
                        outputs.names[output], start, end, words, _VOICES[voice], voice_probability, probability, name
                    )
                )
            elif output == outputs.source:
                found.append(Source(start, end, words, probability))
            else:
                found.append(Hedge(outputs.hedges[output], start, end, words, probability))
        return found


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of tokens that one output marks; one entry of each array per run.

    Attributes:
        sentence, output: int64, indices.
        start, end: int64, code points from the start of the sentence.
        first, last: int64, the first and last of its tokens, in the row of all tokens.
        logit: float32, the largest of its tokens.
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
        self.outputs = Outputs.of(codebook)
        # Thresholds are compared as logits, so that only probabilities that are reported need to be computed.
        self._cut = (_logit(calibration.thresholds) * calibration.temperatures).astype(np.float32)
        if calibration.extension > 0:
            extended = _logit(calibration.thresholds * calibration.extension) * calibration.temperatures
        else:
            extended = np.full(len(self.outputs.names), -np.inf)
        self._extended_cut = extended.astype(np.float32)

    def decode(self, logits: TokenLogits, encoded: Sequence[EncodedSentence], texts: Sequence[str]) -> Decoded:
        """Decode sentences.

        Args:
            logits: of all of them.
            encoded: the sentences as the model read them.
            texts: the sentences; token offsets count in these.
        """
        counts = np.diff(logits.starts)
        read = counts > 0
        probabilities = np.zeros((len(texts), len(self.outputs.names)))
        kinds = np.zeros((len(texts), len(_KINDS)))
        spans = Spans.none()
        if read.any():
            peaks = largest(logits.labels, counts[read])
            probabilities[read] = _rounded(self.calibration.label_probabilities(peaks.astype(np.float64)))
            kinds[read] = _rounded(self.calibration.kind_probabilities(logits.kind[read].astype(np.float64)))
            spans = self._spans(logits, EncodedSentences.of(encoded), texts)
        span_starts = np.searchsorted(spans.sentence, np.arange(len(texts) + 1))
        return Decoded(self.outputs, texts, read, probabilities, kinds, spans, span_starts)

    def _spans(self, logits: TokenLogits, encoded: EncodedSentences, texts: Sequence[str]) -> Spans:
        runs = self._runs(logits, encoded.offsets, texts)
        temperatures = self.calibration.temperatures[runs.output]
        voice = np.full(len(runs), -1)
        voice_probability = np.full(len(runs), np.nan)
        source = np.full(len(runs), -1)
        mentions = np.flatnonzero(runs.output < self.outputs.labels)
        if len(mentions):
            voices = self._voices(logits.voice, runs.first[mentions], runs.last[mentions])
            voice[mentions] = voices.argmax(axis=1)
            voice_probability[mentions] = _rounded(voices.max(axis=1))
        places = Places(runs.sentence, runs.start, runs.end)
        sources = np.flatnonzero(runs.output == self.outputs.source)
        others = np.flatnonzero(voice > _VOICES.index(Voice.AUTHOR))
        if len(sources) and len(others):
            quoted = voice[others] == _VOICES.index(Voice.QUOTED)
            found = cited(places[others], places[sources], quoted, encoded, texts)
            source[others] = np.where(found < 0, -1, sources[found])
        return Spans(
            sentence=runs.sentence,
            output=runs.output,
            start=runs.start,
            end=runs.end,
            probability=_rounded(sigmoid(runs.logit.astype(np.float64) / temperatures)),
            voice=voice,
            voice_probability=voice_probability,
            source=source,
        )

    def _runs(self, logits: TokenLogits, offsets: np.ndarray, texts: Sequence[str]) -> _Runs:
        """What is marked in all sentences."""
        hits = np.flatnonzero(logits.labels >= self._extended_cut)
        token, output = np.divmod(hits, len(self.outputs.names))
        sentence = np.searchsorted(logits.starts, token, side="right") - 1
        # Output by output, so that a run is a stretch of neighbours. Small numbers are sorted in linear time.
        order = np.argsort(output.astype(np.int16), kind="stable")
        token, output, sentence = token[order], output[order], sentence[order]
        value = logits.labels[token, output]
        opens = np.ones(len(token), dtype=bool)
        opens[1:] = (np.diff(token) != 1) | (np.diff(output) != 0) | (np.diff(sentence) != 0)
        runs = np.flatnonzero(opens)
        peak = np.maximum.reduceat(value, runs)
        last = np.append(runs[1:], len(token)) - 1
        reached = peak >= self._cut[output[runs]]
        runs, last, peak = runs[reached], last[reached], peak[reached]
        first, last = token[runs], token[last]
        marked, number = np.unique(sentence[runs], return_inverse=True)
        words = Words([texts[i] for i in marked.tolist()])
        start, end = words.whole(number, offsets[first, 0], offsets[last, 1])
        return _merged(_Runs(sentence[runs], output[runs], start, end, first, last, peak))

    def _voices(self, logits: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Voice probabilities of mentions: of the mean of their tokens' logits; float64 [mentions, voices]."""
        counts = last - first + 1
        summed = np.add.reduceat(logits[count_up(first, counts)].astype(np.float64), starts_of(counts)[:-1])
        return self.calibration.voice_probabilities(summed / counts[:, None])


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability) - np.log1p(-probability)


def _rounded(values: np.ndarray) -> np.ndarray:
    """The numbers as records show them."""
    return np.round(values, DIGITS)


def _merged(runs: _Runs) -> _Runs:
    """Join runs of one output that overlap, and order all by where they stand. They come ordered by output, token."""
    apart = np.ones(len(runs), dtype=bool)
    apart[1:] = (np.diff(runs.output) != 0) | (np.diff(runs.sentence) != 0) | (runs.start[1:] >= runs.end[:-1])
    heads = np.flatnonzero(apart)
    if not len(heads):
        return runs
    tails = np.append(heads[1:], len(runs)) - 1
    start = np.minimum.reduceat(runs.start, heads)
    end = np.maximum.reduceat(runs.end, heads)
    sentence, output = runs.sentence[heads], runs.output[heads]
    order = np.lexsort((output, end, start, sentence))
    return _Runs(
        sentence[order],
        output[order],
        start[order],
        end[order],
        runs.first[heads][order],
        runs.last[tails][order],
        np.maximum.reduceat(runs.logit, heads)[order],
    )
