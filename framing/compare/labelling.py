"""Documents that are not labelled yet: labelled first, then compared."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from framing.codebook import Codebook
from framing.compare.columns import Corpus, Labelled, files_of, read_corpus
from framing.errors import InputError, UnreadableFileError
from framing.labeler import Labeler, load
from framing.reading import Columns, read
from framing.records import open_writer
from framing.types import COLUMNS, Labels, Rejected

#: Columns that every record has, and that documents do not have.
_OF_RECORDS = frozenset({"document_id", "index", "mentions", "probabilities"})


@dataclass(frozen=True, slots=True)
class Labelling:
    """What labelling documents came to.

    Attributes:
        checkpoint: name of the folder of the model.
        fingerprint: hash of its weights.
        documents, sentences: that were labelled.
        rejected: rows and files that were set aside.
    """

    checkpoint: str
    fingerprint: str
    documents: int
    sentences: int
    rejected: tuple[Rejected, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        said = (
            f"{self.documents:,} documents ({self.sentences:,} sentences) were labelled first, with {self.checkpoint} "
            f"({self.fingerprint[:12]}); framing label keeps the labels."
        )
        if self.rejected:
            first = self.rejected[0]
            said += f" {len(self.rejected):,} rows or files are set aside, the first: {first.where}: {first.reason}"
        return said


def hold_records(inputs: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether files hold records of framing, rather than documents.

    Args:
        inputs: files, globs, folders. Names of nothing that may hold records, such as folders of texts, do not.

    Raises:
        InputError: some do and some do not.
    """
    kinds = {os.fspath(name): _holds_records(name) for name in inputs}
    if len(set(kinds.values())) > 1:
        of_records, of_documents = (next(name for name, kind in kinds.items() if kind is k) for k in (True, False))
        raise InputError(
            f"{of_records} holds labels, and {of_documents} documents that are not labelled",
            expected="either of them",
            hint=f"label the documents first: framing label {of_documents} -o labels.parquet",
        )
    return any(kinds.values())


def _holds_records(name: str | os.PathLike[str]) -> bool:
    if os.path.isfile(Path(name) / "plan.json"):  # noqa: PTH113 - no name is an error; a batch job's, however damaged its shards are
        return True
    try:
        file = files_of(name)[0]
    except UnreadableFileError:
        return False
    try:
        if file.suffix.lower() == ".parquet":
            with file.open("rb") as stream:
                return b"framing.codebook" in (pyarrow.parquet.read_schema(stream).metadata or {})
        packed = file.suffix.lower() == ".gz"
        with gzip.open(file, "rt", encoding="utf-8") if packed else file.open(encoding="utf-8") as stream:
            line = stream.readline()
        keys = json.loads(line) if line.lstrip().startswith("{") else line.strip().split(",")
        return set(keys) >= _OF_RECORDS
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowInvalid):
        return False


def label_documents(
    inputs: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    labeler: Labeler,
    *,
    carry: Collection[str] = (),
    columns: Columns | None = None,
) -> Labelling:
    """Label the documents of files, and write the records.

    Args:
        inputs: as of :func:`framing.read`.
        target: the file to write, of an ending that :func:`~framing.records.open_writer` knows.
        labeler: what labels them.
        carry: columns of the input that are written too; those that every record has need not be named.
        columns: names of the columns of the input; guessed when ``None``.

    Raises:
        UnreadableFileError, ColumnError, MissingExtraError: as of :func:`framing.read`.
        InputError: there is no document with text in it.
        OutputError: the records cannot be written.
    """
    rejected: list[Rejected] = []
    wanted = [name for name in dict.fromkeys(carry) if name not in COLUMNS]
    documents = sentences = 0
    with open_writer(target, codebook=labeler.codebook, carry=wanted) as writer:
        for labels in labeler.documents(read(inputs, columns=columns, on_reject=rejected.append)):
            writer.write(labels)
            documents += 1
            sentences += len(labels)
        if not documents:
            first = f"; the first row: {rejected[0].where}: {rejected[0].reason}" if rejected else ""
            raise InputError(f"nothing could be labelled{first}", expected="at least one document with text in it")
    checkpoint = labeler.checkpoint
    return Labelling(checkpoint.folder.name, checkpoint.fingerprint, documents, sentences, tuple(rejected))


def read_or_label(
    inputs: Labelled | Corpus,
    *,
    carry: Collection[str] = (),
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    columns: Columns | None = None,
    codebook: Codebook | None = None,
    uncertainty: bool = False,
) -> Corpus:
    """Labels as columns; documents are labelled first, and the corpus notes it.

    Args:
        inputs: what :func:`~framing.compare.columns.read_corpus` takes, or files of documents.
        carry, codebook, uncertainty: as of :func:`~framing.compare.columns.read_corpus`.
        model: the checkpoint that labels documents; the shipped one when ``None``.
        labeler: labels them in place of ``model``.
        columns: of the documents.

    Raises:
        CheckpointError: the model is missing, damaged, or of another codebook.
        UnreadableFileError, InputError, ColumnError, CodebookMismatchError: as of the functions above.
    """
    if isinstance(inputs, Corpus):
        return inputs
    items = iter([inputs] if isinstance(inputs, str | os.PathLike | Labels) else inputs)
    first = next(items, None)
    again = chain(() if first is None else (first,), items)
    if first is None or isinstance(first, Labels):
        # Labels may come one by one from a labeler, so nobody holds all of them.
        return read_corpus(again, carry=carry, codebook=codebook, uncertainty=uncertainty)  # type: ignore[arg-type]
    names = [name for name in again if not isinstance(name, Labels)]
    if hold_records(names):
        return read_corpus(names, carry=carry, codebook=codebook, uncertainty=uncertainty)
    with ExitStack() as stack:
        own = labeler or stack.enter_context(
            load(codebook=codebook) if model is None else load(model, codebook=codebook)
        )
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="framing-"))
        target = Path(folder) / "labels.parquet"
        done = label_documents(names, target, own, carry=carry, columns=columns)
        corpus = read_corpus(target, carry=carry, codebook=own.codebook, uncertainty=uncertainty)
    return corpus.noting(str(done))
