"""From logits to what the reader sees: frames on their evidence, voices, hedges, sources, and who is cited for what.

The rules, for each sentence and everything that a head can mark on tokens (a label, a kind of hedge, a source, a value
of a task):

1. *Evidence.* A run of tokens whose probability is at least ``extension`` times the threshold, and which reaches the
   threshold somewhere, is a span. The sentence has a frame if and only if it has a span for it, because a sentence's
   logit for a label is its largest token logit.
2. *Words.* A span grows to whole words (``terrorist-held`` and ``U.S.-backed`` are one, ``army's`` is ``army``) and
   then sheds punctuation and white space at both ends. Spans of one mark that grow into each other become one.
3. *Voice.* The voice logits of a mention's tokens are averaged, and those of other tasks that are asked of mentions.
4. *Source.* A mention whose voice is not the outlet's own is linked to the source that is cited for it
   (:mod:`framing.decoding.sources`).

All of it is done on arrays, for all sentences of a call at once, and stays in columns: whoever writes tables takes them
from there, and objects are made of those sentences that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, overload

import numpy as np

from framing.codebook import HEDGE, KIND, LABELS, SOURCE, VOICE, Codebook, Head
from framing.decoding.sources import Places, cited
from framing.decoding.spans import Choices, Spans
from framing.decoding.words import Words
from framing.model.calibration import Calibration, sigmoid
from framing.model.encoding import EncodedSentence, EncodedSentences
from framing.model.logits import Logits
from framing.model.ragged import count_up, largest, starts_of
from framing.text.characters import model_view
from framing.types import Hedge, Kind, MarkedWords, Mention, Source, TaskAnswer

#: Probabilities are rounded to this many digits; more would be noise between engines, and makes records longer.
DIGITS = 6
#: A kind that the reading rules suggest without being certain multiplies the odds of the model's own by this.
RULE_WEIGHT = 4.0

# Sentences of which objects are made at a time, when all are asked for.
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class DecodedSentence:
    """What the model says of one sentence; offsets count from its start.

    Attributes:
        frames: label -> probability, of the labels over their threshold, in codebook order.
        mentions, hedges, sources: spans in order of appearance.
        hedged: one of the hedges is of a kind that makes a sentence hedged.
        probabilities: name -> probability, see :attr:`framing.codebook.Codebook.probability_names`.
        tasks: task -> answer, of the tasks that are asked of sentences and words; without the choose-one tasks of a
            sentence without tokens.
        kind_probabilities: kind -> probability, empty where the codebook has no kinds; ``None`` where there was no
            token to read.
    """

    frames: dict[str, float]
    mentions: tuple[Mention, ...]
    hedges: tuple[Hedge, ...]
    sources: tuple[Source, ...]
    hedged: bool
    probabilities: dict[str, float]
    tasks: dict[str, TaskAnswer]
    kind_probabilities: dict[str, float] | None

    def kind(self, rule: str | None = None) -> str:
        """The kind of the sentence.

        Args:
            rule: what the rules of :mod:`framing.text.kinds` suggest without being certain. It weighs as prior odds
                of :data:`RULE_WEIGHT` to 1 against every other kind.

        Returns:
            The most probable kind. Without kinds to choose from, what the rule says, or else body; without a token to
            read, what the rule says, or else boilerplate.
        """
        if not self.kind_probabilities:
            return str(rule or (Kind.BOILERPLATE if self.kind_probabilities is None else Kind.BODY))
        weighed = {k: p * RULE_WEIGHT if k == rule else p for k, p in self.kind_probabilities.items()}
        return max(weighed, key=weighed.__getitem__)


@dataclass(frozen=True, slots=True)
class Marks:
    """What can be marked on tokens, over all sigmoid heads that are read on them.

    Attributes:
        names: in order; those of labels come first.
        labels: how many labels there are.
        hedges: of each mark that is one, the kind.
        source: which mark is that of sources; -1 where there is none.
        tasks: of each mark that is a task's, the task and the value.
    """

    names: tuple[str, ...]
    labels: int
    hedges: Mapping[int, str]
    source: int
    tasks: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, codebook: Codebook) -> Marks:
        """Those of a model of this codebook."""
        outputs = codebook.outputs
        asked = [(task.name, value) for task in codebook.tasks_of("span") for value in task.names]
        return cls(
            names=(*outputs, *(f"{task}.{value}" for task, value in asked)),
            labels=len(codebook.labels),
            hedges={
                i: name.removeprefix(f"{HEDGE}.") for i, name in enumerate(outputs) if name.startswith(f"{HEDGE}.")
            },
            source=outputs.index(SOURCE) if codebook.source_guide else -1,
            tasks=dict(enumerate(asked, start=len(outputs))),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Decoded(Sequence[DecodedSentence]):
    """What the model says of several sentences, in columns; also a sequence of objects, made when they are asked for.

    Attributes:
        codebook: declares the heads.
        marks: what the spans can be.
        texts: the sentences.
        read: bool [sentences], whether there was a token to read; where not, all probabilities are 0.
        probabilities: float64 [sentences, names], calibrated, rounded to :data:`DIGITS`, as all of them are; the names
            are the codebook's ``probability_names``.
        kinds: float64 [sentences, kinds], their probabilities.
        answers: task that is asked of sentences -> bool [sentences, values], what is chosen.
        spans: of all sentences.
        span_starts: int64 [sentences + 1]; spans ``span_starts[i]:span_starts[i + 1]`` are those of sentence ``i``.
    """

    codebook: Codebook
    marks: Marks
    texts: Sequence[str]
    read: np.ndarray
    probabilities: np.ndarray
    kinds: np.ndarray
    answers: Mapping[str, np.ndarray]
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
        names, kinds = self.codebook.probability_names, self.codebook.kinds
        rank = {name: number for number, name in enumerate(names)}
        hedging = self.codebook.hedging_kinds
        asks_tasks = bool(self.answers or self.marks.tasks)
        bounds = (self.span_starts[first : end + 1] - self.span_starts[first]).tolist()
        found = self._found(slice(self.span_starts[first], self.span_starts[end]))
        columns = (self.probabilities, self.kinds, self.read)
        rows = zip(range(first, end), *(c[first:end].tolist() for c in columns), pairwise(bounds), strict=True)
        for number, probabilities, kind_row, read, (low, high) in rows:
            named = dict(zip(names, probabilities, strict=True))
            kind_probabilities = dict(zip(kinds, kind_row, strict=True)) if read else None
            tasks = self._tasks(number, named, found[low:high]) if asks_tasks else {}
            if low == high:
                yield DecodedSentence({}, (), (), (), False, named, tasks, kind_probabilities)
                continue
            spans = found[low:high]
            mentions = tuple([span for span in spans if isinstance(span, Mention)])
            hedges = tuple([span for span in spans if isinstance(span, Hedge)])
            present = sorted({mention.label for mention in mentions}, key=rank.__getitem__)
            yield DecodedSentence(
                frames={label: named[label] for label in present},
                mentions=mentions,
                hedges=hedges,
                sources=tuple([span for span in spans if isinstance(span, Source)]),
                hedged=any(hedge.kind in hedging for hedge in hedges),
                probabilities=named,
                tasks=tasks,
                kind_probabilities=kind_probabilities,
            )

    def _tasks(self, number: int, named: Mapping[str, float], spans: Sequence[Any]) -> dict[str, TaskAnswer]:
        """The answers of a sentence."""
        answers: dict[str, TaskAnswer] = {}
        for task in self.codebook.tasks:
            if task.scope == "span":
                marked = {f"{task.name}.{value}": value for value in task.names}
                answers[task.name] = tuple(
                    MarkedWords(marked[s.value], s.start, s.end, s.text, s.probability)
                    for s in spans
                    if isinstance(s, MarkedWords) and s.value in marked
                )
            elif task.scope == "sentence":
                chosen = [task.names[i] for i in np.flatnonzero(self.answers[task.name][number])]
                if task.choose == "many":
                    answers[task.name] = {value: named[f"{task.name}.{value}"] for value in chosen}
                elif chosen:
                    answers[task.name] = chosen[0]
        return answers

    def _found(self, wanted: slice) -> list[Mention | Hedge | Source | MarkedWords]:
        """Spans as what they are."""
        spans, texts, marks = self.spans, self.texts, self.marks
        columns = (spans.sentence, spans.mark, spans.start, spans.end, spans.probability, spans.source)
        extra = self._mention_extras(wanted)
        sources: dict[int, Source] = {}
        found: list[Mention | Hedge | Source | MarkedWords] = []
        for (sentence, mark, start, end, probability, source), (voice, voice_probability, tasks) in zip(
            zip(*(column[wanted].tolist() for column in columns), strict=True), extra, strict=True
        ):
            text = texts[sentence]
            words = text[start:end]
            if mark < marks.labels:
                if source >= 0 and source not in sources:
                    sources[source] = self._source(source, text)
                cited_for = sources.get(source)
                label = marks.names[mark]
                found.append(Mention(label, start, end, words, voice, voice_probability, probability, cited_for, tasks))
            elif mark == marks.source:
                found.append(Source(start, end, words, probability))
            elif mark in marks.hedges:
                found.append(Hedge(marks.hedges[mark], start, end, words, probability))
            else:
                found.append(MarkedWords(marks.names[mark], start, end, words, probability))
        return found

    def _source(self, span: int, text: str) -> Source:
        start, end = int(self.spans.start[span]), int(self.spans.end[span])
        return Source(start, end, text[start:end], float(self.spans.probability[span]))

    def _mention_extras(self, wanted: slice) -> Iterator[tuple[str | None, float | None, dict[str, str]]]:
        """Voice, its probability, and the answers of tasks, of each span; they mean something for mentions only."""
        choices, count = self.spans.choices, wanted.stop - wanted.start
        voices: list[str | None] = [None] * count
        voice_probabilities: list[float | None] = [None] * count
        if VOICE in choices:
            names = self.codebook.voices
            voices = [names[value] for value in choices[VOICE].value[wanted].tolist()]
            voice_probabilities = choices[VOICE].probability[wanted].tolist()
        asked = [task for task in self.codebook.tasks_of("mention") if task.name in choices]
        if not asked:
            return zip(voices, voice_probabilities, ({} for _ in range(count)), strict=True)
        columns = [[task.names[v] for v in choices[task.name].value[wanted].tolist()] for task in asked]
        answers = (dict(zip((t.name for t in asked), row, strict=True)) for row in zip(*columns, strict=True))
        return zip(voices, voice_probabilities, answers, strict=True)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of tokens that carry one mark; one entry of each array per run.

    Attributes:
        sentence, mark: int64, indices.
        start, end: int64, code points from the start of the sentence.
        first, last: int64, the first and last of its tokens, in the row of all tokens.
        logit: float32, the largest of its tokens.
    """

    sentence: np.ndarray
    mark: np.ndarray
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
        codebook: declares the heads.
        calibration: of these heads.
    """

    def __init__(self, codebook: Codebook, calibration: Calibration) -> None:
        self.codebook = codebook
        self.calibration = calibration
        self.marks = Marks.of(codebook)
        heads = codebook.heads
        self._marking = [head for head in heads.of_scope("token") if head.activation == "sigmoid"]
        self._choosing = [head for head in heads.of_scope("token") if head.activation == "softmax"]
        of_marks = [calibration.of[head.name] for head in self._marking]
        # Thresholds are compared as logits, so that only probabilities that are reported need to be computed.
        self._cut = _joined([one.cuts for one in of_marks]).astype(np.float32)
        self._extended_cut = _joined([one.extended_cuts(calibration.extension) for one in of_marks]).astype(np.float32)
        self._temperatures = _joined([one.temperatures for one in of_marks])
        self._columns = {head.name: heads.columns(head) for head in heads}
        place = {name: number for number, name in enumerate(codebook.voices)}
        self._own_voices = [place[name] for name in codebook.voices_of_role("own")]
        self._quoted_voices = [place[name] for name in codebook.voices_of_role("quoted")]

    def decode(self, logits: Logits, encoded: Sequence[EncodedSentence], texts: Sequence[str]) -> Decoded:
        """Decode sentences.

        Args:
            logits: of all of them.
            encoded: the sentences as the model read them.
            texts: the sentences; token offsets count in these.
        """
        read = np.diff(logits.starts) > 0
        of_heads: dict[str, np.ndarray] = {}
        spans = Spans.none()
        if read.any():
            marked = self._marked(logits)
            peaks = largest(marked, np.diff(logits.starts)[read]) if marked.shape[1] else marked[:0]
            first = 0
            for head in self._marking:
                own = peaks[:, first : first + len(head.names)]
                of_heads[head.name] = self._probabilities(head, own)
                first += len(head.names)
            for head in self.codebook.heads.of_scope("sentence"):
                of_heads[head.name] = self._probabilities(head, logits.sentences[read, self._columns[head.name]])
            if marked.shape[1]:
                spans = self._spans(logits, marked, EncodedSentences.of(encoded), texts)
        span_starts = np.searchsorted(spans.sentence, np.arange(len(texts) + 1))
        tasks = self.codebook.tasks
        by_name = [LABELS] * bool(self.codebook.outputs) + [task.name for task in tasks if task.scope != "mention"]
        kinds = self._spread(of_heads.get(KIND), read, len(self.codebook.kinds))
        widths = {head.name: len(head.names) for head in self.codebook.heads}
        columns = [self._spread(of_heads.get(name), read, widths[name]) for name in by_name]
        answers = {
            task.name: self._spread(self._answers(task.head, of_heads.get(task.name)), read, len(task.names)) > 0
            for task in tasks
            if task.scope == "sentence"
        }
        probabilities = (
            columns[0] if len(columns) == 1 else np.concatenate(columns or [np.zeros((len(texts), 0))], axis=1)
        )
        return Decoded(self.codebook, self.marks, texts, read, probabilities, kinds, answers, spans, span_starts)

    def _probabilities(self, head: Head, logits: np.ndarray) -> np.ndarray:
        return _rounded(self.calibration.of[head.name].probabilities(logits.astype(np.float64)))

    def _answers(self, head: Head, probabilities: np.ndarray | None) -> np.ndarray | None:
        """1 for what is chosen; float64 [sentences that were read, names]."""
        if probabilities is None:
            return None
        if head.activation == "sigmoid":
            return (probabilities >= self.calibration.of[head.name].thresholds).astype(np.float64)
        return np.eye(len(head.names))[probabilities.argmax(axis=1)]

    @staticmethod
    def _spread(values: np.ndarray | None, read: np.ndarray, width: int) -> np.ndarray:
        """Values of the sentences that were read, with zeros for the others; float64 [sentences, width]."""
        spread = np.zeros((len(read), width))
        if values is not None:
            spread[read] = values
        return spread

    def _marked(self, logits: Logits) -> np.ndarray:
        """The logits of everything that can be marked; float32 [tokens, marks]."""
        parts = [logits.tokens[:, self._columns[head.name]] for head in self._marking]
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [logits.tokens[:, :0]], axis=1)

    def _spans(self, logits: Logits, marked: np.ndarray, encoded: EncodedSentences, texts: Sequence[str]) -> Spans:
        runs = self._runs(marked, logits.starts, encoded.offsets, texts)
        mentions = np.flatnonzero(runs.mark < self.marks.labels)
        choices = {head.name: self._chosen(head, logits, runs, mentions) for head in self._choosing if len(mentions)}
        return Spans(
            sentence=runs.sentence,
            mark=runs.mark,
            start=runs.start,
            end=runs.end,
            probability=_rounded(sigmoid(runs.logit.astype(np.float64) / self._temperatures[runs.mark])),
            choices=choices,
            source=self._sources(runs, choices.get(VOICE), encoded, texts),
        )

    def _chosen(self, head: Head, logits: Logits, runs: _Runs, mentions: np.ndarray) -> Choices:
        """What a softmax head says of mentions: of the mean of their tokens' logits."""
        chosen = Choices.none(len(runs))
        first, counts = runs.first[mentions], runs.last[mentions] - runs.first[mentions] + 1
        of_tokens = logits.tokens[count_up(first, counts), self._columns[head.name]].astype(np.float64)
        summed = np.add.reduceat(of_tokens, starts_of(counts)[:-1])
        probabilities = self.calibration.of[head.name].probabilities(summed / counts[:, None])
        chosen.value[mentions] = probabilities.argmax(axis=1)
        chosen.probability[mentions] = _rounded(probabilities.max(axis=1))
        return chosen

    def _sources(
        self, runs: _Runs, voices: Choices | None, encoded: EncodedSentences, texts: Sequence[str]
    ) -> np.ndarray:
        """The source of each mention whose voice is not the outlet's own; int64 [spans], -1 where there is none."""
        source = np.full(len(runs), -1)
        sources = np.flatnonzero(runs.mark == self.marks.source)
        if voices is None or not len(sources):
            return source
        others = np.flatnonzero((voices.value >= 0) & ~np.isin(voices.value, self._own_voices))
        if len(others):
            places = Places(runs.sentence, runs.start, runs.end)
            quoted = np.isin(voices.value[others], self._quoted_voices)
            found = cited(places[others], places[sources], quoted, encoded, texts)
            source[others] = np.where(found < 0, -1, sources[found])
        return source

    def _runs(self, marked: np.ndarray, starts: np.ndarray, offsets: np.ndarray, texts: Sequence[str]) -> _Runs:
        """What is marked in all sentences."""
        hits = np.flatnonzero(marked >= self._extended_cut)
        token, mark = np.divmod(hits, len(self.marks.names))
        sentence = np.searchsorted(starts, token, side="right") - 1
        # Mark by mark, so that a run is a stretch of neighbours. Small numbers are sorted in linear time.
        order = np.argsort(mark.astype(np.int16), kind="stable")
        token, mark, sentence = token[order], mark[order], sentence[order]
        value = marked[token, mark]
        opens = np.ones(len(token), dtype=bool)
        opens[1:] = (np.diff(token) != 1) | (np.diff(mark) != 0) | (np.diff(sentence) != 0)
        runs = np.flatnonzero(opens)
        peak = np.maximum.reduceat(value, runs)
        last = np.append(runs[1:], len(token)) - 1
        reached = peak >= self._cut[mark[runs]]
        runs, last, peak = runs[reached], last[reached], peak[reached]
        first, last = token[runs], token[last]
        which, number = np.unique(sentence[runs], return_inverse=True)
        words = Words([model_view(texts[i]) for i in which.tolist()])
        start, end = words.whole(number, offsets[first, 0], offsets[last, 1])
        merged = _merged(_Runs(sentence[runs], mark[runs], start, end, first, last, peak))
        # A source that is the whole sentence is cited for nothing: a dateline ("PARIS:"), a name on a line by itself.
        sources = np.flatnonzero(merged.mark == self.marks.source)
        alone = [
            number
            for number, text, begin, stop in zip(
                sources.tolist(),
                (texts[i] for i in merged.sentence[sources].tolist()),
                merged.start[sources].tolist(),
                merged.end[sources].tolist(),
                strict=True,
            )
            if not any(map(str.isalnum, text[:begin] + text[stop:]))
        ]
        if not alone:
            return merged
        kept = np.delete(np.arange(len(merged)), alone)
        return _Runs(*(getattr(merged, field.name)[kept] for field in fields(_Runs)))


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0), *columns])


def _rounded(values: np.ndarray) -> np.ndarray:
    """The numbers as records show them."""
    return np.round(values, DIGITS)


def _merged(runs: _Runs) -> _Runs:
    """Join runs of one mark that overlap, and order all by where they stand."""
    if not len(runs):
        return runs
    by_place = np.lexsort((runs.start, runs.sentence, runs.mark))
    runs = _Runs(*(getattr(runs, field.name)[by_place] for field in fields(_Runs)))
    other = np.zeros(len(runs), dtype=bool)
    other[1:] = (np.diff(runs.mark) != 0) | (np.diff(runs.sentence) != 0)
    # How far any earlier run of the mark and sentence reaches: the one just before may stand inside another.
    group = np.cumsum(other) * (int(runs.end.max()) + 1)
    reached = np.maximum.accumulate(runs.end + group) - group
    apart = other.copy()
    apart[0] = True
    apart[1:] |= runs.start[1:] >= reached[:-1]
    heads = np.flatnonzero(apart)
    start = np.minimum.reduceat(runs.start, heads)
    end = np.maximum.reduceat(runs.end, heads)
    sentence, mark = runs.sentence[heads], runs.mark[heads]
    order = np.lexsort((mark, end, start, sentence))
    return _Runs(
        sentence[order],
        mark[order],
        start[order],
        end[order],
        np.minimum.reduceat(runs.first, heads)[order],
        np.maximum.reduceat(runs.last, heads)[order],
        np.maximum.reduceat(runs.logit, heads)[order],
    )
