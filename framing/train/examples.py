"""Training examples: read from files, held out by group, turned into arrays and batches."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NoReturn

import numpy as np
import torch
from torch.utils.data import Dataset

from framing import reading
from framing.codebook import KIND, LABELS, SOURCE, VOICE, Codebook, Head, Heads
from framing.errors import InputError, UnreadableFileError
from framing.markup import MarkedRow, MarkedSentence, read_rows
from framing.model.encoding import EncodedSentence, EncodedSentences, SentenceEncoder, Window
from framing.reading.files import InputFile
from framing.reading.files import expand as files_of
from framing.tables import TABLES, read_table
from framing.text.quotations import OUTSIDE, RUNNING, QuotationState, scan
from framing.text.sentences import split, starting_states
from framing.train.config import DataArguments
from framing.train.lessons import Answer, Lessons
from framing.train.loss import (
    UNKNOWN,
    AnswersTargets,
    AnswerTargets,
    ChoiceTargets,
    EvidenceTargets,
    HeadTargets,
    Lesson,
    Targets,
    stack,
)
from framing.types import Kind, Rejected

#: Code points; shorter and longer lines of a corpus are lists and tables, not sentences.
_TOO_SHORT, _TOO_LONG = 20, 400
#: Sentences that are encoded at once: the tokenizer's own objects for them are many times larger than their tokens.
_CHUNK = 4096
#: Items of plain sentences that stay in memory, some 3 kB each.
_KEPT = 50_000
#: The token of encoders that were trained to guess hidden words; one without it hides nothing.
_MASK = "[MASK]"
_STRIPPED = frozenset(",'’‘`")


@dataclass(frozen=True, slots=True)
class MarkSpan:
    """Words that carry a mark; offsets in code points of the sentence, half-open.

    Attributes:
        mark: one of the codebook's outputs, or ``<task>.<value>``.
    """

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class ChoiceSpan:
    """Words of which it is known what a head chooses for them; offsets in code points of the sentence, half-open.

    Attributes:
        head: the voice, or a task that is asked of mentions.
        name: what is chosen.
    """

    start: int
    end: int
    head: str
    name: str


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence and what is known of it.

    Attributes:
        text: the sentence.
        group: what it must not be parted from when validation data is held out.
        state: the quotation state in which it starts.
        spans: where marks stand, for the marks of ``spans_known``.
        spans_known: marks whose spans are marked exhaustively.
        labels: marks that the sentence carries, for those of ``labels_known``.
        labels_known: marks of which it is known whether the sentence carries them.
        choices: where a voice, or the answer of a task that is asked of mentions, is known.
        choice_weight: weight of those, 1 for a marked mention.
        answers: kind, or task that is asked of sentences -> value (several joined by ``+``), where known.
        marked: the sentence with its markup, where it came with one (validation scores need it).
    """

    text: str
    group: str
    state: QuotationState = OUTSIDE
    spans: tuple[MarkSpan, ...] = ()
    spans_known: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    labels_known: frozenset[str] = frozenset()
    choices: tuple[ChoiceSpan, ...] = ()
    choice_weight: float = 1.0
    answers: Mapping[str, str] = field(default_factory=dict)
    marked: MarkedSentence | None = None

    def without_punctuation(self) -> Example:
        """The example as badly scraped text has it: commas and apostrophes lost, offsets moved along."""
        place = places_without_punctuation(self.text)
        if place[-1] == len(self.text):
            return self

        def moved(span: Any) -> Any:
            return replace(span, start=int(place[span.start]), end=int(place[span.end]))

        return replace(
            self,
            text="".join(character for character in self.text if character not in _STRIPPED),
            spans=tuple(s for s in map(moved, self.spans) if s.start < s.end),
            choices=tuple(s for s in map(moved, self.choices) if s.start < s.end),
            marked=None,
        )


def places_without_punctuation(text: str) -> np.ndarray:
    """Where each offset of a text, its end included, stands once commas and apostrophes are lost; int64 [n + 1]."""
    kept = [character not in _STRIPPED for character in text]
    return np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))


@dataclass(frozen=True, slots=True)
class Split:
    """Training and validation examples; no group is in both."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]


def hold_out(examples: Sequence[Example], share: float, seed: int) -> Split:
    """Hold out whole groups, about ``share`` of them.

    Whether a group is held out depends on its name and the seed alone. So it stays on its side when data is added, and
    a training that goes on from an earlier one is not validated on what that one was trained on. Only where that holds
    out too few sentences, less than half of their share, further groups are taken, in the order of their hashes; none
    that would make it more than twice their share.
    """

    def place(group: str) -> float:
        return int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8], "big") / 2**64

    sizes = Counter(example.group for example in examples)
    validation: set[str] = set()
    held_out = 0
    wanted = share * len(examples)
    for group in sorted(sizes, key=place):
        if place(group) < share or (2 * held_out < wanted and held_out + sizes[group] <= 2 * wanted):
            validation.add(group)
            held_out += sizes[group]
    return Split(
        tuple(e for e in examples if e.group not in validation), tuple(e for e in examples if e.group in validation)
    )


# --- reading -----------------------------------------------------------------------------------------------------


def expand(patterns: Iterable[str]) -> list[InputFile]:
    """Files of paths, folders and globs; see :func:`framing.reading.files.expand`.

    Raises:
        UnreadableFileError: one of them names no file, or a file of no known format.
    """
    files = files_of(list(patterns))
    for file in files:
        if file.problem:
            raise UnreadableFileError(file.problem)
    return files


def read_examples(
    patterns: Iterable[str],
    codebook: Codebook,
    *,
    text_column: str = "text",
    labels_column: str = "labels",
    group_column: str = "group",
) -> list[Example]:
    """Read training data: ``.tsv`` with inline markup, or a table with sentence labels.

    Raises:
        UnreadableFileError: a file is missing or of no known form.
        MarkupError: a marked sentence is broken; the message names file and line.
        ColumnError: a table lacks a column.
        InputError: a cell names a label that the codebook does not have, or there is no example at all.
    """
    examples: list[Example] = []
    for file in expand(patterns):
        if file.format == "tsv":
            examples.extend(from_rows(read_rows(file.path, codebook), codebook))
        elif file.format in TABLES:
            columns = {"text_column": text_column, "labels_column": labels_column, "group_column": group_column}
            examples.extend(_from_table(file, codebook, columns))
        else:
            raise UnreadableFileError(
                f"{file.path} is of no known form",
                expected=".tsv with inline markup, .csv, .jsonl, .json, .parquet or .arrow",
            )
    if not examples:
        raise InputError("the training data has no sentence", expected="at least one row")
    return examples


def read_configured(data: DataArguments, codebook: Codebook) -> list[Example]:
    """The marked sentences that a configuration names under ``train``; see :func:`read_examples`."""
    return read_examples(data.train, codebook, **columns_of(data))


def columns_of(data: DataArguments) -> dict[str, str]:
    """The columns of tables, as :func:`read_examples` takes them."""
    return {name: getattr(data, name) for name in ("text_column", "labels_column", "group_column")}


def from_rows(rows: Iterable[MarkedRow], codebook: Codebook) -> Iterator[Example]:
    """Examples of marked sentences; within a group (a document) the quotation state carries over from row to row."""
    everything = frozenset(marks_of(codebook.heads))
    quoted = codebook.voices_of_role("quoted")
    for _, document in groupby(rows, key=lambda row: row.document or row.group):
        state = OUTSIDE
        for row in document:
            start = _starting_state(row.sentence, state, quoted)
            state = scan(row.sentence.text, start).after
            tags = [(span, tag) for span in row.sentence.spans for tag in span.tags]
            choices = [(span, VOICE, tag.voice) for span, tag in tags if tag.voice is not None]
            choices += [(span, task, value) for span, tag in tags for task, value in tag.answers]
            yield Example(
                text=row.sentence.text,
                group=row.document or row.group,
                state=start,
                spans=tuple(MarkSpan(span.start, span.end, tag.output) for span, tag in tags),
                spans_known=everything,
                labels=frozenset(tag.output for _, tag in tags),
                labels_known=everything,
                choices=tuple(ChoiceSpan(span.start, span.end, head, name) for span, head, name in choices),
                answers={**({KIND: row.kind} if row.kind else {}), **row.answers},
                marked=row.sentence,
            )


def marks_of(heads: Heads) -> tuple[str, ...]:
    """What can be marked on tokens, over all heads that mark them: outputs, then ``<task>.<value>``."""
    marking = [head for head in heads.of_scope("token") if head.activation == "sigmoid"]
    return tuple(name if h.name == LABELS else f"{h.name}.{name}" for h in marking for name in h.names)


def _starting_state(sentence: MarkedSentence, carried: QuotationState, quoted: Collection[str]) -> QuotationState:
    """The state in which a marked sentence starts.

    A row without its neighbours can come from the middle of a quotation: then its mentions are marked in a voice of
    ``quoted``, and no quotation mark is in sight. In a document the reader would know; so the model is told.
    """
    if carried.inside:
        return carried
    in_quotation = any(tag.voice in quoted for span in sentence.spans for tag in span.tags)
    if not in_quotation or any(scan(sentence.text).mask):
        return carried
    return RUNNING


def _from_table(file: InputFile, codebook: Codebook, columns: Mapping[str, str]) -> Iterator[Example]:
    """Examples with sentence labels only, from a table with a text and a labels column."""
    known = frozenset(codebook.label_names)
    for row in read_table(file.path, known, format=file.format, **columns):
        yield Example(text=row.text, group=row.group, labels=row.labels, labels_known=known)


def read_attribution(
    patterns: Iterable[str], count: int, seed: int, codebook: Codebook, *, empty_share: float = 0.4
) -> list[Example]:
    """Draw sentences of a corpus of attributions (PolNeAR; Newell, Margolin and Ruths 2018) for sources and voice.

    Each line is a JSON object with ``text`` and ``spans`` = [[start, end, "Source"|"Cue"|"Content", number], …].
    Words of a content span are a cited source's, or quoted inside quotation marks; all others are the outlet's own: in
    the first voice of the codebook that has that role. Without such voices the voices stay unknown.

    Args:
        patterns: ``.jsonl`` or ``.jsonl.gz`` files.
        count: sentences to draw.
        seed: of the draw.
        codebook: has the voices.
        empty_share: share of the sentences without attribution that may be drawn.

    Raises:
        UnreadableFileError: a file is missing or a line is not of the form.
    """
    candidates = [record for file in expand(patterns) for record in _jsonl(file)]
    rng = random.Random(seed)
    rng.shuffle(candidates)
    examples: list[Example] = []
    for record in candidates:
        if len(examples) == count:
            break
        if _TOO_SHORT <= len(record["text"]) <= _TOO_LONG and (record["spans"] or rng.random() < empty_share):
            examples.append(_attribution_example(record, codebook))
    return examples


def _jsonl(file: InputFile) -> Iterator[Mapping[str, Any]]:
    for row in reading.read_rows([file.path], format="jsonl", on_reject=_raise_rejected):
        record = row.values
        if not isinstance(record.get("text"), str) or not isinstance(record.get("spans"), list):
            _raise_rejected(Rejected(f"{file.path}:{row.number}", "'text' is no string, or 'spans' no list"))
        for span in record["spans"]:
            if not _is_attributed(span, len(record["text"])):
                reason = f"the span {span!r} of a text of {len(record['text'])} characters"
                _raise_rejected(Rejected(f"{file.path}:{row.number}", reason))
        yield record


def _is_attributed(span: Any, length: int) -> bool:
    """Whether this is ``[start, end, part, number]``, with words of the text from start to end."""
    if not isinstance(span, list | tuple) or len(span) != 4:
        return False
    start, end, part, _ = span
    return type(start) is int and type(end) is int and 0 <= start < end <= length and isinstance(part, str)


def _raise_rejected(rejected: Rejected) -> NoReturn:
    raise UnreadableFileError(
        f"{rejected.where}: {rejected.reason}", expected='{"text": …, "spans": [[start, end, "Source", 0], …]}'
    )


def _attribution_example(record: Mapping[str, Any], codebook: Codebook) -> Example:
    text = record["text"]
    sources = frozenset({SOURCE} if codebook.source_guide else ())
    marked = [(start, end) for start, end, part, _ in record["spans"] if part == "Source"]
    return Example(
        text=text,
        group=str(record.get("document_id", "attribution")),
        spans=tuple(MarkSpan(start, end, SOURCE) for start, end in marked if sources),
        spans_known=sources,
        labels=sources if marked else frozenset(),
        labels_known=sources,
        choices=tuple(_attributed_voices(text, record["spans"], codebook)),
    )


def _attributed_voices(text: str, spans: Iterable[Any], codebook: Codebook) -> Iterator[ChoiceSpan]:
    """The voice of each stretch of a sentence."""
    by_role = [codebook.voices_of_role(role) for role in ("own", "cited", "quoted")]
    if not all(by_role):
        return
    own, cited, quoted = (voices[0] for voices in by_role)
    inside = scan(text).mask
    voices = [own] * len(text)
    for start, end, part, _ in spans:
        if part == "Content":
            voices[start:end] = [quoted if inside[place] else cited for place in range(start, end)]
    begin = 0
    for voice, run in groupby(voices):
        end = begin + len(list(run))
        yield ChoiceSpan(begin, end, VOICE, voice)
        begin = end


def read_unlabeled(paths: Sequence[str], count: int, seed: int) -> list[Example]:
    """Draw sentences of which nothing is known, for a teacher to label.

    The corpus is streamed: memory holds the sentences that are drawn, and no more. Whether a sentence is drawn depends
    on its text and the seed, not on where it stands; a smaller draw is the beginning of a larger one.

    Args:
        paths: whatever :func:`framing.read` reads: articles, tables, folders; cut into sentences here.
        count: sentences to draw.
        seed: of the draw.

    Raises:
        FramingError: a file or a row cannot be read.
    """

    def place(example: Example) -> bytes:
        return hashlib.sha256(f"{seed}:{example.text}".encode()).digest()

    return heapq.nsmallest(count, sentences_of(paths), key=place)


def sentences_of(paths: Sequence[str], kinds: Collection[str] = ()) -> Iterator[Example]:
    """The sentences of a corpus, one after the other, of which nothing is known but where they stand.

    Args:
        paths: whatever :func:`framing.read` reads; lines that are too short or too long to be sentences are left out.
        kinds: those of them that the form of a page tells become the answer; where it tells nothing, running text.

    Raises:
        FramingError: a file or a row cannot be read.
    """
    for document in reading.read(paths, unique_ids=False):
        cut = split(document.text)
        for sentence, state in zip(cut, starting_states(cut), strict=True):
            if _TOO_SHORT <= len(sentence.text) <= _TOO_LONG:
                kind = str(sentence.kind or Kind.BODY)
                answers = {KIND: kind} if kind in kinds else {}
                yield Example(text=sentence.text, group=document.id, state=state, answers=answers)


# --- arrays ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One window of one example as arrays of ``n`` tokens, special tokens included.

    Attributes:
        input_ids, quotation: int64 [n].
        offsets: int64 [n - 2, 2], code points of the sentence's own tokens, half-open.
        targets: head's name -> what is known of its answer.
        lesson: what a teacher says of it.
    """

    input_ids: np.ndarray
    quotation: np.ndarray
    offsets: np.ndarray
    targets: Mapping[str, HeadTargets]
    lesson: Answer | None = None


def encode_examples(examples: Sequence[Example], encoder: SentenceEncoder, heads: Heads) -> list[Item]:
    """Turn examples into items, one for each window of each sentence."""
    return [
        _item(example, sentence, windows, number, heads)
        for example, sentence in zip(examples, _encode(examples, encoder), strict=True)
        for windows in [sentence.windows]
        for number in range(len(windows))
    ]


def _item(example: Example, sentence: EncodedSentence, windows: Sequence[Window], number: int, heads: Heads) -> Item:
    """The item of one of a sentence's windows."""
    window = windows[number]
    offsets = sentence.offsets[window.first : window.first + len(window) - 2]
    targets = {head.name: _targets(head, example, offsets, number, len(windows)) for head in heads}
    return Item(window.ids, window.quotation, offsets, targets)


def _targets(head: Head, example: Example, offsets: np.ndarray, number: int, windows: int) -> HeadTargets:
    """What is known of a head's answer for one of a sentence's windows, whose tokens have these offsets."""
    if head.scope == "token":
        marks = head.activation == "sigmoid"
        return (_evidence if marks else _choices)(head, example, offsets, windows > 1)
    # What is said of a sentence is read on its first window.
    answer = example.answers.get(head.name) if number == 0 else None
    if head.activation == "softmax":
        return AnswerTargets(np.int64(UNKNOWN if answer is None else head.names.index(answer)))
    chosen = (answer or "").split("+")
    return AnswersTargets(np.array([name in chosen for name in head.names]), np.array(answer is not None))


def _evidence(head: Head, example: Example, offsets: np.ndarray, is_windowed: bool) -> EvidenceTargets:
    names = head.names if head.name == LABELS else tuple(f"{head.name}.{name}" for name in head.names)
    index = {name: k for k, name in enumerate(names)}
    tokens = np.zeros((len(offsets) + 2, len(names)), dtype=bool)
    for span in example.spans:
        if span.mark in index:
            tokens[1:-1, index[span.mark]] |= _touched(offsets, span.start, span.end)
    spans_known, sentence_known, labels = (
        np.array([name in known for name in names])
        for known in (example.spans_known, example.labels_known, example.labels)
    )
    # What is marked decides by itself; a mere sentence label may stand in another window of a long sentence.
    carried = np.where(spans_known, tokens.any(axis=0), labels)
    if is_windowed:
        sentence_known &= spans_known | ~carried
    return EvidenceTargets(tokens, spans_known, carried, sentence_known)


def _choices(head: Head, example: Example, offsets: np.ndarray, is_windowed: bool) -> ChoiceTargets:
    tokens = np.full(len(offsets) + 2, UNKNOWN, dtype=np.int64)
    for choice in example.choices:
        if choice.head == head.name:
            tokens[1:-1][_touched(offsets, choice.start, choice.end)] = head.names.index(choice.name)
    return ChoiceTargets(tokens, np.float32(example.choice_weight))


def _touched(offsets: np.ndarray, start: int, end: int) -> np.ndarray:
    """Which tokens share a code point with [start, end): bool [tokens]."""
    return (offsets[:, 0] < end) & (offsets[:, 1] > start) & (offsets[:, 1] > offsets[:, 0])


class ExampleDataset(Dataset):
    """Items of a training set; some are now and then seen without their commas and apostrophes.

    In memory are the examples, their tokens, and the first :data:`_KEPT` items that were read; others are made whenever
    they are read, so that a million sentences fit.

    Args:
        examples: what to learn from.
        encoder, heads: of the model.
        strip_punctuation: probability of the stripped form, drawn anew in each epoch.
        lessons: what a teacher says of each of the examples; carried over to the student's tokens when an item is read.
        mask_evidence: probability that an item's marked tokens are hidden, drawn in the same way.
        seed: of what is drawn. A draw depends on it, on the epoch and on the item alone, so that neither the order of
            reading, nor another process, nor an interruption changes it.

    Attributes:
        epoch: of which items are read, from 0.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        encoder: SentenceEncoder,
        heads: Heads,
        *,
        strip_punctuation: float = 0.0,
        lessons: Lessons | None = None,
        mask_evidence: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.epoch = 0
        self._seed = seed
        self._examples = examples
        self._encoder = encoder
        self._heads = heads
        self._lessons = lessons
        self._items: dict[int, Item] = {}
        self._strip = strip_punctuation
        self._mask = mask_evidence
        self._mask_id = encoder.tokenizer.token_to_id(_MASK) if mask_evidence else None
        chunks = [examples[first : first + _CHUNK] for first in range(0, len(examples), _CHUNK)]
        self._encoded = [_encode(chunk, encoder) for chunk in chunks]
        windows = [encoded.windows() for encoded in self._encoded]
        # Which example an item is of, and which window of it.
        of = [w.sentence + number * _CHUNK for number, w in enumerate(windows)]
        self._of = np.concatenate(of or [np.empty(0, dtype=np.int64)])
        self._window = np.arange(len(self._of)) - np.searchsorted(self._of, self._of)
        #: Tokens of each item, for grouping by length.
        self.lengths: list[int] = [2 + length for w in windows for length in w.length.tolist()]

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, index: int) -> Item:
        number, window = int(self._of[index]), int(self._window[index])
        example, encoded = self._examples[number], self._encoded[number // _CHUNK][number % _CHUNK]
        draws = np.random.default_rng((self._seed, self.epoch, index)).random(2)
        bare = self._stripped(example, window) if draws[0] < self._strip else None
        item = bare or self._items.get(index) or _item(example, encoded, encoded.windows, window, self._heads)
        if bare is None and len(self._items) < _KEPT:
            self._items[index] = item
        if self._mask_id is not None and draws[1] < self._mask:
            item = _masked(item, self._mask_id)
        if self._lessons is None:
            return item
        said = self._lessons.of(example.text, example.state)
        if bare is not None:  # the teacher has read the sentence as it was printed
            said = said.moved(places_without_punctuation(example.text))
        return replace(item, lesson=said.on(item.offsets))

    def _stripped(self, example: Example, window: int) -> Item | None:
        """A window of the stripped form, which may need fewer of them than the plain one."""
        bare = example.without_punctuation()
        encoded = _encode([bare], self._encoder)[0]
        windows = encoded.windows
        return _item(bare, encoded, windows, window, self._heads) if window < len(windows) else None


def _encode(examples: Sequence[Example], encoder: SentenceEncoder) -> EncodedSentences:
    return encoder.encode([e.text for e in examples], [e.state for e in examples])


def _masked(item: Item, mask_id: int) -> Item:
    """The item with the tokens of its marks hidden; it says of them what it said."""
    marks = [known.tokens.any(axis=1) for known in item.targets.values() if isinstance(known, EvidenceTargets)]
    return replace(item, input_ids=np.where(np.any(marks, axis=0), mask_id, item.input_ids)) if marks else item


def collate(items: Sequence[Item]) -> dict[str, Any]:
    """Pad items to their longest: the model's inputs, and :class:`~framing.train.loss.Targets` under ``targets``."""
    length = max(len(item.input_ids) for item in items)
    input_ids = torch.zeros(len(items), length, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    quotation = torch.zeros_like(input_ids)
    token_mask = torch.zeros(len(items), length)
    for row, item in enumerate(items):
        n = len(item.input_ids)
        input_ids[row, :n] = torch.from_numpy(item.input_ids)
        attention_mask[row, :n] = 1
        quotation[row, :n] = torch.from_numpy(item.quotation)
        token_mask[row, 1 : n - 1] = 1
    targets = Targets(
        token_mask=token_mask,
        of={name: stack([item.targets[name] for item in items], length) for name in items[0].targets},
        lesson=_lesson([item.lesson for item in items if item.lesson is not None], length),
    )
    return {"input_ids": input_ids, "attention_mask": attention_mask, "quotation": quotation, "targets": targets}


def _lesson(said: Sequence[Answer], length: int) -> Lesson | None:
    """What the teacher says of a batch, padded to ``length``; it speaks of all of its items or of none."""
    if not said:
        return None

    def padded(parts: Sequence[np.ndarray]) -> torch.Tensor:
        batch = torch.zeros(len(parts), length, max(part.shape[1] for part in parts))
        for row, part in enumerate(parts):
            if len(part):
                batch[row, 1 : len(part) + 1] = torch.from_numpy(part.astype(np.float32))
        return batch

    return Lesson(
        tokens=padded([answer.tokens for answer in said]),
        sentences=torch.from_numpy(np.stack([answer.sentences for answer in said])).float(),
        states=padded([answer.states for answer in said]),
    )
