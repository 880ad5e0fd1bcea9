"""Text in, labels out: cutting, quotation state, engine, thresholds, spans, voices and sources put together.

Sentences go to the engine in groups of its ``look_ahead``, across documents, so that batches of similar length can be
made of them; memory stays bounded by two groups, and results come in the order of the input. What is said of a sentence
depends on it and on the quotation state of its document alone, never on what else was in the group.
"""

from __future__ import annotations

import datetime
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from framing.codebook import Codebook
from framing.engine import Engine, open_engine
from framing.engine.batching import score
from framing.errors import InputError
from framing.model.checkpoint import SHIPPED, Checkpoint
from framing.model.decoding import DecodedSentence, Decoder, TokenLogits
from framing.model.encoding import EncodedSentences
from framing.text.columns import with_title
from framing.text.html import extract, looks_like_html
from framing.text.quotations import OUTSIDE, QuotationState, scan
from framing.text.sentences import split, starting_states
from framing.types import Document, DocumentLabels, Kind, Sentence, SentenceLabels

if TYPE_CHECKING:
    import pandas

# A group is also closed at this many code points a sentence on average, so that very long ones do not fill the memory.
_LONG_SENTENCE = 250
#: A sentence on its way: its document, itself, and the quotation state in which it begins.
_Item = tuple[Document, Sentence, QuotationState]

_DOCUMENT_KEYS = ("text", "id", "outlet", "published", "title")


def load(
    checkpoint: str | os.PathLike[str] = SHIPPED,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    token_budget: int | None = None,
    codebook: Codebook | str | os.PathLike[str] | None = None,
) -> Labeler:
    """Open a labeler.

    Args:
        checkpoint: ``"shipped"``; ``"fast"``, which is 1.5 times as fast and a little worse (the README has
            the figures); a folder written by framing-train; or a repository id of the Hugging Face hub.
        engine: ``"auto"``, ``"onnx"`` (CPU), ``"openvino"`` (CPU) or ``"torch"`` (GPU or CPU); see
            :func:`framing.engine.open_engine`.
        device: ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
        precision: ``"auto"`` (fp32 on a CPU, bf16 or fp16 on a GPU), ``"fp32"``, ``"bf16"``, ``"fp16"``.
        threads: on a CPU; one per core when ``None``.
        token_budget: tokens in a batch, padding included; what serves the engine and its device when ``None``.
        codebook: what you work with, as an object, a name or a YAML file; a checkpoint trained on another one is
            refused. ``None`` takes the checkpoint's own.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or of another codebook.
        SettingError: an option is unknown, or two do not go together.
    """
    wanted = codebook if codebook is None or isinstance(codebook, Codebook) else Codebook.load(os.fspath(codebook))
    opened = Checkpoint.load(checkpoint, codebook=wanted)
    return Labeler(
        opened,
        open_engine(
            opened, engine=engine, device=device, precision=precision, threads=threads, token_budget=token_budget
        ),
    )


class SentenceLabelsList(list[SentenceLabels]):
    """Labels of several sentences, in order: a list that turns itself into tables."""

    def to_dict(self) -> list[dict[str, Any]]:
        """One record per sentence, as JSON-ready types."""
        return [sentence.to_dict() for sentence in self]

    def to_frame(self) -> pandas.DataFrame:
        """One row per sentence, the record's keys as columns. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.to_dict())


class Labeler:
    """Labels sentences and documents with one checkpoint.

    Safe to use from several threads. Close it, or use it in a ``with`` block, to free a GPU's memory early.

    Args:
        checkpoint: the model, its codebook and its calibration.
        engine: what runs it.

    Attributes:
        checkpoint, engine: as given.
        codebook: the checkpoint's.
        tokens_read: that the model has read so far, special ones left out; a sentence that comes twice in one group
            of sentences is read once.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self.codebook = checkpoint.codebook
        self.tokens_read = 0
        self._encoder = checkpoint.sentence_encoder()
        self._decoder = Decoder(checkpoint.codebook, checkpoint.calibration)

    @overload
    def __call__(self, sentences: str) -> SentenceLabels: ...  # type: ignore[overload-overlap]  # a str iterates too
    @overload
    def __call__(self, sentences: Iterable[str]) -> SentenceLabelsList: ...
    def __call__(self, sentences: str | Iterable[str]) -> SentenceLabels | SentenceLabelsList:
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
        return SentenceLabelsList(self._label((document, item, OUTSIDE) for item in items))

    def sentences(
        self,
        sentences: Iterable[str],
        *,
        kinds: Iterable[Kind | str | None] | None = None,
        document_id: str = "0",
        outlet: str | None = None,
        published: str | None = None,
    ) -> SentenceLabelsList:
        """Label the sentences of one document, in their order; a quotation runs on from one to the next.

        Args:
            sentences: each item is one sentence.
            kinds: what each sentence is, where you know better than the model; ``None`` where not.
            document_id, outlet, published: to be carried into the records.

        Returns:
            The labels; offsets count in the text that the sentences make when joined by line ends.

        Raises:
            InputError: an item is no string, or there are more or fewer kinds than sentences.
        """
        texts = _checked(sentences)
        given = _checked_kinds(kinds, len(texts))
        items = []
        start = 0
        for index, (text, kind) in enumerate(zip(texts, given, strict=True)):
            items.append(Sentence(text, start, start + len(text), index, kind, kind_is_certain=kind is not None))
            start += len(text) + 1
        document = Document("\n".join(texts), id=document_id, outlet=outlet, published=published)
        return SentenceLabelsList(self._label(_with_running_state(document, items)))

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

    def documents(self, documents: Iterable[Document | str | Mapping[str, Any]]) -> Iterator[DocumentLabels]:
        """Label any number of documents, one after the other.

        Args:
            documents: each a :class:`~framing.types.Document` (its text is taken as it is), a string (plain text or
                HTML), or a mapping with the key ``text`` and any of ``id``, ``outlet``, ``published``, ``title``;
                further keys become the document's metadata. Where an id is missing it is the place in the input.
                Nothing is read before the first result is asked for.

        Yields:
            The labels of each document, in order. Results come once twice the engine's ``look_ahead`` of sentences
            is read, and memory holds no more than that and one document.

        Raises:
            InputError: an item is none of these.
        """
        cuts: deque[_Cut] = deque()
        labelled: deque[SentenceLabels] = deque()
        for group in self._groups(_items_of(documents, cuts)):
            labelled.extend(group)
            while cuts and len(cuts[0].sentences) <= len(labelled):
                cut = cuts.popleft()
                yield DocumentLabels(cut.document, tuple(labelled.popleft() for _ in cut.sentences))

    def describe(self) -> dict[str, Any]:
        """Which model runs where, JSON-ready, for records of a run."""
        return {
            "checkpoint": self.checkpoint.folder.name,
            "fingerprint": self.checkpoint.fingerprint,
            "codebook": self.codebook.name,
            "codebook_version": self.codebook.version,
            **self.engine.describe(),
        }

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _label(self, items: Iterable[_Item]) -> Iterator[SentenceLabels]:
        """Label sentences; in order."""
        return chain.from_iterable(self._groups(items))

    def _groups(self, items: Iterable[_Item | _Blank]) -> Iterator[Iterator[SentenceLabels]]:
        """Label sentences, group by group; in order.

        The model runs on a thread of its own: while it is busy with one group, the caller's thread reads, cuts and
        encodes the next one, and decodes and writes the one before. A group that is alone is not worth a thread.
        """
        groups = _grouped(items, self.engine.look_ahead)
        first_two = list(islice(groups, 2))
        if len(first_two) < 2:
            for encoded in map(self._encoded, first_two):
                yield self._records(encoded, score(self.engine, encoded.sentences))
            return
        waiting: deque[_Scoring] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="framing-model") as model:
            try:
                for encoded in map(self._encoded, chain(first_two, groups)):
                    waiting.append(_Scoring(encoded, model.submit(score, self.engine, encoded.sentences)))
                    if len(waiting) > 1:
                        scoring = waiting.popleft()
                        yield self._records(scoring.group, scoring.logits.result())
                for scoring in waiting:
                    yield self._records(scoring.group, scoring.logits.result())
            finally:
                for scoring in waiting:  # after an error, or where the caller wants no more
                    scoring.logits.cancel()

    def _encoded(self, items: Sequence[_Item]) -> _Group:
        different = _Different.of(items)
        return _Group(items, different, self._encoder.encode(different.texts, different.states))

    def _records(self, group: _Group, logits: TokenLogits) -> Iterator[SentenceLabels]:
        self.tokens_read += len(group.sentences.ids)
        decoded = list(self._decoder.decode(logits, group.sentences, group.different.texts))
        for (document, sentence, _), number in zip(group.items, group.different.numbers, strict=True):
            yield _record(document, sentence, decoded[number])


@dataclass(frozen=True, slots=True)
class _Different:
    """The different sentences of a group, which are computed once however often they occur.

    Attributes:
        texts, states: of each.
        numbers: of each item of the group, which of them it is.
    """

    texts: list[str]
    states: list[QuotationState]
    numbers: list[int]

    @classmethod
    def of(cls, group: Sequence[_Item]) -> Self:
        """What is said of a sentence depends on its text and on the state in which it begins."""
        known: dict[tuple[str, QuotationState], int] = {}
        numbers = [known.setdefault((sentence.text, state), len(known)) for _, sentence, state in group]
        return cls([text for text, _ in known], [state for _, state in known], numbers)


@dataclass(frozen=True, slots=True)
class _Group:
    """Sentences that go to the engine together.

    Attributes:
        items: all of them.
        different: those that differ.
        sentences: these, encoded.
    """

    items: Sequence[_Item]
    different: _Different
    sentences: EncodedSentences


@dataclass(frozen=True, slots=True)
class _Scoring:
    """A group on its way through the model."""

    group: _Group
    logits: Future[TokenLogits]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A document and its sentences."""

    document: Document
    sentences: list[Sentence]


@dataclass(frozen=True, slots=True)
class _Blank:
    """Stands in the row of sentences for a document that has none; ``length`` is that of its text."""

    length: int


def _record(document: Document, sentence: Sentence, found: DecodedSentence) -> SentenceLabels:
    known = sentence.kind if sentence.kind_is_certain else None
    return SentenceLabels(
        document_id=document.id,
        outlet=document.outlet,
        published=document.published,
        index=sentence.index,
        kind=known or found.kind(rule=sentence.kind),
        start=sentence.start,
        end=sentence.end,
        text=sentence.text,
        frames=found.frames,
        mentions=found.mentions,
        hedges=found.hedges,
        sources=found.sources,
        probabilities=found.probabilities,
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


def _items_of(documents: Iterable[Document | str | Mapping[str, Any]], cuts: deque[_Cut]) -> Iterator[_Item | _Blank]:
    """The sentences of documents; each document is put into ``cuts`` before the first of its sentences is given."""
    for position, given in enumerate(documents):
        document = _as_document(given, position)
        sentences = _sentences_of(document)
        cuts.append(_Cut(document, sentences))
        if not sentences:
            yield _Blank(len(document.text))
        for sentence, state in zip(sentences, starting_states(sentences), strict=True):
            yield document, sentence, state


# --- quotation states -------------------------------------------------------------------------------------------------


def _with_running_state(document: Document, sentences: Iterable[Sentence]) -> Iterator[_Item]:
    """Sentences of which nothing is known: each begins in the state that the one before it leaves."""
    state = OUTSIDE
    for sentence in sentences:
        yield document, sentence, state
        state = scan(sentence.text, state).after


# --- what callers hand in ---------------------------------------------------------------------------------------------


def _checked(sentences: Iterable[str]) -> list[str]:
    """The sentences as a list, all of them strings."""
    if isinstance(sentences, bytes | bytearray | Mapping) or not isinstance(sentences, Iterable):
        raise InputError(
            f"{sentences!r:.80} is a {type(sentences).__name__}",
            expected="a string (one sentence) or an iterable of strings",
            hint=_type_hint(sentences),
        )
    texts = list(sentences)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"sentence {position} is a {type(text).__name__}: {text!r:.80}",
                expected="a string",
                hint=_type_hint(text),
            )
    return texts


def _type_hint(value: Any) -> str | None:
    if isinstance(value, bytes | bytearray):
        return "decode it first: value.decode('utf-8')"
    if isinstance(value, float) and value != value:
        return "a missing value of pandas; leave it out, or use .fillna('')"
    return None


def _checked_kinds(kinds: Iterable[Kind | str | None] | None, sentences: int) -> list[Kind | None]:
    if kinds is None:
        return [None] * sentences
    given = list(kinds)
    if len(given) != sentences:
        raise InputError(
            f"{len(given)} kinds for {sentences} sentences", expected="one kind, or None, for each sentence"
        )
    checked: list[Kind | None] = []
    for position, kind in enumerate(given):
        if kind is not None and kind not in tuple(Kind):
            raise InputError(
                f"the kind of sentence {position} is {kind!r}", expected="None or one of " + ", ".join(Kind)
            )
        checked.append(None if kind is None else Kind(kind))
    return checked


def _as_document(item: Document | str | Mapping[str, Any], position: int) -> Document:
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, Mapping):
        raise InputError(
            f"document {position} is a {type(item).__name__}: {item!r:.80}",
            expected="a framing.Document, a string, or a mapping with the key 'text'",
            hint=_type_hint(item),
        )
    if not isinstance(item.get("text"), str):
        found = f"is a {type(item['text']).__name__}" if "text" in item else "is missing"
        raise InputError(
            f"the text of document {position} {found}",
            expected="a string under the key 'text'",
            hint=_type_hint(item.get("text")) or f"its keys are {', '.join(map(repr, item))}",
        )
    fields = {key: None if item.get(key) is None else _as_text(item[key]) for key in _DOCUMENT_KEYS[1:]}
    return _readable(
        Document(
            item["text"],
            id=str(position) if fields["id"] is None else fields["id"],
            outlet=fields["outlet"],
            published=fields["published"],
            title=fields["title"],
            metadata={key: value for key, value in item.items() if key not in _DOCUMENT_KEYS},
        )
    )


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _readable(document: Document) -> Document:
    """The document with its text as readers see it: what a page of HTML holds, the title at its beginning."""
    if looks_like_html(document.text):
        page = extract(document.text, f"document {document.id!r}")
        document = replace(
            document,
            text=page.text,
            title=document.title or page.title,
            outlet=document.outlet or page.outlet,
            published=document.published or page.published,
        )
    return replace(document, text=with_title(document.text, document.title))


def _sentences_of(document: Document) -> list[Sentence]:
    return [_as_headline(sentence, document.title) for sentence in split(document.text)]


def _as_headline(sentence: Sentence, title: str | None) -> Sentence:
    """A sentence of the title, which is the first line where there is one, is a headline for certain."""
    if title and sentence.end <= len(title) and sentence.text in title:
        return replace(sentence, kind=Kind.HEADLINE, kind_is_certain=True)
    return sentence
