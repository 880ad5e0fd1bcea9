"""Training examples: read from files, held out by group, turned into arrays and batches."""

from __future__ import annotations

import glob
import gzip
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from framing.codebook import Codebook
from framing.errors import ColumnError, InputError, UnreadableFileError
from framing.markup import MarkedRow, MarkedSentence, read_rows
from framing.model.encoding import EncodedSentence, SentenceEncoder, Window
from framing.text.formats import read
from framing.text.quotations import OUTSIDE, RUNNING, QuotationState, scan
from framing.text.sentences import split, starting_states
from framing.train.loss import UNKNOWN, Lesson, Targets
from framing.types import Kind, Voice

_VOICE_INDEX = {voice: index for index, voice in enumerate(Voice)}
_KIND_INDEX = {kind: index for index, kind in enumerate(Kind)}
#: Code points; shorter and longer lines of a corpus are lists and tables, not sentences.
_TOO_SHORT, _TOO_LONG = 20, 400
_STRIPPED = frozenset(",'’‘`")


@dataclass(frozen=True, slots=True)
class OutputSpan:
    """Words that carry an output of the model; offsets in code points of the sentence, half-open."""

    start: int
    end: int
    output: str


@dataclass(frozen=True, slots=True)
class VoiceSpan:
    """Words whose voice is known; offsets in code points of the sentence, half-open."""

    start: int
    end: int
    voice: Voice


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence and what is known of it.

    Attributes:
        text: the sentence.
        group: what it must not be parted from when validation data is held out.
        state: the quotation state in which it starts.
        spans: where outputs stand, for the outputs of ``spans_known``.
        spans_known: outputs whose spans are marked exhaustively.
        labels: outputs that the sentence carries, for the outputs of ``labels_known``.
        labels_known: outputs of which it is known whether the sentence carries them.
        voices: where a voice is known.
        voice_weight: weight of those, 1 for a marked mention.
        kind: ``None`` where unknown.
        marked: the sentence with its markup, where it came with one (validation scores need it).
    """

    text: str
    group: str
    state: QuotationState = OUTSIDE
    spans: tuple[OutputSpan, ...] = ()
    spans_known: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    labels_known: frozenset[str] = frozenset()
    voices: tuple[VoiceSpan, ...] = ()
    voice_weight: float = 1.0
    kind: Kind | None = None
    marked: MarkedSentence | None = None

    def without_punctuation(self) -> Example:
        """The example as badly scraped text has it: commas and apostrophes lost, offsets moved along."""
        kept = np.array([character not in _STRIPPED for character in self.text], dtype=bool)
        if kept.all():
            return self
        place = np.concatenate(([0], np.cumsum(kept)))

        def moved(span: Any) -> Any:
            return replace(span, start=int(place[span.start]), end=int(place[span.end]))

        return replace(
            self,
            text="".join(character for character, keep in zip(self.text, kept, strict=True) if keep),
            spans=tuple(s for s in map(moved, self.spans) if s.start < s.end),
            voices=tuple(s for s in map(moved, self.voices) if s.start < s.end),
            marked=None,
        )


@dataclass(frozen=True, slots=True)
class Split:
    """Training and validation examples; no group is in both."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]


def hold_out(examples: Sequence[Example], share: float, seed: int) -> Split:
    """Hold out whole groups, about ``share`` of them.

    Whether a group is held out depends on its name and the seed alone. So it stays on its side when data is added, and
    a training that goes on from an earlier one is not validated on what that one was trained on.
    """

    def held_out(group: str) -> bool:
        digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < share * 2**64

    validation = {group for group in {example.group for example in examples} if held_out(group)}
    return Split(
        tuple(e for e in examples if e.group not in validation), tuple(e for e in examples if e.group in validation)
    )


# --- reading -----------------------------------------------------------------------------------------------------


def expand(patterns: Iterable[str]) -> list[Path]:
    """Files of paths and globs, sorted within each.

    Raises:
        UnreadableFileError: one of them names no file.
    """
    paths: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not found:
            raise UnreadableFileError(f"{pattern!r} names no file", expected="a file or a glob that matches one")
        paths.extend(Path(name) for name in found)
    return paths


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
    for path in expand(patterns):
        suffix = path.name.removesuffix(".gz").rsplit(".", 1)[-1].lower()
        if suffix == "tsv":
            examples.extend(from_rows(read_rows(path, codebook), codebook))
        elif suffix in ("csv", "jsonl", "json", "parquet"):
            examples.extend(_from_table(path, suffix, codebook, text_column, labels_column, group_column))
        else:
            raise UnreadableFileError(
                f"{path} is of no known form", expected=".tsv with inline markup, .csv, .jsonl or .parquet"
            )
    if not examples:
        raise InputError("the training data has no sentence", expected="at least one row")
    return examples


def from_rows(rows: Iterable[MarkedRow], codebook: Codebook) -> Iterator[Example]:
    """Examples of marked sentences; within a group (a document) the quotation state carries over from row to row."""
    everything = frozenset(codebook.outputs)
    for _, document in groupby(rows, key=lambda row: row.document or row.group):
        state = OUTSIDE
        for row in document:
            start = _starting_state(row.sentence, state)
            state = scan(row.sentence.text, start).after
            yield Example(
                text=row.sentence.text,
                group=row.document or row.group,
                state=start,
                spans=tuple(
                    OutputSpan(span.start, span.end, tag.output) for span in row.sentence.spans for tag in span.tags
                ),
                spans_known=everything,
                labels=frozenset(tag.output for span in row.sentence.spans for tag in span.tags),
                labels_known=everything,
                voices=tuple(
                    VoiceSpan(span.start, span.end, tag.voice)
                    for span in row.sentence.spans
                    for tag in span.tags
                    if tag.voice is not None
                ),
                kind=row.kind,
                marked=row.sentence,
            )


def _starting_state(sentence: MarkedSentence, carried: QuotationState) -> QuotationState:
    """The state in which a marked sentence starts.

    A row without its neighbours can come from the middle of a quotation: then its mentions are marked ``quoted`` and
    no quotation mark is in sight. In a document the reader would know; so the model is told.
    """
    if carried.inside:
        return carried
    quoted = [s for s in sentence.spans if any(tag.voice is Voice.QUOTED for tag in s.tags)]
    if not quoted or any(scan(sentence.text).mask):
        return carried
    return RUNNING


def _from_table(
    path: Path, suffix: str, codebook: Codebook, text_column: str, labels_column: str, group_column: str
) -> Iterator[Example]:
    """Examples with sentence labels only, from a table with a text and a labels column."""
    import datasets

    loader = {"csv": "csv", "jsonl": "json", "json": "json", "parquet": "parquet"}[suffix]
    try:
        table = datasets.load_dataset(loader, data_files=str(path), split="train", keep_in_memory=True)
    except Exception as error:  # datasets raises many kinds, each for a file it cannot parse
        raise UnreadableFileError(f"{path} cannot be read as {suffix}: {error}") from error
    for column in (text_column, labels_column):
        if column not in table.column_names:
            raise ColumnError(
                f"{path} has no column {column!r}",
                expected=f"one of its columns: {', '.join(table.column_names)}",
                hint="name yours with --text_column and --labels_column",
            )
    known = frozenset(codebook.label_names)
    for number, row in enumerate(table, 1):
        text = row[text_column]
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{path}, row {number}: the text is {text!r}", expected="a sentence")
        group = row.get(group_column)
        yield Example(
            text=text,
            group=str(group) if group is not None else f"{path}:{number}",
            labels=_cell_labels(row[labels_column], known, f"{path}, row {number}"),
            labels_known=known,
        )


def _cell_labels(cell: Any, known: frozenset[str], where: str) -> frozenset[str]:
    if cell is None:
        return frozenset()
    values = cell.replace(",", ";").split(";") if isinstance(cell, str) else cell
    labels = frozenset(str(value).strip() for value in values) - {""}
    if unknown := sorted(labels - known):
        raise InputError(
            f"{where}: the codebook has no label {unknown[0]!r}",
            expected=f"labels of the codebook: {', '.join(sorted(known))}",
        )
    return labels


def read_attribution(patterns: Iterable[str], count: int, seed: int, *, empty_share: float = 0.4) -> list[Example]:
    """Draw sentences of a corpus of attributions (PolNeAR; Newell, Margolin and Ruths 2018) for sources and voice.

    Each line is a JSON object with ``text`` and ``spans`` = [[start, end, "Source"|"Cue"|"Content", number], …].
    Words of a content span are attributed, or quoted inside quotation marks; all others are the author's.

    Args:
        patterns: ``.jsonl`` or ``.jsonl.gz`` files.
        count: sentences to draw.
        seed: of the draw.
        empty_share: share of the sentences without attribution that may be drawn.

    Raises:
        UnreadableFileError: a file is missing or a line is not of the form.
    """
    candidates = [record for path in expand(patterns) for record in _jsonl(path)]
    rng = random.Random(seed)
    rng.shuffle(candidates)
    examples: list[Example] = []
    for record in candidates:
        if len(examples) == count:
            break
        if _TOO_SHORT <= len(record["text"]) <= _TOO_LONG and (record["spans"] or rng.random() < empty_share):
            examples.append(_attribution_example(record))
    return examples


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                if not isinstance(record["text"], str) or not isinstance(record["spans"], list):
                    raise TypeError("'text' must be a string and 'spans' a list")
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableFileError(
                    f"{path}:{number}: {error!r}", expected='{"text": …, "spans": [[start, end, "Source", 0], …]}'
                ) from error
            yield record


def _attribution_example(record: dict[str, Any]) -> Example:
    text = record["text"]
    inside = scan(text).mask
    voices = [Voice.AUTHOR] * len(text)
    for start, end, part, _ in record["spans"]:
        if part == "Content":
            for place in range(start, end):
                voices[place] = Voice.QUOTED if inside[place] else Voice.ATTRIBUTED
    runs, begin = [], 0
    for voice, run in groupby(voices):
        length = len(list(run))
        runs.append(VoiceSpan(begin, begin + length, voice))
        begin += length
    sources = frozenset({"source"})
    return Example(
        text=text,
        group=str(record.get("document_id", "attribution")),
        spans=tuple(OutputSpan(start, end, "source") for start, end, part, _ in record["spans"] if part == "Source"),
        spans_known=sources,
        labels=sources if any(part == "Source" for _, _, part, _ in record["spans"]) else frozenset(),
        labels_known=sources,
        voices=tuple(runs),
    )


def read_unlabeled(paths: Sequence[str], count: int, seed: int) -> list[Example]:
    """Draw sentences of which nothing is known, for a teacher to label.

    Args:
        paths: whatever :func:`framing.text.formats.read` reads: articles, tables, folders; cut into sentences here.
        count: sentences to draw.
        seed: of the draw.

    Raises:
        FramingError: a file or a row cannot be read.
    """
    examples: list[Example] = []
    for document in read(paths, unique_ids=False):
        sentences = split(document.text)
        for sentence, state in zip(sentences, starting_states(sentences), strict=True):
            if _TOO_SHORT <= len(sentence.text) <= _TOO_LONG:
                examples.append(Example(text=sentence.text, group=document.id, state=state))
    rng = random.Random(seed)
    rng.shuffle(examples)
    return examples[:count]


# --- arrays ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taught:
    """What a teacher says of one window of ``n`` tokens, special tokens included; half precision.

    Attributes:
        labels: float16 [n, K], probabilities.
        voice: float16 [n, voices], probabilities.
        kind: float16 [kinds], probabilities.
        states: float16 [n, hidden], the last token states; hidden is 0 where they are not learned.
    """

    labels: np.ndarray
    voice: np.ndarray
    kind: np.ndarray
    states: np.ndarray


@dataclass(frozen=True, slots=True)
class Item:
    """One window of one example as arrays of ``n`` tokens (special tokens included) and ``K`` outputs.

    Attributes:
        input_ids, quotation, voice: int64 [n].
        labels: bool [n, K].
        spans_known, sentence, sentence_known: bool [K].
        voice_weight: weight of the voice targets.
        kind: index of the kind, or ``UNKNOWN``.
        taught: what a teacher says of it.
    """

    input_ids: np.ndarray
    quotation: np.ndarray
    labels: np.ndarray
    spans_known: np.ndarray
    sentence: np.ndarray
    sentence_known: np.ndarray
    voice: np.ndarray
    voice_weight: float
    kind: int
    taught: Taught | None = None


def encode_examples(examples: Sequence[Example], encoder: SentenceEncoder, outputs: Sequence[str]) -> list[Item]:
    """Turn examples into items, one for each window of each sentence."""
    encoded = encoder.encode([e.text for e in examples], [e.state for e in examples])
    index = {name: k for k, name in enumerate(outputs)}
    return [
        _item(example, sentence, window, index)
        for example, sentence in zip(examples, encoded, strict=True)
        for window in sentence.windows
    ]


def _item(example: Example, sentence: EncodedSentence, window: Window, index: dict[str, int]) -> Item:
    length, outputs = len(window), len(index)
    offsets = sentence.offsets[window.first : window.first + length - 2]
    labels = np.zeros((length, outputs), dtype=bool)
    for span in example.spans:
        labels[1:-1, index[span.output]] |= _touched(offsets, span.start, span.end)
    voice = np.full(length, UNKNOWN, dtype=np.int64)
    for mention in example.voices:
        voice[1:-1][_touched(offsets, mention.start, mention.end)] = _VOICE_INDEX[mention.voice]
    spans_known = _flags(example.spans_known, index)
    sentence_known = _flags(example.labels_known, index)
    # What is marked decides by itself; a mere sentence label may stand in another window of a long sentence.
    carried = np.where(spans_known, labels.any(axis=0), _flags(example.labels, index))
    if len(sentence.windows) > 1:
        sentence_known &= spans_known | ~carried
    return Item(
        input_ids=window.ids,
        quotation=window.quotation,
        labels=labels,
        spans_known=spans_known,
        sentence=carried,
        sentence_known=sentence_known,
        voice=voice,
        voice_weight=example.voice_weight,
        kind=UNKNOWN if example.kind is None or window.first > 0 else _KIND_INDEX[example.kind],
    )


def _touched(offsets: np.ndarray, start: int, end: int) -> np.ndarray:
    """Which tokens share a code point with [start, end): bool [tokens]."""
    return (offsets[:, 0] < end) & (offsets[:, 1] > start) & (offsets[:, 1] > offsets[:, 0])


def _flags(names: frozenset[str], index: dict[str, int]) -> np.ndarray:
    flags = np.zeros(len(index), dtype=bool)
    flags[[index[name] for name in names]] = True
    return flags


class ExampleDataset(Dataset):
    """Items of a training set; some are now and then seen without their commas and apostrophes.

    Args:
        examples: what to learn from.
        encoder, outputs: of the model.
        strip_punctuation: probability of the stripped form, drawn anew whenever an item is read, from torch's global
            generator (so that a resumed run draws as the uninterrupted one).
        teach: adds to items what a teacher says of them (:meth:`framing.train.teacher.Teacher.teach`).
    """

    def __init__(
        self,
        examples: Sequence[Example],
        encoder: SentenceEncoder,
        outputs: Sequence[str],
        *,
        strip_punctuation: float = 0.0,
        teach: Callable[[Sequence[Item]], list[Item]] = list,
    ) -> None:
        # One list per example: the stripped form may need fewer windows than the plain one, so pairs go by example.
        def taught_items(form: Sequence[Example]) -> list[list[Item]]:
            windows = [encode_examples([e], encoder, outputs) for e in form]
            taught = iter(teach([item for items in windows for item in items]))
            return [list(itertools.islice(taught, len(items))) for items in windows]

        self._plain = taught_items(examples)
        self._stripped: list[list[Item]] | None = None
        if strip_punctuation:
            self._stripped = taught_items([e.without_punctuation() for e in examples])
        self._strip = strip_punctuation
        self._places = [(e, w) for e, items in enumerate(self._plain) for w in range(len(items))]
        #: Tokens of each item, for grouping by length.
        self.lengths = [len(self._plain[e][w].input_ids) for e, w in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Item:
        example, window = self._places[index]
        stripped = self._stripped
        if stripped is not None and float(torch.rand(())) < self._strip and window < len(stripped[example]):
            return stripped[example][window]
        return self._plain[example][window]


def collate(items: Sequence[Item]) -> dict[str, Any]:
    """Pad items to their longest: the model's inputs, and :class:`~framing.train.loss.Targets` under ``targets``."""
    length = max(len(item.input_ids) for item in items)
    outputs = len(items[0].sentence)
    input_ids = torch.zeros(len(items), length, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    quotation = torch.zeros_like(input_ids)
    token_mask = torch.zeros(len(items), length)
    labels = torch.zeros(len(items), length, outputs)
    voice = torch.full_like(input_ids, UNKNOWN)
    for row, item in enumerate(items):
        n = len(item.input_ids)
        input_ids[row, :n] = torch.from_numpy(item.input_ids)
        attention_mask[row, :n] = 1
        quotation[row, :n] = torch.from_numpy(item.quotation)
        token_mask[row, 1 : n - 1] = 1
        labels[row, :n] = torch.from_numpy(item.labels)
        voice[row, :n] = torch.from_numpy(item.voice)

    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(item, name) for item in items])).float()

    targets = Targets(
        token_mask=token_mask,
        labels=labels,
        spans_known=stacked("spans_known"),
        sentence=stacked("sentence"),
        sentence_known=stacked("sentence_known"),
        voice=voice,
        voice_weight=torch.tensor([item.voice_weight for item in items]),
        kind=torch.tensor([item.kind for item in items]),
        lesson=_lesson([item.taught for item in items if item.taught is not None], length),
    )
    return {"input_ids": input_ids, "attention_mask": attention_mask, "quotation": quotation, "targets": targets}


def _lesson(taught: Sequence[Taught], length: int) -> Lesson | None:
    """What the teacher says of a batch, padded to ``length``; it speaks of all of its items or of none."""
    if not taught:
        return None

    def padded(name: str) -> torch.Tensor:
        parts = [torch.from_numpy(getattr(said, name)) for said in taught]
        batch = torch.zeros(len(parts), length, parts[0].shape[1])
        for row, part in enumerate(parts):
            batch[row, : len(part)] = part
        return batch

    state_mask = torch.zeros(len(taught), length)
    for row, said in enumerate(taught):
        state_mask[row, : len(said.labels)] = 1
    return Lesson(
        labels=padded("labels"),
        voice=padded("voice"),
        kind=torch.from_numpy(np.stack([said.kind for said in taught])).float(),
        states=padded("states"),
        state_mask=state_mask,
    )
