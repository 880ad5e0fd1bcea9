"""Labels as columns: a million sentences without an object for any of them.

Whatever the labels come from (Parquet, JSONL, CSV, the folder of a batch job, labels in memory), they become one
:class:`Corpus`: Arrow tables of documents, sentences, mentions, hedges and sources that point at each other by row
number. Parquet is read batch by batch, and of its columns those that are needed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from framing.codebook import Codebook
from framing.errors import (
    CodebookMismatchError,
    ColumnError,
    InputError,
    SettingError,
    UnreadableFileError,
    did_you_mean,
)
from framing.reading.dates import iso_day
from framing.records import carried_values, read_labels, schema, shards_of, table
from framing.types import COLUMNS, OUTLET_KINDS, Labels

Array = npt.NDArray[Any]

#: What may be compared: names of files or folders, or labels.
Labelled = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Labels]

#: Lengths of time that :meth:`Corpus.periods` knows, and the form of their names (ISO 8601).
PERIODS: Mapping[str, str] = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}

#: The column of documents that :meth:`Corpus.with_keys` adds. No carried column is called so.
KEY = "_key"

_BATCH = 65_536
#: Sentences in memory that become one table.
_HELD = 4_096
_READ = ("input", "row", "document_id", "outlet", "published", "index", "kind", "text", "mentions", "hedges", "sources")
_CODEBOOK = b"framing.codebook"
_DAY = r"^(\d{4}-\d{2}-\d{2})"


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Labelled documents as tables. A number in a column such as ``sentence`` is a row of the table of that name.

    Attributes:
        codebook: by which was labelled.
        documents: ``document_id``, ``input``, ``row``, ``outlet``, ``published`` (as given), ``day`` (date32, null
            where there is none), the columns that were asked for as text, ``uncertainty`` (float64: expected number of
            wrong decisions, the sum of p(1 - p) over what can be marked; 0 where it was not asked for).
        sentences: ``document`` (int32), ``index``, ``kind``, ``hedged``, ``text``.
        mentions: ``sentence`` (int32), ``label``, ``voice`` (null where the codebook has none), ``probability``,
            ``start``, ``end`` (code points from the start of the sentence), ``source`` (its text, or null).
        hedges: ``sentence``, ``kind``, ``start``, ``end``.
        sources: ``sentence``, ``start``, ``end``, ``text``.
        notes: what a reader should know of how the corpus came about, a sentence each.

    ``kind``, ``label`` and ``voice`` are dictionary-encoded in the order of the codebook, so that their indices are
    the codes that :meth:`codes` gives.
    """

    codebook: Codebook
    documents: pa.Table
    sentences: pa.Table
    mentions: pa.Table
    hedges: pa.Table
    sources: pa.Table
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return int(self.documents.num_rows)

    def codes(self, name: str, column: str) -> Array:
        """A column as numbers: int64 [rows]; of an encoded one the place in the codebook, -1 for none.

        Args:
            name: of a table.
            column: of an encoded column, or of one of numbers.
        """
        values = getattr(self, name).column(column).combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.indices
        return np.asarray(pc.fill_null(values, -1)).astype(np.int64)

    @property
    def document_of_mention(self) -> Array:
        """int64 [mentions]."""
        return self.codes("sentences", "document")[self.codes("mentions", "sentence")]

    @property
    def kinds_of_outlet(self) -> frozenset[str]:
        """The kinds of sentences that carry the outlet's own words."""
        return self.codebook.outlet_kinds if self.codebook.kinds else frozenset(map(str, OUTLET_KINDS))

    def with_keys(self) -> Corpus:
        """The corpus with a name for each document: its id, with where it comes from if others have the same.

        The names go along with filters, after which an id alone may no longer tell that others had it.
        """
        if KEY in self.documents.column_names:
            return self
        columns = [self.documents.column(name).to_pylist() for name in ("document_id", "input", "row")]
        counts = Counter(columns[0])
        keys = [one if counts[one] == 1 else f"{one}@{file}:{row}" for one, file, row in zip(*columns, strict=True)]
        again, seen = Counter(keys), Counter[str]()
        for place, key in enumerate(keys):
            if again[key] > 1:  # nothing but their order tells these apart
                seen[key] += 1
                keys[place] = f"{key}#{seen[key]}"
        return replace(self, documents=self.documents.append_column(KEY, pa.array(keys, pa.string())))

    @property
    def keys(self) -> list[str]:
        """The names of :meth:`with_keys`."""
        return list(self.with_keys().documents.column(KEY).to_pylist())

    def noting(self, *notes: str) -> Corpus:
        """The corpus with more to say about it."""
        return replace(self, notes=(*self.notes, *notes))

    # --- filters ------------------------------------------------------------------------------------------------------

    def keep_sentences(self, wanted: Array) -> Corpus:
        """Only some of the sentences, and the documents that have one of them; bool [sentences]."""
        document = self.codes("sentences", "document")
        kept_documents = np.zeros(len(self), dtype=bool)
        kept_documents[document[wanted]] = True
        new_document, new_sentence = _renumbered(kept_documents), _renumbered(wanted)
        sentences = _with(self.sentences.filter(pa.array(wanted)), "document", new_document[document[wanted]])
        of_sentence = {}
        for name in ("mentions", "hedges", "sources"):
            place = self.codes(name, "sentence")
            kept = wanted[place]
            rows = getattr(self, name).filter(pa.array(kept))
            of_sentence[name] = _with(rows, "sentence", new_sentence[place[kept]])
        documents = self.documents.filter(pa.array(kept_documents))
        return replace(self, documents=documents, sentences=sentences, **of_sentence)

    def keep_documents(self, wanted: Array) -> Corpus:
        """Only some of the documents; bool [documents]."""
        if wanted.all():
            return self
        return self.keep_sentences(wanted[self.codes("sentences", "document")])

    def keep_mentions(self, wanted: Array) -> Corpus:
        """Only some of the mentions; sentences and documents stay, since they could have had one. bool [mentions]."""
        return replace(self, mentions=self.mentions.filter(pa.array(wanted)))

    def select(
        self,
        *,
        kinds: Collection[str] | None = None,
        voices: Collection[str] | None = None,
        since: str | date | None = None,
        until: str | date | None = None,
        keyword: str | None = None,
        least_probability: float | None = None,
    ) -> Corpus:
        """Part of the corpus.

        Args:
            kinds: sentences of these kinds; those that carry the outlet's words when ``None``.
            voices: mentions in these voices; all when ``None``.
            since, until: documents published on these days or between them, ISO 8601.
            keyword: documents in which a sentence of those kinds has this string, upper or lower case.
            least_probability: mentions whose label has at least this probability.

        Raises:
            SettingError: a kind or voice is unknown, a kind is not of the outlet's words, or a day is none.
            InputError: nothing is left.
        """
        kinds = self._checked_kinds(kinds)
        known = list(self._names("kind"))
        corpus = self.keep_sentences(np.isin(self.codes("sentences", "kind"), [known.index(kind) for kind in kinds]))
        _require(corpus, f"a sentence of the kinds {', '.join(kinds)}")
        if since is not None or until is not None:
            corpus = corpus._between(since, until)
        if keyword:
            found = pc.match_substring(corpus.sentences.column("text"), keyword, ignore_case=True)
            with_it = np.zeros(len(corpus), dtype=bool)
            with_it[corpus.codes("sentences", "document")[np.asarray(pc.fill_null(found, False))]] = True
            corpus = corpus.keep_documents(with_it) if with_it.any() else _require(None, f"the keyword {keyword!r}")
        if voices is not None:
            names = self.codebook.voices
            for voice in voices:
                _known(voice, names, "voice")
            corpus = corpus.keep_mentions(np.isin(corpus.codes("mentions", "voice"), [names.index(v) for v in voices]))
        if least_probability is not None:
            if not 0 <= least_probability <= 1:
                raise SettingError(f"a least probability of {least_probability}", expected="a number from 0 to 1")
            # Probabilities are float32, which is a little off the decimals that the user has in mind.
            enough = np.asarray(corpus.mentions.column("probability")) >= least_probability - 1e-6
            corpus = corpus.keep_mentions(enough)
        return corpus

    def _names(self, column: str) -> tuple[str, ...]:
        if column == "kind":
            return self.codebook.kinds or tuple(map(str, OUTLET_KINDS))
        return self.codebook.label_names if column == "label" else self.codebook.voices

    def _checked_kinds(self, kinds: Collection[str] | None) -> tuple[str, ...]:
        own = self.kinds_of_outlet
        if kinds is None:
            return tuple(kind for kind in self._names("kind") if kind in own)
        for kind in kinds:
            _known(kind, self._names("kind"), "kind")
            if kind not in own:
                raise SettingError(
                    f"sentences of the kind {kind!r} are not the outlet's words",
                    expected="some of " + ", ".join(k for k in self._names("kind") if k in own),
                    hint="label readers' comments as documents of their own to compare them",
                )
        return tuple(kinds)

    def _between(self, since: str | date | None, until: str | date | None) -> Corpus:
        first, last = (None if day is None else _as_day(day) for day in (since, until))
        days = np.asarray(self.documents.column("day").cast(pa.int32()).fill_null(-(2**31)))
        dated = days != -(2**31)
        inside = dated.copy()
        if first is not None:
            inside &= days >= first
        if last is not None:
            inside &= days <= last
        if not inside.any():
            _require(None, f"a day between {since or 'the beginning'} and {until or 'the end'}")
        corpus = self.keep_documents(inside)
        return (
            corpus.noting(f"{int((~dated).sum())} documents without a date are left out.") if (~dated).any() else corpus
        )

    # --- groups -------------------------------------------------------------------------------------------------------

    def values(self, column: str) -> pa.Array:
        """A column of the documents as text, null where it is empty.

        Raises:
            ColumnError: the documents have no such column.
        """
        known = [name for name in self.documents.column_names if name not in ("day", "uncertainty", KEY)]
        if column not in known:
            raise ColumnError(
                f"there is no column {column!r}",
                expected="one of " + ", ".join(known),
                hint=did_you_mean(column, known) or "carry it along: framing label --carry " + column,
            )
        values = self.documents.column(column).combine_chunks().cast(pa.string())
        return pc.if_else(pc.equal(pc.fill_null(pc.utf8_trim_whitespace(values), ""), ""), None, values)

    def periods(self, over: str) -> pa.Array:
        """The period of each document, ISO 8601 (``2016-12-15``, ``2016-W50``, ``2016-12``, ``2016``), or null.

        Raises:
            SettingError: ``over`` is no length of time.
        """
        if over not in PERIODS:
            raise SettingError(f"periods of a {over!r}", expected=", ".join(PERIODS), hint=did_you_mean(over, PERIODS))
        days = self.documents.column("day").combine_chunks()
        return pc.strftime(days.cast(pa.timestamp("s")), format=PERIODS[over])

    def text(self, sentence: int) -> str:
        """The words of a sentence."""
        return str(self.sentences.column("text")[sentence].as_py())


def _require(corpus: Corpus | None, what: str) -> Any:
    if corpus is None or not corpus.sentences.num_rows:
        raise InputError(
            f"nothing is left: no document has {what}", expected="a filter that something passes", hint="widen it"
        )
    return corpus


def _known(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        raise SettingError(
            f"the {what} {name!r} is unknown",
            expected="one of " + (", ".join(known) or "none at all"),
            hint=did_you_mean(name, known),
        )


def _as_day(day: str | date) -> int:
    try:
        return (date.fromisoformat(str(day)[:10]) - date(1970, 1, 1)).days
    except ValueError as error:
        raise SettingError(f"the day {day!r} is none", expected="a date such as 2016-12-15") from error


def _renumbered(kept: Array) -> Array:
    return np.cumsum(kept) - 1


def _with(table: pa.Table, column: str, values: Array) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array(values.astype(np.int32)))


# --- reading ----------------------------------------------------------------------------------------------------------


def read_corpus(
    labelled: Labelled | Corpus,
    *,
    carry: Collection[str] = (),
    codebook: Codebook | None = None,
    uncertainty: bool = False,
) -> Corpus:
    """Read labels into columns.

    Args:
        labelled: files that ``framing label`` or ``framing batch`` wrote, the folder of a batch job, or labels in
            memory (:class:`~framing.types.DocumentLabels`, or other :class:`~framing.types.Labels` as a document each).
        carry: columns beyond those of a record that the documents shall have.
        codebook: by which was labelled; that of a Parquet file, and of labels in memory, is known.
        uncertainty: whether to sum up how unsure the model is of each document.

    Raises:
        UnreadableFileError: there is no such file.
        InputError: it holds no records, or those of two checkpoints.
        CodebookMismatchError: the records are of two codebooks, or of another one than ``codebook``.
        ColumnError: no document has one of the columns.
    """
    if isinstance(labelled, Corpus):
        return labelled
    maker = _Maker(tuple(name for name in carry if name not in COLUMNS), codebook, uncertainty)
    for batch, own in _batches(labelled, maker.carry, codebook):
        maker.add(batch, own)
    return maker.corpus()


def _batches(
    labelled: Labelled, carry: tuple[str, ...], codebook: Codebook | None
) -> Iterator[tuple[pa.Table, Codebook | None]]:
    items = [labelled] if isinstance(labelled, str | os.PathLike | Labels) else labelled
    iterator = iter(items)
    first = next(iterator, None)
    if first is None:
        return
    again = chain([first], iterator)
    if isinstance(first, Labels):
        yield from _of_memory(again, carry, codebook)  # type: ignore[arg-type]
        return
    files = [file for name in again for file in files_of(name)]  # type: ignore[arg-type]
    _check_checkpoints(files)
    for file in files:
        if file.suffix.lower() == ".parquet":
            yield from _of_parquet(file, carry)
        else:
            yield from _of_memory(read_labels(file, codebook=codebook), carry, codebook)


def files_of(name: str | os.PathLike[str]) -> list[Path]:
    """The files of records that a name stands for: a file, a glob, a folder of them, or of a batch job.

    Raises:
        UnreadableFileError: there is none.
    """
    path = Path(name)
    if path.is_file():
        return [path]
    folder = shards_of(path) or path
    endings = ("*.parquet", "*.jsonl", "*.jsonl.gz", "*.csv", "*.csv.gz", "*.ndjson")
    found = [file for ending in endings for file in sorted(folder.glob(ending))] if folder.is_dir() else []
    if not folder.is_dir() and any(sign in path.name for sign in "*?["):
        found = sorted(path.parent.glob(path.name))
    found = [file for file in found if ".rejected." not in file.name]
    if not found:
        raise UnreadableFileError(
            f"there are no labels at {os.fspath(name)!r}",
            expected="a file of framing label, the folder of a batch job, or a folder or glob of such files",
        )
    return found


def _check_checkpoints(files: Sequence[Path]) -> None:
    """Records of batch jobs know their checkpoint, by the plan beside them."""
    plans = {file.parent.parent / "plan.json" for file in files}
    known = {}
    for plan in sorted(plan for plan in plans if plan.is_file()):
        with suppress(OSError, ValueError, AttributeError):  # damaged, or no plan of ours
            model = json.loads(plan.read_bytes()).get("model", {})
            known[model.get("checkpoint")] = f"{plan.parent} ({model.get('name')})"
    if len(known) > 1:
        raise InputError(
            f"the records are of different checkpoints: {', '.join(known.values())}",
            expected="records of one checkpoint: what two models say differs before the outlets do",
            hint="label all of them with one checkpoint",
        )


def _of_parquet(path: Path, carry: tuple[str, ...]) -> Iterator[tuple[pa.Table, Codebook | None]]:
    with ExitStack() as stack:
        try:
            # By pyarrow a file is opened only under a name that is UTF-8.
            stream = stack.enter_context(path.open("rb"))
            file = stack.enter_context(pyarrow.parquet.ParquetFile(stream))
        except (OSError, pa.ArrowInvalid) as error:
            raise UnreadableFileError(
                f"{path} cannot be read as Parquet: {error}", expected="a file of records"
            ) from error
        outline = (file.schema_arrow.metadata or {}).get(_CODEBOOK)
        names = file.schema_arrow.names
        missing = [name for name in _READ if name not in names]
        if outline is None or missing:
            raise InputError(
                f"{path} holds no records of framing: {', '.join(missing) or 'the codebook'} missing",
                expected="a file that framing label or framing batch wrote",
                hint="label it first: framing label " + str(path) + " -o labels.parquet",
            )
        own = Codebook.from_dict(json.loads(outline), where=f"the codebook in {path}")
        columns = [name for name in (*_READ, "hedged", "probabilities", *carry) if name in names]
        for batch in file.iter_batches(_BATCH, columns=columns):
            yield pa.Table.from_batches([batch]), own


def _of_memory(
    labelled: Iterable[Labels], carry: tuple[str, ...], codebook: Codebook | None
) -> Iterator[tuple[pa.Table, Codebook | None]]:
    held: list[Labels] = []
    own: Codebook | None = None
    for labels in labelled:
        book = labels.codebook or codebook or Codebook.default()
        if held and (book != own or sum(map(len, held)) >= _HELD):
            yield _table(held, own, carry), own
            held = []
        own = book
        held.append(labels)
    if held:
        yield _table(held, own, carry), own


def _table(held: list[Labels], codebook: Codebook | None, carry: tuple[str, ...]) -> pa.Table:
    book = codebook or Codebook.default()
    there = [name for name in carry if any(carried_values(labels, (name,))[name] is not None for labels in held)]
    made = table(held, schema(book, dict.fromkeys(there, "string")))
    # Documents in memory may have ids in common, so each gets a number of its own.
    numbers = np.repeat(np.arange(len(held)), [len(labels) for labels in held])
    return made.append_column("_document", pa.array(numbers))


class _Maker:
    """Puts batches together."""

    def __init__(self, carry: tuple[str, ...], codebook: Codebook | None, uncertainty: bool) -> None:
        self.carry = carry
        self._codebook = codebook
        self._uncertainty = uncertainty
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in ("documents", *_SPANS)}
        self._sentences: list[pa.Table] = []
        self._doubts: list[Array] = []
        self._documents = self._rows = 0
        self._last: tuple[Any, ...] | None = None
        self._missing = set(carry)

    def add(self, batch: pa.Table, codebook: Codebook | None) -> None:
        if not batch.num_rows:
            return
        self._check_codebook(codebook)
        starts = self._starts(batch)
        document = self._documents - 1 + np.cumsum(starts)
        self._documents = int(document[-1]) + 1
        self._missing -= set(batch.column_names)
        self._tables["documents"].append(self._document_rows(batch.filter(pa.array(starts))))
        assert self._codebook is not None
        kinds = self._codebook.kinds or tuple(map(str, OUTLET_KINDS))
        self._sentences.append(
            pa.table(
                {
                    "document": pa.array(document.astype(np.int32)),
                    "index": batch.column("index").cast(pa.int32()),
                    "kind": _encoded(batch.column("kind"), kinds, "kind"),
                    "hedged": batch.column("hedged"),
                    "text": batch.column("text").cast(pa.large_string()),
                }
            )
        )
        if self._uncertainty:
            self._doubts.append(_uncertainty(batch.column("probabilities")))
        for name, columns in _SPANS.items():
            self._tables[name].append(self._spans(batch, name, columns))
        self._rows += batch.num_rows

    def _check_codebook(self, codebook: Codebook | None) -> None:
        book = codebook or Codebook.default()
        if self._codebook is None:
            self._codebook = book
        elif self._codebook.fingerprint != book.fingerprint:
            raise CodebookMismatchError(
                f"the records are of the codebooks {self._codebook.name!r} (version {self._codebook.version}) and "
                f"{book.name!r} (version {book.version})",
                expected="records of one codebook",
                hint="compare them one by one",
            )

    def _starts(self, batch: pa.Table) -> Array:
        """Where a document begins: bool [rows]."""
        key = ("_document",) if "_document" in batch.column_names else ("input", "row", "document_id")
        starts = np.zeros(batch.num_rows, dtype=bool)
        for name in key:
            values = batch.column(name).combine_chunks()
            here, before = values.slice(1), values.slice(0, len(values) - 1)
            empty = np.asarray(values.is_null())
            starts[1:] |= np.asarray(pc.fill_null(pc.not_equal(here, before), False)) | (empty[1:] != empty[:-1])
        if "_document" in batch.column_names:
            starts[0] = True
            return starts
        index = np.asarray(batch.column("index"))
        starts[1:] |= index[1:] <= index[:-1]
        first = tuple(batch.column(name)[0].as_py() for name in key)
        starts[0] = self._last is None or self._last[:-1] != first or index[0] <= self._last[-1]
        self._last = (*(batch.column(name)[-1].as_py() for name in key), int(index[-1]))
        return starts

    def _document_rows(self, rows: pa.Table) -> pa.Table:
        columns = {name: rows.column(name) for name in ("document_id", "input", "row", "outlet", "published")}
        columns["row"] = columns["row"].cast(pa.int64())
        columns["day"] = _days(rows.column("published"))
        for name in self.carry:
            there = name in rows.column_names
            columns[name] = rows.column(name).cast(pa.string()) if there else pa.nulls(len(rows), pa.string())
        return pa.table(columns)

    def _spans(self, batch: pa.Table, name: str, columns: Sequence[str]) -> pa.Table:
        lists = batch.column(name).combine_chunks()
        items = pc.list_flatten(lists)
        place = np.asarray(pc.list_parent_indices(lists)).astype(np.int32) + self._rows
        made: dict[str, Any] = {"sentence": pa.array(place.astype(np.int32))}
        for column in columns:
            path = ["source", "text"] if column == "source" else column
            values = pc.struct_field(items, path)
            names = self._names(name, column)
            made[column] = values if names is None else _encoded(values, names, column)
        return pa.table(made)

    def _names(self, name: str, column: str) -> tuple[str, ...] | None:
        book = self._codebook
        assert book is not None
        known = {
            ("mentions", "label"): book.label_names,
            ("mentions", "voice"): book.voices,
            ("hedges", "kind"): book.hedge_kinds,
        }
        return known.get((name, column))

    def corpus(self) -> Corpus:
        if self._codebook is None or not self._rows:
            raise InputError("there is no labelled sentence", expected="at least one record")
        if self._missing:
            names = ", ".join(map(repr, sorted(self._missing)))
            raise ColumnError(
                f"no record has the column {names}",
                expected=f"{', '.join(COLUMNS[:5])}, or a column that was carried along",
                hint="label with --carry " + min(self._missing),
            )
        tables = {name: pa.concat_tables(parts).combine_chunks() for name, parts in self._tables.items()}
        sentences = pa.concat_tables(self._sentences)
        doubts: Array = np.zeros(self._documents)
        if self._doubts:
            document = np.asarray(sentences.column("document"))
            doubts = np.bincount(document, np.concatenate(self._doubts), minlength=self._documents)
        documents = tables.pop("documents").append_column("uncertainty", pa.array(doubts))
        return Corpus(self._codebook, documents, sentences, **tables)


_SPANS = {
    "mentions": ("label", "voice", "probability", "start", "end", "source"),
    "hedges": ("kind", "start", "end"),
    "sources": ("start", "end", "text"),
}


def _encoded(values: Any, names: Sequence[str], what: str) -> pa.DictionaryArray:
    """Names as their places in the codebook; a name that it lacks is an error."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    codes = pc.index_in(values, value_set=pa.array(names, pa.string()))
    unknown = pc.and_(pc.is_valid(values), pc.is_null(codes))
    if pc.any(unknown).as_py():
        name = values.filter(unknown)[0].as_py()
        raise CodebookMismatchError(
            f"a record has the {what} {name!r}, which the codebook does not have",
            expected="one of " + (", ".join(names) or "none at all"),
            hint="give the codebook that was labelled by: --codebook, or codebook=",
        )
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.string()))


def _uncertainty(probabilities: Any) -> Array:
    """The sum of p(1 - p) over what can be marked, per sentence: float64 [rows]."""
    struct = probabilities.combine_chunks()
    total = np.zeros(len(struct))
    for place in range(struct.type.num_fields):
        p = np.nan_to_num(np.asarray(struct.field(place).cast(pa.float64()), dtype=np.float64))
        total += p * (1 - p)
    return total


def _days(published: Any) -> pa.Array:
    """Days of dates as given: ISO 8601, or what :func:`~framing.reading.dates.iso_day` reads; else null."""
    values = published.combine_chunks().dictionary_encode()
    days: list[date | None] = []
    for value in values.dictionary.to_pylist():
        try:
            days.append(date.fromisoformat(value[:10]))
        except ValueError:
            day = iso_day(value)
            days.append(None if day is None else date.fromisoformat(day))
    return pa.array(days, pa.date32()).take(values.indices)
