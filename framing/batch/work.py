"""The work on a unit: documents to labels to files. What every runner runs, wherever it runs."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from hashlib import blake2b

from framing.batch.job import MENTIONS, REJECTED, SHARDS, Job, UnitRecord, file_name
from framing.batch.reader import UnitRows
from framing.batch.shards import ShardFile, WrittenFile, rejected_schema, rejected_table
from framing.batch.trial import KNOWN_GOOD, deadly
from framing.batch.units import Unit
from framing.columns import DocumentColumns, PackedColumns, table
from framing.labeler import Labeler
from framing.records import SCHEMA_VERSION, mention_schema, mention_table, schema
from framing.types import Document

#: Bytes of labels that are kept for texts that may come again.
COPIES_SIZE = 256 << 20
#: Sentences that become one piece of a shard.
_PIECE = 2048
#: Pieces that may wait for being written.
_WAITING_PIECES = 4
#: Processes that may die over a unit before the rows that kill are looked for: a single death may have any cause.
DEATHS = 2

#: A document's labels, or why it has none.
Outcome = DocumentColumns | str
#: Told of rows that are labelled, of how many sentences they have, and of tokens that the model has read meanwhile.
OnRows = Callable[[int, int, int], None]


class Worker:
    """Labels units and writes them down. Used by one thread; it writes in a second one of its own.

    Close it in the end.

    Args:
        job: whose units are worked on.
        labeler: what labels.
        on_rows: is told how it goes.

    Attributes:
        job: as given.
    """

    def __init__(self, job: Job, labeler: Labeler, on_rows: OnRows | None = None) -> None:
        self.job = job
        self._labeler = labeler
        self._on_rows = on_rows or (lambda rows, sentences, tokens: None)
        self._tokens = 0
        self._copies = _Copies(COPIES_SIZE) if job.plan.settings.dedup == "exact" else None
        self._writing = ThreadPoolExecutor(1, "framing-writing")

    def work(self, found: UnitRows) -> Future[UnitRecord]:
        """Label a unit that was begun (:meth:`Job.begin`); it is being written when this returns.

        Where processes have died over the unit before, the rows that kill are set aside first.

        Returns:
            The record of the unit, once it is done and that is written down.

        Raises:
            OutputError: (also of the result) it cannot be written. Nothing of it then remains.
        """
        with self._no_death(found.unit):
            if self.job.attempts(found.unit) > DEATHS:
                self._set_deadly_aside(found)
            self._tokens = self._labeler.tokens_read
            writer = _UnitWriter(self.job, found)
            try:
                self._label(found, writer)
            except BaseException:
                self._writing.submit(writer.discard).result()
                raise
        return self._writing.submit(self._finish, found.unit, writer)

    def close(self) -> None:
        """Wait for what is being written."""
        self._writing.shutdown()

    def _label(self, found: UnitRows, writer: _UnitWriter) -> None:
        pieces: list[Future[None]] = []
        for piece in self._pieces(found, writer):
            pieces.append(self._writing.submit(writer.add, piece))
            if len(pieces) > _WAITING_PIECES:
                pieces.pop(0).result()
        for waiting in pieces:
            waiting.result()

    def _finish(self, unit: Unit, writer: _UnitWriter) -> UnitRecord:
        with self._no_death(unit):
            return writer.finish()

    @contextmanager
    def _no_death(self, unit: Unit) -> Iterator[None]:
        """Where an error is raised, Ctrl-C among them, no process has died over the unit: do not count the attempt."""
        try:
            yield
        except BaseException:
            self.job.forget_attempts(unit)
            raise

    def _set_deadly_aside(self, found: UnitRows) -> None:
        deaths = deadly(self._labeler, found.documents, sentences=self.job.plan.settings.sentences)
        for place, death in deaths.items():
            found.reject(found.documents[place], f"the text could not be labelled: processes died over it ({death})")
        found.documents = [document for place, document in enumerate(found.documents) if place not in deaths]

    def _pieces(self, found: UnitRows, writer: _UnitWriter) -> Iterator[list[DocumentColumns]]:
        """The unit's labelled rows in pieces of bounded size; what cannot be labelled is set aside."""
        piece: list[DocumentColumns] = []
        sentences = 0
        outcomes = self._outcomes(found.documents, writer)
        for document, outcome in zip(found.documents, outcomes, strict=True):
            if isinstance(outcome, str):
                found.reject(document, outcome)
                self._tell(1, 0)
                continue
            piece.append(outcome)
            sentences += len(outcome)
            self._tell(1, len(outcome))
            if sentences >= _PIECE:
                yield piece
                piece, sentences = [], 0
        self._tell(found.unit.rows - len(found.documents), 0)
        if piece:
            yield piece

    def _tell(self, rows: int, sentences: int) -> None:
        before, self._tokens = self._tokens, self._labeler.tokens_read
        self._on_rows(rows, sentences, self._tokens - before)

    def _outcomes(self, documents: Sequence[Document], writer: _UnitWriter) -> Iterator[Outcome]:
        if self._copies is None:
            yield from _labelled(self._labeler, documents, sentences=self.job.plan.settings.sentences)
            return
        keys = [_key(document) for document in documents]
        repeated = {key for key, number in Counter(keys).items() if number > 1}
        fresh: dict[bytes, Document] = {}
        for key, document in zip(keys, documents, strict=True):
            if key not in self._copies:
                fresh.setdefault(key, document)
        # Held to the end of the unit, whatever falls out of the copies meanwhile.
        held = {key: self._copies[key] for key in set(keys) - fresh.keys()}
        labelled = _labelled(self._labeler, list(fresh.values()), sentences=self.job.plan.settings.sentences)
        for key, document in zip(keys, documents, strict=True):
            if key in held:
                known = held[key]
                writer.copies += not isinstance(known, str)
                yield known if isinstance(known, str) else known.of(document)
            else:
                outcome = next(labelled)
                packed = outcome if isinstance(outcome, str) else outcome.packed()
                self._copies[key] = packed
                if key in repeated:
                    held[key] = packed
                yield outcome


# --- labelling, whatever a document does to the model -----------------------------------------------------------------


def _labelled(labeler: Labeler, documents: Sequence[Document], *, sentences: bool) -> Iterator[Outcome]:
    """The outcome of each document, in order. One that breaks the labeler is found by halving, and set aside.

    Raises:
        Exception: of the labeler, where it cannot label a harmless sentence any more either.
    """
    done = 0
    step = len(documents)
    while done < len(documents):
        try:
            for labels in labeler.in_columns(documents[done : done + step], sentences=sentences):
                yield labels if len(labels) else "no sentence was found in the text"
                done += 1
            step = 2 * step
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        # A panic of the tokenizer, which is written in Rust, is no Exception.
        except BaseException as error:
            if step > 1:
                step = max(1, min(step, labeler.engine.look_ahead) // 2)
                continue
            labeler(KNOWN_GOOD)
            yield f"the text could not be labelled: {type(error).__name__}: {error}"
            done += 1


# --- copies -----------------------------------------------------------------------------------------------------------


class _Copies:
    """Labels of the texts that were met last, by a hash of the text, in bounded memory.

    A copy is found if no more than :attr:`size` bytes of (packed) labels were made since its text was last met. Later
    it is scored again, which takes time and gives the same labels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._used = 0
        self._packed: OrderedDict[bytes, PackedColumns | str] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self._packed

    def __getitem__(self, key: bytes) -> PackedColumns | str:
        self._packed.move_to_end(key)
        return self._packed[key]

    def __setitem__(self, key: bytes, packed: PackedColumns | str) -> None:
        self._used += _size(packed) - _size(self._packed.pop(key, ""))
        self._packed[key] = packed
        while self._used > self.size:
            self._used -= _size(self._packed.popitem(last=False)[1])


def _key(document: Document) -> bytes:
    """What makes two documents copies: their text, and which part of it is a title."""
    title = len(document.title or "")
    return blake2b(f"{title}:{document.text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _size(packed: PackedColumns | str) -> int:
    """In bytes, or near to it."""
    return len(packed) if isinstance(packed, str) else len(packed.data)


# --- writing ----------------------------------------------------------------------------------------------------------


class _UnitWriter:
    """Writes a unit's files; they get their names together, when the unit is finished."""

    def __init__(self, job: Job, found: UnitRows) -> None:
        self.copies = 0
        self._job = job
        self._found = found
        self._labelled = self._sentences = self._mentions = 0
        self.codebook = job.plan.model.words
        self._schema = schema(self.codebook, job.plan.carried)
        self._mention_schema = mention_schema(self.codebook)
        job.clear(found.unit)
        with ExitStack() as self._stack:
            self._shard = self._open(SHARDS, self._schema)
            self._flat = self._open(MENTIONS, self._mention_schema) if job.plan.settings.mentions else None
            self._stack = self._stack.pop_all()

    def add(self, labelled: Sequence[DocumentColumns]) -> None:
        """Write labelled rows."""
        records = table(labelled, self._schema)
        mentions = mention_table(records, self._mention_schema)
        self._shard.add(records)
        if self._flat is not None:
            self._flat.add(mentions)
        self._labelled += len(labelled)
        self._sentences += records.num_rows
        self._mentions += mentions.num_rows

    def finish(self) -> UnitRecord:
        """Give the files their names and write down that the unit is done."""
        with self._stack:
            files = [self._shard.keep()]
            if self._flat is not None:
                files.append(self._flat.keep())
            if self._found.rejected:
                files.append(self._write_rejected())
        record = UnitRecord(
            unit=self._found.unit.number,
            plan=self._job.fingerprint,
            rows=self._found.unit.rows,
            labelled=self._labelled,
            rejected=len(self._found.rejected),
            copies=self.copies,
            sentences=self._sentences,
            mentions=self._mentions,
            files=tuple(files),
        )
        self._job.finish(record)
        return record

    def discard(self) -> None:
        """Remove what was written."""
        self._stack.close()

    def _write_rejected(self) -> WrittenFile:
        file = self._open(REJECTED, rejected_schema())
        order = {self._job.plan.files[piece.file].label: piece.file for piece in self._found.unit.pieces}
        rejected = sorted(self._found.rejected, key=lambda row: (order[row.input], row.row or 0))
        file.add(rejected_table(rejected))
        return file.keep()

    def _open(self, kind: str, schema: object) -> ShardFile:
        metadata = {
            "schema_version": str(SCHEMA_VERSION),
            "plan": self._job.fingerprint,
            "unit": str(self._found.unit.number),
        }
        name = file_name(kind, self._found.unit.number)
        return self._stack.enter_context(ShardFile(self._job.folder, name, schema, metadata))
