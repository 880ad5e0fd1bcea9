"""Labels in columns: what the decoder found, as Arrow tables, without a Python object for a sentence or a mention.

:func:`framing.records.table` makes the same tables of objects. Batch jobs take the way of this module, because to make
objects and to take them apart again costs more than reading, tokenising and decoding together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from framing.codebook import VOICE, Codebook
from framing.decoding.decoder import RULE_WEIGHT, Decoded
from framing.decoding.spans import Choices
from framing.model.ragged import starts_of
from framing.records import array, carried
from framing.types import Document, Kind, Sentence

if TYPE_CHECKING:
    import pyarrow

#: Column of a record -> attribute of its document.
_OF_DOCUMENTS = {
    "input": "input",
    "row": "row",
    "document_id": "id",
    "outlet": "outlet",
    "published": "published",
    "text_offset": "text_offset",
}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows ``first:end`` of a table that several documents share."""

    table: pyarrow.Table
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


@dataclass(frozen=True, slots=True, eq=False)
class DocumentColumns:
    """The labels of one document, in columns. Its length is the number of its sentences.

    Attributes:
        document: what was labelled.
        codebook: by which.
        rows: the columns of its sentences, as :func:`sentence_table` makes them.
    """

    document: Document
    codebook: Codebook
    rows: tuple[Rows, ...]

    def __len__(self) -> int:
        return sum([rows.end - rows.first for rows in self.rows])

    def of(self, document: Document) -> Self:
        """The same labels, of another document with the same text."""
        return replace(self, document=document)

    def packed(self) -> PackedColumns:
        """The same labels as bytes, without the document."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        tables = [rows.table.slice(rows.first, len(rows)) for rows in self.rows]
        found = pa.concat_tables(tables).combine_chunks()
        with pa.ipc.new_stream(sink, found.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(found)
        return PackedColumns(sink.getvalue().to_pybytes(), self.codebook)


@dataclass(frozen=True, slots=True)
class PackedColumns:
    """The labels of a text as bytes, for as long as the process lives.

    Attributes:
        data: Arrow's format for streams, compressed.
        codebook: by which the text was labelled.
    """

    data: bytes
    codebook: Codebook

    def of(self, document: Document) -> DocumentColumns:
        """The labels of a document with this text."""
        import pyarrow as pa

        with pa.ipc.open_stream(self.data) as stream:
            found = stream.read_all()
        return DocumentColumns(document, self.codebook, (Rows(found, 0, found.num_rows),))


# --- documents to records ---------------------------------------------------------------------------------------------


def table(labelled: Sequence[DocumentColumns], schema: pyarrow.Schema) -> pyarrow.Table:
    """The records of some documents, in order.

    Args:
        labelled: the documents.
        schema: from :func:`framing.records.schema`. The values of carried columns come from the metadata of the
            documents.
    """
    import pyarrow as pa

    said = _joined([rows for labels in labelled for rows in labels.rows])
    if said is None:
        return schema.empty_table()
    document = np.repeat(np.arange(len(labelled)), [len(labels) for labels in labelled])
    columns: list[Any] = []
    for entry in schema:
        if entry.name in _OF_DOCUMENTS:
            values = [getattr(labels.document, _OF_DOCUMENTS[entry.name]) for labels in labelled]
            columns.append(array(values, entry.type).take(pa.array(document)))
        elif entry.name in said.column_names:
            columns.append(said[entry.name])
        else:
            columns.append(array(carried(labelled, entry.name, entry.type), entry.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _joined(parts: Sequence[Rows]) -> pyarrow.Table | None:
    """The rows in one table; parts that stand one after the other in a table are cut from it together."""
    import pyarrow as pa

    tables, first, end = [], 0, 0
    for number, rows in enumerate(parts):
        before = parts[number - 1] if number else rows
        if rows.table is not before.table or rows.first != end:
            if end > first:
                tables.append(before.table.slice(first, end - first))
            first = rows.first
        end = rows.end
    if parts:
        tables.append(parts[-1].table.slice(first, end - first))
    return pa.concat_tables(tables) if tables else None


# --- sentences to columns ---------------------------------------------------------------------------------------------


def sentence_table(
    sentences: Sequence[Sentence], numbers: Sequence[int], decoded: Decoded, schema: pyarrow.Schema
) -> pyarrow.Table:
    """What a record says of its sentence and the words in it.

    Args:
        sentences: in order.
        numbers: of each, which of the decoded sentences it is; equal ones are decoded once.
        decoded: what the model says.
        schema: from :func:`framing.records.schema`.

    Returns:
        One row a sentence. The columns are those of the schema, but for those that come from the document.
    """
    import pyarrow as pa

    row_of = np.asarray(numbers, dtype=np.int64)
    said = _said(decoded, schema)
    if len(decoded) != len(sentences) or (row_of != np.arange(len(sentences))).any():
        rows = pa.array(row_of)
        said = {name: column.take(rows) for name, column in said.items()}
    own: dict[str, Sequence[Any]] = {
        "index": [sentence.index for sentence in sentences],
        "kind": kinds(sentences, row_of, decoded),
        "start": [sentence.start for sentence in sentences],
        "end": [sentence.end for sentence in sentences],
        "text": [sentence.text for sentence in sentences],
    }
    columns = {name: array(values, schema.field(name).type) for name, values in own.items()} | said
    there = [entry for entry in schema if entry.name in columns]
    return pa.Table.from_arrays([columns[entry.name] for entry in there], schema=pa.schema(there))


def kinds(sentences: Sequence[Sentence], row_of: np.ndarray, decoded: Decoded) -> list[str]:
    """The kind of each sentence: a rule's that is certain, or else the most probable one.

    Args:
        sentences: in order.
        row_of: int64 [sentences], which of the decoded sentences each is.
        decoded: what the model says. A rule that is not certain weighs as in
            :meth:`~framing.decoding.decoder.DecodedSentence.kind`.
    """
    names = decoded.codebook.kinds
    read = decoded.read[row_of].tolist()
    if names:
        place = {name: number for number, name in enumerate(names)}
        rule = np.array([place.get(sentence.kind, -1) for sentence in sentences], dtype=np.int64)  # type: ignore[arg-type]
        weighed = decoded.kinds[row_of]
        ruled = np.flatnonzero(rule >= 0)
        weighed[ruled, rule[ruled]] *= RULE_WEIGHT
        best = [names[number] for number in weighed.argmax(axis=1).tolist()]
    found = []
    for number, (sentence, was_read) in enumerate(zip(sentences, read, strict=True)):
        known = bool(names) and was_read
        if sentence.kind_is_certain and (not known or sentence.kind in names):
            found.append(str(sentence.kind))
        elif known:
            found.append(best[number])
        else:
            found.append(str(sentence.kind or (Kind.BODY if was_read else Kind.BOILERPLATE)))
    return found


def _said(decoded: Decoded, schema: pyarrow.Schema) -> dict[str, pyarrow.Array]:
    """What the model says of the decoded sentences; column -> array of so many rows."""
    import pyarrow as pa

    book, spans, marks = decoded.codebook, decoded.spans, decoded.marks
    texts = _Texts(decoded, spans.start, spans.end)
    is_mention = spans.mark < marks.labels
    is_source = spans.mark == marks.source
    hedge_kinds = [marks.hedges.get(mark) for mark in range(len(marks.names))]
    is_hedge = np.array([kind is not None for kind in hedge_kinds], dtype=bool)[spans.mark]
    hedging = np.array([kind in book.hedging_kinds for kind in hedge_kinds], dtype=bool)
    hedged = np.zeros(len(decoded), dtype=bool)
    hedged[spans.sentence[hedging[spans.mark]]] = True

    mentions, hedges, sources = map(np.flatnonzero, (is_mention, is_hedge, is_source))
    of_mention = schema.field("mentions").type.value_type
    found = {
        "frames": _frames(decoded, mentions, schema.field("frames").type),
        "mentions": texts.lists(mentions, schema.field("mentions").type, _mention_fields(texts, mentions, of_mention)),
        "hedges": texts.lists(
            hedges, schema.field("hedges").type, {"kind": _chosen(hedge_kinds, spans.mark[hedges], pa.string())}
        ),
        "sources": texts.lists(sources, schema.field("sources").type, {}),
        "hedged": pa.array(hedged),
        "probabilities": _probabilities(decoded, schema.field("probabilities").type),
    }
    for task in book.tasks:
        if task.scope == "mention":
            continue
        kind = schema.field(task.name).type
        if task.scope == "span":
            value_of = [marks.tasks.get(mark, ("", "")) for mark in range(len(marks.names))]
            wanted = np.flatnonzero(np.array([name == task.name for name, _ in value_of], dtype=bool)[spans.mark])
            values = _chosen([value for _, value in value_of], spans.mark[wanted], pa.string())
            found[task.name] = texts.lists(wanted, kind, {"value": values})
        elif task.choose == "many":
            sentence, value = np.nonzero(decoded.answers[task.name])
            column = np.array([book.probability_names.index(f"{task.name}.{name}") for name in task.names])
            fields = {
                "value": _chosen(task.names, value, pa.string()),
                "probability": pa.array(decoded.probabilities[sentence, column[value]].astype(np.float32)),
            }
            found[task.name] = _lists(sentence, len(decoded), fields, kind)
        else:
            answered = decoded.answers[task.name]
            chosen = np.where(answered.any(axis=1), answered.argmax(axis=1), -1)
            found[task.name] = _chosen(task.names, chosen, kind)
    return found


@dataclass(frozen=True, slots=True)
class _Texts:
    """Spans of the decoded sentences, from which lists of structs are made."""

    decoded: Decoded
    start: np.ndarray
    end: np.ndarray

    def of(self, wanted: np.ndarray) -> dict[str, pyarrow.Array]:
        """The fields that all spans have, of those with the wanted numbers."""
        import pyarrow as pa

        spans, texts = self.decoded.spans, self.decoded.texts
        start, end = self.start[wanted], self.end[wanted]
        places = zip(spans.sentence[wanted].tolist(), start.tolist(), end.tolist(), strict=True)
        return {
            "start": pa.array(start.astype(np.int32)),
            "end": pa.array(end.astype(np.int32)),
            "text": array([texts[sentence][begin:stop] for sentence, begin, stop in places], pa.string()),
            "probability": pa.array(spans.probability[wanted].astype(np.float32)),
        }

    def lists(self, wanted: np.ndarray, kind: pyarrow.ListType, more: Mapping[str, pyarrow.Array]) -> pyarrow.ListArray:
        """The wanted spans, those of each sentence in a list."""
        return _lists(self.decoded.spans.sentence[wanted], len(self.decoded), {**self.of(wanted), **more}, kind)


def _mention_fields(texts: _Texts, mentions: np.ndarray, kind: pyarrow.StructType) -> dict[str, pyarrow.Array]:
    """The fields that only mentions have."""
    import pyarrow as pa

    decoded = texts.decoded
    book, spans = decoded.codebook, decoded.spans
    voice = spans.choices.get(VOICE) or Choices.none(len(spans))
    probability = voice.probability[mentions].astype(np.float32)
    fields = {
        "label": _chosen(decoded.marks.names, spans.mark[mentions], pa.string()),
        "voice": _chosen(book.voices, voice.value[mentions], pa.string()),
        "voice_probability": pa.array(probability, mask=np.isnan(probability)),
        "source": _cited(texts, spans.source[mentions], kind.field("source").type),
    }
    for task in book.tasks_of("mention"):
        answer = spans.choices.get(task.name) or Choices.none(len(spans))
        fields[task.name] = _chosen(task.names, answer.value[mentions], pa.string())
    return fields


def _cited(texts: _Texts, source: np.ndarray, kind: pyarrow.StructType) -> pyarrow.StructArray:
    """The sources with these numbers; null where the number is -1."""
    import pyarrow as pa

    cited, place = np.unique(source[source >= 0], return_inverse=True)
    fields = texts.of(cited)
    number = np.full(len(source), -1)
    number[source >= 0] = place
    missing = pa.array(number, mask=number < 0)
    taken = [fields[field.name].take(missing) for field in kind]
    return pa.StructArray.from_arrays(taken, fields=list(kind), mask=pa.array(number < 0))


def _frames(decoded: Decoded, mentions: np.ndarray, kind: pyarrow.ListType) -> pyarrow.ListArray:
    """The labels that a sentence has mentions of, in the order of the codebook, with their probabilities."""
    import pyarrow as pa

    spans, names = decoded.spans, decoded.codebook.probability_names
    columns = {name: number for number, name in enumerate(names)}
    column = np.array([columns[name] for name in decoded.marks.names[: decoded.marks.labels]], dtype=np.int64)
    width = max(1, len(names))
    sentence, label = np.divmod(np.unique(spans.sentence[mentions] * width + column[spans.mark[mentions]]), width)
    fields = {
        "label": _chosen(names, label, pa.string()),
        "probability": pa.array(decoded.probabilities[sentence, label].astype(np.float32)),
    }
    return _lists(sentence, len(decoded), fields, kind)


def _probabilities(decoded: Decoded, kind: pyarrow.StructType) -> pyarrow.StructArray:
    import pyarrow as pa

    columns = np.ascontiguousarray(decoded.probabilities.T, dtype=np.float32)
    if not len(columns):
        return pa.array([{}] * len(decoded), kind)
    return pa.StructArray.from_arrays([pa.array(column) for column in columns], fields=list(kind))


def _chosen(names: Sequence[str | None], chosen: np.ndarray, kind: pyarrow.DataType) -> pyarrow.Array:
    """Names by their numbers; null where the number is -1."""
    import pyarrow as pa

    return pa.array(names, kind).take(pa.array(chosen, mask=chosen < 0))


def _lists(
    sentence: np.ndarray, sentences: int, fields: Mapping[str, pyarrow.Array], kind: pyarrow.ListType
) -> pyarrow.ListArray:
    """A list of structs for each sentence.

    Args:
        sentence: int64 [items], ascending: whose list an item is in.
        sentences: how many there are.
        fields: of the items.
        kind: of the lists.
    """
    import pyarrow as pa

    offsets = starts_of(np.bincount(sentence, minlength=sentences)).astype(np.int32)
    items = pa.StructArray.from_arrays([fields[field.name] for field in kind.value_type], fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=kind)
