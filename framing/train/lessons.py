"""What a teacher says of sentences: kept on disk once, carried over to the tokens of any student when it is read.

A teacher and a student need not cut words into the same tokens. What is said of a teacher's token is said of the
characters that it covers, and a student's token takes the mean of the teacher's tokens that it shares characters with,
each weighed by how many (so two models of one vocabulary share their answers token by token).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from framing.files import WholeFile
from framing.text.quotations import QuotationState

#: Sentences in a file; a run that is killed while the teacher reads loses so many answers at most.
_IN_A_FILE = 4096
#: Sentences that are read and looked up at once.
_IN_A_BATCH = 512

#: Of the digest that a sentence is found by.
_KEY_BYTES = 16

_SCHEMA = pa.schema(
    {
        "sentence": pa.binary(_KEY_BYTES),
        "offsets": pa.list_(pa.int32()),
        "tokens": pa.list_(pa.float16()),
        "sentences": pa.list_(pa.float16()),
        "states": pa.list_(pa.float16()),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a teacher says of one sentence, or of one window of it; special tokens left out.

    Attributes:
        offsets: int64 [n, 2], code points of each token in the sentence, half-open.
        tokens: float [n, token width], probabilities.
        sentences: float [sentence width], probabilities.
        states: float [n, hidden], the last token states; hidden is 0 where they are not learned.
    """

    offsets: np.ndarray
    tokens: np.ndarray
    sentences: np.ndarray
    states: np.ndarray

    def on(self, offsets: np.ndarray) -> Answer:
        """The answer on other tokens of the sentence.

        A token that shares no character with any of the teacher's gets 0 for everything.

        Args:
            offsets: int64 [m, 2], as the attribute of that name.
        """
        if np.array_equal(offsets, self.offsets):
            return self
        ours, theirs = offsets[:, None, :], self.offsets[None, :, :]
        shared = np.minimum(ours[..., 1], theirs[..., 1]) - np.maximum(ours[..., 0], theirs[..., 0])
        weights = np.maximum(shared, 0).astype(np.float32)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
        return replace(
            self,
            offsets=offsets,
            tokens=weights @ self.tokens.astype(np.float32),
            states=weights @ self.states.astype(np.float32),
        )

    def moved(self, places: np.ndarray) -> Answer:
        """The answer with each offset ``i`` at ``places[i]``, int64 [length of the sentence + 1]."""
        return replace(self, offsets=places[self.offsets])


class Reader(Protocol):
    """A teacher as :class:`Lessons` needs it; see :class:`framing.train.teacher.Teacher`."""

    @property
    def name(self) -> str:
        """Names its answers: two teachers that say other things have other names."""

    @property
    def token_columns(self) -> Sequence[int]:
        """Which columns of :attr:`Answer.tokens` a student wants, in the student's order."""

    @property
    def sentence_columns(self) -> Sequence[int]:
        """Which columns of :attr:`Answer.sentences` a student wants."""

    def read(self, texts: Sequence[str], states: Sequence[QuotationState]) -> Sequence[Answer]:
        """What it says of sentences, in all its columns."""


class Lessons:
    """A teacher's answers in a folder; each sentence is read by the teacher once, in whichever run asks first.

    Files are memory-mapped Arrow files, so a million answers take disk and no memory.

    Args:
        teacher: who answers.
        folder: made if need be. Answers of several teachers can share it.
    """

    def __init__(self, teacher: Reader, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._teacher = teacher
        self._folder = folder
        self._found: dict[bytes, tuple[_Batch, int]] = {}
        # A key behind the name: "abc-states" begins like "abc", and says something else.
        for path in sorted(folder.glob(f"{teacher.name}-{'[0-9a-f]' * 2 * _KEY_BYTES}.arrow")):
            self._add(path)

    def learn(self, sentences: Iterable[tuple[str, QuotationState]], *, on_progress: Any = None) -> int:
        """Have the teacher read those sentences that are not there yet.

        Args:
            sentences: each with the quotation state in which it starts.
            on_progress: called with the number of sentences just read, now and then.

        Returns:
            How many the teacher has read.
        """
        missing = {key: pair for pair in sentences if (key := _key(*pair)) not in self._found}
        keys = list(missing)
        for first in range(0, len(keys), _IN_A_FILE):
            chunk = keys[first : first + _IN_A_FILE]
            path = self._folder / f"{self._teacher.name}-{chunk[0].hex()}.arrow"
            with WholeFile(path) as file, pa.ipc.new_file(file.stream, _SCHEMA) as writer:
                for start in range(0, len(chunk), _IN_A_BATCH):
                    batch = chunk[start : start + _IN_A_BATCH]
                    texts, states = zip(*(missing[key] for key in batch), strict=True)
                    writer.write_batch(_record_batch(batch, self._teacher.read(texts, states)))
                    if on_progress is not None:
                        on_progress(len(batch))
            self._add(path)
        return len(missing)

    def of(self, text: str, state: QuotationState) -> Answer:
        """What the teacher says of a sentence, in the columns that its student wants.

        Raises:
            KeyError: the teacher has not read it.
        """
        batch, row = self._found[_key(text, state)]
        answer = batch.answer(row)
        return replace(
            answer,
            # A sentence without tokens has no columns to choose from.
            tokens=answer.tokens[:, self._teacher.token_columns] if len(answer.tokens) else answer.tokens,
            sentences=answer.sentences[self._teacher.sentence_columns],
        )

    def _add(self, path: Path) -> None:
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            for number in range(reader.num_record_batches):
                batch = _Batch(reader.get_batch(number))
                self._found.update((key, (batch, row)) for row, key in enumerate(batch.keys))


class _Batch:
    """Answers of one record batch; the numbers stay in the file's memory."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.keys: list[bytes] = batch.column("sentence").to_pylist()
        self._columns = {
            name: (column.offsets.to_numpy(), column.values.to_numpy(zero_copy_only=True))
            for name, column in zip(_SCHEMA.names[1:], batch.columns[1:], strict=True)
        }

    def answer(self, row: int) -> Answer:
        def values(name: str) -> np.ndarray:
            bounds, numbers = self._columns[name]
            return numbers[bounds[row] : bounds[row + 1]]

        offsets = values("offsets").reshape(-1, 2).astype(np.int64)
        tokens, states = (
            values(name).reshape(len(offsets), -1) if len(offsets) else np.zeros((0, 0), np.float16)
            for name in ("tokens", "states")
        )
        return Answer(offsets, tokens, values("sentences"), states)


def _key(text: str, state: QuotationState) -> bytes:
    return hashlib.sha256(f"{state.closing_mark or ''}{state.length}\0{text}".encode()).digest()[:_KEY_BYTES]


def _record_batch(keys: Sequence[bytes], answers: Sequence[Answer]) -> pa.RecordBatch:
    columns: list[Any] = [pa.array(keys, _SCHEMA.field("sentence").type)]
    for name in _SCHEMA.names[1:]:
        values = [np.asarray(getattr(answer, name)).ravel() for answer in answers]
        bounds = np.cumsum([0, *map(len, values)], dtype=np.int32)
        item = _SCHEMA.field(name).type.value_type
        flat = np.concatenate(values).astype(item.to_pandas_dtype())
        columns.append(pa.ListArray.from_arrays(pa.array(bounds), pa.array(flat, item)))
    return pa.record_batch(columns, schema=_SCHEMA)
