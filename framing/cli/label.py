"""``framing label``: text in, one record per sentence out, or the text itself with its frames in colour."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.text import Text

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli.view import View
from framing.errors import InputError, OutputError, SettingError
from framing.records import STANDARD_OUTPUT, RejectedWriter, format_of, open_writer
from framing.text.columns import Columns
from framing.text.decoding import clean
from framing.text.inputs import STANDARD_INPUT
from framing.types import Document, DocumentLabels, Kind, Rejected

if TYPE_CHECKING:
    from rich.progress import Progress

    from framing.labeler import Labeler

#: Rejections that are printed where no file keeps them.
_PRINTED_REJECTIONS = 5

_output = partial(typer.Option, rich_help_panel="Output")


@reporting_errors()
def label_command(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, glob patterns, or '-' for standard input.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", "-t", help="A text to label; may be given several times.")
    ] = None,
    output: Annotated[
        str | None,
        _output(
            "--output",
            "-o",
            help="Where the records go: .jsonl, .csv (each also with .gz), .parquet, or '-' for JSONL on standard "
            "output. Without it: the text in colour on a terminal, JSONL in a pipe.",
        ),
    ] = None,
    view: Annotated[bool, _output("--view", help="The text in colour, in a pipe too (for less -R).")] = False,
    quiet: Annotated[bool, _output("--quiet", "-q", help="No progress and no summary.")] = False,
    sentences: Annotated[
        bool,
        options.reading_option(
            "--sentences", help="Each row, line or --text is one sentence, by itself, and is not cut."
        ),
    ] = False,
    strict: Annotated[
        bool, options.reading_option("--strict", help="Stop at the first row or file that cannot be used.")
    ] = False,
    format: Annotated[
        str | None,
        options.reading_option(help="text, html, jsonl, json, csv, tsv or parquet, whatever the names end in."),
    ] = None,
    index: Annotated[
        Path | None,
        options.reading_option(
            help="A CSV with the columns file, id, outlet, published, title. A folder's index.csv is used anyway."
        ),
    ] = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
    outlet: options.Outlet = None,
    published: options.Published = None,
    model: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    token_budget: options.TokenBudget = None,
    codebook: options.CodebookName = None,
) -> None:
    """Label every sentence: its frames, in whose voice they are, and how it hedges."""
    from framing.labeler import load

    if not inputs and not text:
        if sys.stdin.isatty():
            typer.echo(context.get_help())
            return
        inputs = [STANDARD_INPUT]
    request = _Request(
        inputs=inputs or [],
        texts=text or [],
        reading={
            "format": format,
            "index": index,
            "columns": Columns(text_column, id_column, outlet_column, published_column, title_column),
        },
        outlet=outlet,
        published=published,
        sentences=sentences,
    )
    place = _place(output, view, request.inputs)
    run = _Run(place, strict=strict, quiet=quiet)
    load_model = partial(
        load,
        model,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        token_budget=token_budget,
        codebook=codebook,
    )
    run.label(request, load_model)


# --- what is labelled -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    """What the user asked to have labelled.

    Attributes:
        inputs: files, folders, patterns, ``-``.
        texts: given on the command line.
        reading: further arguments of :func:`framing.text.formats.read`.
        outlet, published: of documents that do not name their own.
        sentences: each document is one sentence.
    """

    inputs: Sequence[str]
    texts: Sequence[str]
    reading: dict[str, Any]
    outlet: str | None
    published: str | None
    sentences: bool

    def documents(self, on_reject: Any) -> Iterator[Document]:
        """The documents, as they are read. That the named files exist is checked at once."""
        from framing.text.formats import read

        named = read(self.inputs, on_reject=on_reject, lines=self.sentences, **self.reading) if self.inputs else ()
        return map(self._described, chain(self._given_texts(), named))

    def _given_texts(self) -> Iterator[Document]:
        for number, text in enumerate(self.texts, start=1):
            if not text.strip():
                raise InputError(f"the text {text!r} is empty", expected="--text with words in it")
            yield Document(clean(text), id="text" if len(self.texts) == 1 else f"text:{number}")

    def _described(self, document: Document) -> Document:
        return replace(document, outlet=document.outlet or self.outlet, published=document.published or self.published)


def _each_one_sentence(labeler: Labeler, documents: Iterator[Document]) -> Iterator[DocumentLabels]:
    """Label documents that are a sentence each; nothing runs on from one to the next."""
    while group := [_without_title(document) for document in islice(documents, labeler.engine.look_ahead)]:
        for document, found in zip(group, labeler([document.text for document in group]), strict=True):
            sentence = replace(
                found, document_id=document.id, outlet=document.outlet, published=document.published, index=0
            )
            yield DocumentLabels(document, (sentence,))


def _without_title(document: Document) -> Document:
    """Reading puts a row's title before its text; beside a sentence it would be a second one."""
    text = document.text.removeprefix(f"{document.title}\n\n") if document.title else document.text
    return replace(document, text=text.strip())


# --- where it goes ----------------------------------------------------------------------------------------------------


class _Sink(Protocol):
    def write(self, labels: DocumentLabels, /) -> None: ...

    def __enter__(self) -> _Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def _sink(place: str | None) -> _Sink:
    return View() if place is None else open_writer(place)


def _place(output: str | None, view: bool, inputs: Sequence[str]) -> str | None:
    """The file to write, ``-`` for standard output, or ``None`` for the view.

    Raises:
        SettingError: view and output exclude each other, or the output's ending is unknown.
        OutputError: the output is one of the inputs.
    """
    if output is not None and view:
        raise SettingError("--view prints the text, and --output writes records", expected="one of the two")
    if output is None:
        return None if view or sys.stdout.isatty() else STANDARD_OUTPUT
    format_of(output)
    if output != STANDARD_OUTPUT:
        _refuse_output_among_inputs(Path(output), inputs)
    return output


def _refuse_output_among_inputs(output: Path, inputs: Sequence[str]) -> None:
    """An output in a folder of inputs would be read by the next run, its sentences labelled a second time."""
    target = Path(os.path.realpath(output))
    for name in inputs:
        found = [Path(match).resolve() for match in glob.glob(name, recursive=True)]  # noqa: PTH207  # absolute too
        if any(target == path or (path.is_dir() and target.is_relative_to(path)) for path in found):
            raise OutputError(
                f"the output {output} is among the inputs ({name})",
                expected="a place outside of what is read",
                hint="write it to another folder",
            )


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What was labelled so far."""

    documents: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    started: float = field(default_factory=time.perf_counter)

    def add(self, labels: DocumentLabels) -> None:
        self.documents += 1
        self.kinds.update(sentence.kind for sentence in labels)

    @property
    def sentences(self) -> int:
        return self.kinds.total()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def rate(self) -> float:
        """Sentences per second."""
        return self.sentences / max(self.seconds, 1e-9)

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.kinds[kind]:,} {kind}" for kind in Kind if self.kinds[kind])
        return (
            f"{_counted(self.documents, 'document')}, {_counted(self.sentences, 'sentence')} ({kinds}) "
            f"in {self.seconds:.1f} s, {self.rate:,.0f} sentences/s"
        )


class _Run:
    """Labels, writes, and tells on standard error how it goes.

    Args:
        place: as of :func:`_place`.
        strict: stop at the first row that cannot be used.
        quiet: say nothing but errors.
    """

    def __init__(self, place: str | None, *, strict: bool, quiet: bool) -> None:
        self._place = place
        self._strict = strict
        self._quiet = quiet
        self._to_file = place not in (None, STANDARD_OUTPUT)
        self._rejected = RejectedWriter(place or STANDARD_OUTPUT)
        self._messages = Console(stderr=True, highlight=False)
        self._on_terminal = sys.stderr.isatty()  # the console's own answer can be forced, for its colours

    def label(self, request: _Request, load_model: Any) -> None:
        with ExitStack() as stack:
            stack.enter_context(self._rejected)
            # First what fails fast: names of files that do not exist, a place that cannot be written to.
            documents = request.documents(None if self._strict else self._on_reject)
            sink = stack.enter_context(_sink(self._place))
            labeler = stack.enter_context(load_model())
            labelled = _each_one_sentence(labeler, documents) if request.sentences else labeler.documents(documents)
            tally = _Tally()
            self._write(labelled, sink, tally)
            if not tally.documents:
                self._rejected.keep()
                raise self._nothing_usable()
        self._summarise(tally)

    def _write(self, labelled: Iterable[DocumentLabels], sink: _Sink, tally: _Tally) -> None:
        with ExitStack() as stack:
            progress = stack.enter_context(_progress(self._messages)) if self._shows_progress() else None
            for labels in labelled:
                sink.write(labels)
                tally.add(labels)
                if progress:
                    _advance(progress, tally)

    def _shows_progress(self) -> bool:
        # Where the view goes to the same terminal, a progress line would run through it.
        return self._on_terminal and not self._quiet and (self._to_file or not sys.stdout.isatty())

    def _on_reject(self, rejected: Rejected) -> None:
        self._rejected(rejected)
        if not self._quiet and not self._to_file and self._rejected.count <= _PRINTED_REJECTIONS:
            line = Text.assemble(("Set aside:", "bold yellow"), f" {rejected.where}: {rejected.reason}")
            self._messages.print(line, soft_wrap=True)

    def _nothing_usable(self) -> InputError:
        first = self._rejected.first
        if first is None:
            return InputError("there is nothing to label", expected="at least one document with text in it")
        kept = f"all of them are in {self._rejected.path}" if self._rejected.path else "mend the first one"
        return InputError(
            f"nothing could be used; {_counted(self._rejected.count, 'row or file', 'rows or files')} set aside, "
            f"the first: {first.where}: {first.reason}",
            hint=kept,
        )

    def _summarise(self, tally: _Tally) -> None:
        if self._quiet:
            return
        if self._to_file or self._on_terminal:
            self._messages.print(str(tally), soft_wrap=True)
        if self._rejected.count:
            where = f", with reasons in {self._rejected.path}" if self._rejected.path else "; -o FILE keeps them"
            count = _counted(self._rejected.count, "row or file", "rows or files")
            self._messages.print(Text(f"{count} set aside{where}", style="yellow"), soft_wrap=True)
        if self._to_file:
            self._messages.print(Text(f"written to {self._place}"), soft_wrap=True)


def _progress(console: Console) -> Progress:
    """Documents, sentences and speed. How many there will be is known at the end only, since reading streams."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    progress.add_task("labelling", total=None)
    return progress


def _advance(progress: Progress, tally: _Tally) -> None:
    description = (
        f"{_counted(tally.documents, 'document')}, {_counted(tally.sentences, 'sentence')}, {tally.rate:,.0f}/s"
    )
    progress.update(progress.task_ids[0], description=description)


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
