"""Text in, labels out: cutting, quotation state, engine, thresholds, spans, voices and sources put together.

Sentences go to the engine in groups of its ``look_ahead``, across documents, so that batches of similar length can be
made of them; memory stays bounded by two groups, and results come in the order of the input. What is said of a sentence
depends on it and on the quotation state of its document alone, never on what else was in the group. Of a sentence
of more than :data:`~framing.model.encoding.LONGEST_SENTENCE` tokens only these are read, and a warning says so.
"""

from __future__ import annotations

import datetime
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from framing.codebook import Codebook
from framing.decoding.decoder import Decoded, DecodedSentence, Decoder
from framing.engine import Engine, open_engine
from framing.engine.batching import compute_logits
from framing.errors import CheckpointError, ColumnError, FramingError, FramingWarning, InputError
from framing.model import hub
from framing.model.checkpoint import SHIPPED, Checkpoint
from framing.model.encoding import LONGEST_SENTENCE, EncodedSentences, SentenceEncoder
from framing.model.logits import Logits
from framing.reading.documents import document_of, type_hint
from framing.text.kinds import title_length
from framing.text.quotations import OUTSIDE, QuotationState, scan
from framing.text.sentences import split, starting_states
from framing.types import Document, DocumentLabels, Kind, Labels, Sentence, SentenceLabels

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from framing.columns import DocumentColumns, Rows

# Columns of a record that say nothing of the words: where a sentence comes from is in the table already.
_ABOUT_THE_PLACE = frozenset(
    ("input", "row", "document_id", "outlet", "published", "index", "start", "end", "text", "text_offset")
)

# A group is also closed at this many code points a sentence on average, so that very long ones do not fill the memory.
_LONG_SENTENCE = 250
#: A sentence on its way: its document, itself, and the quotation state in which it begins.
_Item = tuple[Document, Sentence, QuotationState]

#: What :meth:`Labeler.documents` takes as a document.
DocumentLike = Document | str | Mapping[str, Any]


def load(
    checkpoint: str | os.PathLike[str] = SHIPPED,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    token_budget: int | None = None,
    codebook: Codebook | str | os.PathLike[str] | None = None,
    revision: str | None = None,
) -> Labeler:
    """Open a labeler.

    Args:
        checkpoint: a name of :data:`framing.model.names.MODELS` (``"shipped"``, ``"fast"``, ``"accurate"``; the README
            has their figures); a folder written by framing-train; or a repository id of the Hugging Face hub.
        engine: ``"auto"``, ``"onnx"`` (CPU), ``"openvino"`` (CPU) or ``"torch"`` (GPU or CPU); see
            :func:`framing.engine.open_engine`.
        device: ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
        precision: ``"auto"`` (fp32 on a CPU, bf16 or fp16 on a GPU), ``"fp32"``, ``"bf16"``, ``"fp16"``.
        threads: on a CPU; one per core when ``None``.
        token_budget: tokens in a batch, padding included; what serves the engine and its device when ``None``.
        codebook: what you work with, as an object, a name or a YAML file; a checkpoint trained on another one is
            refused. ``None`` takes the checkpoint's own.
        revision: of a repository of the hub: a branch, a tag or a commit; the main branch when ``None``.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or of another codebook.
        SettingError: an option is unknown, or two do not go together.
    """
    wanted = codebook if codebook is None or isinstance(codebook, Codebook) else Codebook.load(os.fspath(codebook))
    opened = Checkpoint.load(checkpoint, codebook=wanted, revision=revision)
    # The encoder is made while the engine opens, which takes as long as all the rest.
    with ThreadPoolExecutor(1, thread_name_prefix="framing-load") as beside:
        encoder = beside.submit(opened.sentence_encoder)
        opened_engine = open_engine(
            opened, engine=engine, device=device, precision=precision, threads=threads, token_budget=token_budget
        )
    return Labeler(opened, opened_engine, encoder.result())


class Labeler:
    """Labels sentences and documents with one checkpoint.

    Safe to use from several threads. Close it, or use it in a ``with`` block, to free a GPU's memory early.

    Args:
        checkpoint: the model, its codebook and its calibration.
        engine: what runs it.
        encoder: the checkpoint's, where it is there already.

    Attributes:
        checkpoint, engine: as given.
        codebook: the checkpoint's.
        encoder, decoder: text to tokens, and logits to labels.
        tokens_read: that the model has read so far, special ones left out; a sentence that comes twice in one group
            of sentences is read once.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, encoder: SentenceEncoder | None = None) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self.codebook = checkpoint.codebook
        self.encoder = encoder or checkpoint.sentence_encoder()
        self.decoder = Decoder(checkpoint.codebook, checkpoint.calibration)
        self.tokens_read = 0

    def __reduce__(self) -> tuple[Callable[..., Labeler], tuple[Any, ...]]:
        """Another process opens the same checkpoint again, as :func:`load` does; it must find the folder there."""
        engine = self.engine
        return _reopened, (
            os.fspath(self.checkpoint.folder),
            self.checkpoint.fingerprint,
            {
                "engine": engine.name,
                "device": engine.device,
                "precision": engine.precision,
                "threads": getattr(engine, "threads", None),
                "token_budget": engine.token_budget,
            },
        )

    @overload
    def __call__(self, sentences: str) -> SentenceLabels: ...  # type: ignore[overload-overlap]  # a str iterates too
    @overload
    def __call__(self, sentences: Iterable[str]) -> Labels: ...
    def __call__(self, sentences: str | Iterable[str]) -> SentenceLabels | Labels:
        """Label sentences that have nothing to do with each other.

        Args:
            sentences: one string is one sentence, whatever is in it; of an iterable, each item is one.

        Returns:
            The labels of the one sentence, or of all in their order; ``index`` is the place in the list. A sentence
            of white space is boilerplate without any label, its probabilities 0.

        Raises:
            InputError: an item is no string.
        """
        if isinstance(sentences, str):
            return self([sentences])[0]
        texts = _checked(sentences)
        items = (Sentence(text, 0, len(text), index) for index, text in enumerate(texts))
        document = Document("")
        return self._labels((document, item, OUTSIDE) for item in items)

    def sentences(
        self,
        sentences: Iterable[str],
        *,
        kinds: Iterable[str | None] | None = None,
        id: str = "0",
        outlet: str | None = None,
        published: str | datetime.date | None = None,
    ) -> Labels:
        """Label the sentences of one document, in their order; a quotation runs on from one to the next.

        Args:
            sentences: each item is one sentence.
            kinds: what each sentence is, where you know better than the model; ``None`` where not.
            id, outlet, published: to be carried into the records.

        Returns:
            The labels; offsets count in the text that the sentences make when joined by line ends.

        Raises:
            InputError: an item is no string, or there are more or fewer kinds than sentences.
        """
        texts = _checked(sentences)
        given = self._checked_kinds(kinds, len(texts))
        known = document_of({"text": "", "id": id, "outlet": outlet, "published": published}, 0)
        document = replace(known, text="\n".join(texts))
        items: list[_Item] = []
        start, state = 0, OUTSIDE
        for index, (text, kind) in enumerate(zip(texts, given, strict=True)):
            sentence = Sentence(text, start, start + len(text), index, kind, kind_is_certain=kind is not None)
            items.append((document, sentence, state))
            start += len(text) + 1
            state = scan(text, state).after
        return self._labels(items)

    def document(
        self,
        text: str,
        *,
        id: str = "0",
        outlet: str | None = None,
        published: str | datetime.date | None = None,
        title: str | None = None,
    ) -> DocumentLabels:
        """Cut a document into sentences and label them.

        Args:
            text: plain text, or the HTML of a page, of which the readable text is taken.
            id, outlet, published: to be carried into the records.
            title: the headline, where ``text`` does not begin with it; it is then put before the text as a line of
                its own. Its sentence is a headline.

        Returns:
            The labels. Offsets count in its ``document.text``, which is ``text`` itself if that is plain and has its
            title, if any, at its beginning.

        Raises:
            InputError: ``text`` is no string, or HTML without readable text.
        """
        given = {"text": text, "id": id, "outlet": outlet, "published": published, "title": title}
        return next(self.documents([given]))

    def documents(
        self,
        documents: Iterable[DocumentLike],
        *,
        on_error: Literal["raise"] | Callable[[DocumentLike, FramingError], None] = "raise",
    ) -> Iterator[DocumentLabels]:
        """Label any number of documents, one after the other.

        Args:
            documents: each a :class:`~framing.types.Document` (its text is taken as it is), a string (plain text or
                HTML), or a mapping with the key ``text`` and any of ``id``, ``outlet``, ``published``, ``title``;
                further keys become the document's metadata. Where an id is missing it is the place in the input.
                Nothing is read before the first result is asked for.
            on_error: ``"raise"``, or what is called with an item that cannot be used and the reason; labelling then
                goes on with the next item.

        Yields:
            The labels of each document, in order. Results come once twice the engine's ``look_ahead`` of sentences
            is read, and memory holds no more than that and one document.

        Raises:
            InputError: an item cannot be used, and ``on_error`` is ``"raise"``.
        """
        cuts: deque[_Cut] = deque()
        labelled: deque[SentenceLabels] = deque()
        for group, decoded in self._groups(_items_of(self._usable(documents, on_error), cuts, self.codebook.language)):
            labelled.extend(_records(group, decoded))
            while cuts and cuts[0].sentences <= len(labelled):
                cut = cuts.popleft()
                own = tuple(labelled.popleft() for _ in range(cut.sentences))
                yield DocumentLabels(own, codebook=self.codebook, document=cut.document)

    def in_columns(self, documents: Iterable[Document], *, sentences: bool = False) -> Iterator[DocumentColumns]:
        """Label any number of documents, and leave what is found in columns, for whoever writes tables.

        Args:
            documents: their texts are taken as they are.
            sentences: each is one sentence, and nothing runs on from one to the next.

        Yields:
            The labels of each document, in order; :func:`framing.columns.table` makes records of them. Memory is
            bounded as that of :meth:`documents`.
        """
        from framing.columns import DocumentColumns, Rows

        cuts: deque[_Cut] = deque()
        items = _single(documents, cuts) if sentences else _items_of(documents, cuts, self.codebook.language)
        begun: tuple[Rows, ...] = ()
        there = 0  # rows of the first document of the cuts that are there already
        for found in self._rows(items):
            first = 0
            while cuts and first + cuts[0].sentences - there <= found.end:
                cut = cuts.popleft()
                end = first + cut.sentences - there
                yield DocumentColumns(cut.document, self.codebook, (*begun, Rows(found.table, first, end)))
                begun, there, first = (), 0, end
            if first < found.end:
                begun = (*begun, Rows(found.table, first, found.end))
                there += found.end - first

    @staticmethod
    def _usable(
        documents: Iterable[DocumentLike], on_error: Literal["raise"] | Callable[[DocumentLike, FramingError], None]
    ) -> Iterator[Document]:
        for position, item in enumerate(documents):
            try:
                document = document_of(item, position)
            except FramingError as error:
                if on_error == "raise":
                    raise
                on_error(item, error)
            else:
                yield document

    def to_arrow(self, sentences: Iterable[str]) -> pyarrow.Table:
        """Label sentences that have nothing to do with each other; as a table of the columns that Parquet has.

        Args:
            sentences: a list, an Arrow array, or a column of a table.

        Returns:
            The records, one a row, in order, of the types of :func:`framing.records.schema`. polars, DuckDB and pandas
            read it.

        Raises:
            InputError: an item is no string.
        """
        from framing.columns import DocumentColumns, table
        from framing.records import schema

        document = Document("")
        texts = enumerate(_checked(sentences))
        items = ((document, Sentence(text, 0, len(text), index), OUTSIDE) for index, text in texts)
        return table([DocumentColumns(document, self.codebook, tuple(self._rows(items)))], schema(self.codebook))

    def to_frame(self, sentences: Iterable[str]) -> pandas.DataFrame:
        """Label a column of sentences that have nothing to do with each other. Needs pandas.

        Args:
            sentences: a list or a column; a pandas column's index is kept, so that ``df.join`` finds the rows again.

        Returns:
            The keys of a record as columns, one row a sentence.

        Raises:
            InputError: an item is no string.
        """
        frame = self(sentences).to_frame()
        index = getattr(sentences, "index", None)
        return frame if index is None or callable(index) else frame.set_index(index)

    def map(
        self, batch: Mapping[str, Any] | pyarrow.Table, column: str = "text"
    ) -> dict[str, list[Any]] | pyarrow.Table:
        """Label a batch of rows, each a sentence: ``dataset.map(labeler.map, batched=True)``, of Hugging Face datasets.

        Args:
            batch: column -> values; or an Arrow table (``dataset.with_format("arrow")``), which keeps all types as they
                are in Parquet, also where a whole batch has no mention or no hedge.
            column: which column has the sentences (``fn_kwargs={"column": "headline"}``).

        Returns:
            What a record says of the words (kind, frames, mentions, hedges, sources, hedged, probabilities, tasks),
            in the forms that Parquet has: frames are a list of ``{label, probability}``. Of an Arrow table, the table
            with these columns after its own.

        Raises:
            ColumnError: there is no such column.
            InputError: an item is no string.
        """
        names = batch.keys() if isinstance(batch, Mapping) else batch.column_names
        if column not in names:
            raise ColumnError(
                f"the batch has no column {column!r}",
                expected="one of its columns: " + ", ".join(names),
                hint="name yours: dataset.map(labeler.map, batched=True, fn_kwargs={'column': …})",
            )
        found = self.to_arrow(batch[column])
        added = [name for name in found.column_names if name not in _ABOUT_THE_PLACE]
        if isinstance(batch, Mapping):
            return {name: found[name].to_pylist() for name in added}
        kept = batch.drop_columns([name for name in added if name in names])
        for name in added:
            kept = kept.append_column(name, found[name])
        return kept

    def describe(self) -> dict[str, Any]:
        """Which model runs where, JSON-ready, for records of a run."""
        return {
            "checkpoint": self.checkpoint.folder.name,
            "fingerprint": self.checkpoint.fingerprint,
            "codebook": self.codebook.name,
            "codebook_version": self.codebook.version,
            **self.engine.describe(),
        }

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
    ) -> str:
        """Upload the checkpoint to the Hugging Face hub, with its codebook, thresholds and card, in one commit.

        ``framing.load(repo_id)`` opens it then, wherever the repository can be read.

        Args:
            repo_id: ``user/name``; a mere name is one of the token's own user. Made if it is not there.
            private: whether a new repository is private; as the user or organization has it by default when ``None``.
            token: of an account that may write there; the one of ``hf auth login`` or ``HF_TOKEN`` when ``None``.
            revision: a branch, made if it is not there; the main one when ``None``.
            commit_message: of the commit.

        Returns:
            The address of the commit.

        Raises:
            CheckpointCorruptedError: the checkpoint's folder was changed.
            OutputError: the hub refuses, or cannot be reached.
        """
        return hub.upload(
            self.checkpoint.folder,
            repo_id,
            private=private,
            token=token,
            revision=revision,
            commit_message=commit_message,
        )

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _labels(self, items: Iterable[_Item]) -> Labels:
        """Label sentences; in order."""
        found = chain.from_iterable(_records(group, decoded) for group, decoded in self._groups(items))
        return Labels(tuple(found), codebook=self.codebook)

    def _checked_kinds(self, kinds: Iterable[str | None] | None, sentences: int) -> list[str | None]:
        if kinds is None:
            return [None] * sentences
        given = list(kinds)
        if len(given) != sentences:
            raise InputError(
                f"{len(given)} kinds for {sentences} sentences", expected="one kind, or None, for each sentence"
            )
        known = self.codebook.kinds or tuple(map(str, Kind))
        for position, kind in enumerate(given):
            if kind is not None and kind not in known:
                raise InputError(
                    f"the kind of sentence {position} is {kind!r}", expected="None or one of " + ", ".join(known)
                )
        return [None if kind is None else str(kind) for kind in given]

    def _groups(self, items: Iterable[_Item | _Blank]) -> Iterator[tuple[_Group, Decoded]]:
        """Label sentences, group by group; in order.

        The model runs on a thread of its own: while it is busy with one group, the caller's thread reads, cuts and
        encodes the next one, and decodes and writes the one before. A group that is alone is not worth a thread.
        """
        groups = _grouped(items, self.engine.look_ahead)
        first_two = list(islice(groups, 2))
        if len(first_two) < 2:
            for encoded in map(self._encoded, first_two):
                yield encoded, self._decoded(encoded, compute_logits(self.engine, encoded.sentences))
            return
        waiting: deque[_Scoring] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="framing-model") as model:
            try:
                for encoded in map(self._encoded, chain(first_two, groups)):
                    waiting.append(_Scoring(encoded, model.submit(compute_logits, self.engine, encoded.sentences)))
                    if len(waiting) > 1:
                        scoring = waiting.popleft()
                        yield scoring.group, self._decoded(scoring.group, scoring.logits.result())
                for scoring in waiting:
                    yield scoring.group, self._decoded(scoring.group, scoring.logits.result())
            finally:
                for scoring in waiting:  # after an error, or where the caller wants no more
                    scoring.logits.cancel()

    def _encoded(self, items: Sequence[_Item]) -> _Group:
        # What is said of a sentence depends on its text and on the state in which it begins.
        known: dict[tuple[str, QuotationState], int] = {}
        numbers = [known.setdefault((sentence.text, state), len(known)) for _, sentence, state in items]
        texts = [text for text, _ in known]
        encoded = self.encoder.encode(texts, [state for _, state in known])
        for number, end in encoded.cut_short(texts).items():
            document, sentence, _ = items[numbers.index(number)]
            warnings.warn(
                f"sentence {sentence.index} of document {document.id!r} is read to character {end:,} of "
                f"{len(sentence.text):,}, and the rest has no labels: more than {LONGEST_SENTENCE:,} tokens without a "
                "full stop or a line end are no sentence",
                FramingWarning,
                stacklevel=2,
            )
        return _Group(items, numbers, texts, encoded)

    def _rows(self, items: Iterable[_Item | _Blank]) -> Iterator[Rows]:
        """Label sentences, group by group; in order."""
        from framing.columns import Rows, sentence_table
        from framing.records import schema

        columns = schema(self.codebook)
        for group, decoded in self._groups(items):
            found = sentence_table([sentence for _, sentence, _ in group.items], group.numbers, decoded, columns)
            yield Rows(found, 0, found.num_rows)

    def _decoded(self, group: _Group, logits: Logits) -> Decoded:
        self.tokens_read += len(group.sentences.ids)
        return self.decoder.decode(logits, group.sentences, group.texts)


def _reopened(folder: str, fingerprint: str, how: Mapping[str, Any]) -> Labeler:
    """The labeler that was pickled, in this process.

    Raises:
        CheckpointError: the folder is missing, or holds another checkpoint by now.
    """
    opened = load(folder, **how)
    if opened.checkpoint.fingerprint != fingerprint:
        raise CheckpointError(
            f"{folder} holds another checkpoint than when the labeler was pickled",
            expected=f"fingerprint {fingerprint[:12]}…, not {opened.checkpoint.fingerprint[:12]}…",
            hint="keep the folder as it is while other processes use it",
        )
    return opened


@dataclass(frozen=True, slots=True)
class _Group:
    """Sentences that go to the engine together; equal ones are computed once.

    Attributes:
        items: all of them.
        numbers: of each item, which of the different sentences it is.
        texts: the different sentences.
        sentences: these, encoded.
    """

    items: Sequence[_Item]
    numbers: list[int]
    texts: list[str]
    sentences: EncodedSentences


@dataclass(frozen=True, slots=True)
class _Scoring:
    """A group on its way through the model."""

    group: _Group
    logits: Future[Logits]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A document, and how many sentences it has."""

    document: Document
    sentences: int


@dataclass(frozen=True, slots=True)
class _Blank:
    """Stands in the row of sentences for a document that has none; ``length`` is that of its text."""

    length: int


def _records(group: _Group, decoded: Decoded) -> Iterator[SentenceLabels]:
    found = list(decoded)
    for (document, sentence, _), number in zip(group.items, group.numbers, strict=True):
        yield _record(document, sentence, found[number])


def _record(document: Document, sentence: Sentence, found: DecodedSentence) -> SentenceLabels:
    known = found.kind_probabilities  # a codebook may have other kinds than the rules of reading
    certain = str(sentence.kind) if sentence.kind_is_certain and (not known or sentence.kind in known) else None
    return SentenceLabels(
        document_id=document.id,
        outlet=document.outlet,
        published=document.published,
        index=sentence.index,
        kind=certain or found.kind(rule=sentence.kind),
        start=sentence.start,
        end=sentence.end,
        text=sentence.text,
        frames=found.frames,
        mentions=found.mentions,
        hedges=found.hedges,
        sources=found.sources,
        hedged=found.hedged,
        probabilities=found.probabilities,
        tasks=found.tasks,
        input=document.input,
        row=document.row,
        text_offset=document.text_offset,
    )


def _grouped(items: Iterable[_Item | _Blank], size: int) -> Iterator[list[_Item]]:
    """The items in lists of ``size`` sentences, or of about as much text as that many long ones have.

    A blank document counts as a sentence: a million of them must not pile up behind a group that is never full.
    """
    group: list[_Item] = []
    count = length = 0
    for item in items:
        count += 1
        if isinstance(item, _Blank):
            length += item.length
        else:
            group.append(item)
            length += len(item[1].text)
        if count >= size or length >= size * _LONG_SENTENCE:
            yield group
            group, count, length = [], 0, 0
    if count:
        yield group


def _items_of(documents: Iterable[Document], cuts: deque[_Cut], language: str) -> Iterator[_Item | _Blank]:
    """The sentences of documents; each document is put into ``cuts`` before the first of its sentences is given."""
    for document in documents:
        title = title_length(document.text, document.title) if document.title else 0
        sentences = [
            replace(sentence, kind=Kind.HEADLINE, kind_is_certain=True) if sentence.end <= title else sentence
            for sentence in split(document.text, language)
        ]
        cuts.append(_Cut(document, len(sentences)))
        if not sentences:
            yield _Blank(len(document.text))
        for sentence, state in zip(sentences, starting_states(sentences), strict=True):
            yield document, sentence, state


# --- documents that are a sentence each -------------------------------------------------------------------------------


def _single(documents: Iterable[Document], cuts: deque[_Cut]) -> Iterator[_Item]:
    """Documents as sentences; each document is put into ``cuts`` before its sentence is given."""
    for document in documents:
        cuts.append(_Cut(document, 1))
        yield document, Sentence(document.text, 0, len(document.text)), OUTSIDE


def label_each_alone(
    labeler: Labeler, documents: Iterable[Document], codebook: Codebook | None = None
) -> Iterator[DocumentLabels]:
    """Label documents that are a sentence each; nothing runs on from one to the next.

    Args:
        labeler: what labels.
        documents: read as they are needed, the engine's ``look_ahead`` at a time.
        codebook: of the results.
    """
    left = iter(documents)
    while group := list(islice(left, labeler.engine.look_ahead)):
        for document, found in zip(group, labeler([document.text for document in group]), strict=True):
            yield DocumentLabels((found.within(document, index=0),), codebook=codebook, document=document)


# --- what callers hand in ---------------------------------------------------------------------------------------------


def _checked(sentences: Iterable[str]) -> list[str]:
    """The sentences as a list, all of them strings."""
    if isinstance(sentences, bytes | bytearray | Mapping) or not isinstance(sentences, Iterable):
        raise InputError(
            f"{sentences!r:.80} is a {type(sentences).__name__}",
            expected="a string (one sentence) or an iterable of strings",
            hint=type_hint(sentences),
        )
    texts = sentences.to_pylist() if hasattr(sentences, "to_pylist") else list(sentences)  # Arrow's items are scalars
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"sentence {position} is a {type(text).__name__}: {text!r:.80}",
                expected="a string",
                hint=type_hint(text),
            )
    return texts
