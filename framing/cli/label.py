"""``framing label``: write one record per sentence, or print the text with its frames in colour."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.text import Text

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console
from framing.cli.view import View
from framing.errors import InputError, SettingError
from framing.reading import Columns, read
from framing.reading.documents import DocumentSettings
from framing.reading.encodings import clean
from framing.reading.files import refuse_output_among
from framing.reading.streams import STANDARD_INPUT
from framing.records import STANDARD_OUTPUT, RejectedWriter, format_of, open_writer
from framing.types import Document, DocumentLabels, Rejected

if TYPE_CHECKING:
    from rich.progress import Progress

    from framing.codebook import Codebook

#: How many rejections are printed if no file keeps them.
_PRINTED_REJECTIONS = 5

_output = partial(typer.Option, rich_help_panel="Output")


@reporting_errors()
def label_command(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, glob patterns, addresses of fsspec, or '-' for standard input."),
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
    escape_formulas: Annotated[
        bool,
        _output("--escape-formulas", help="In CSV, put ' before cells that a spreadsheet would take for a formula."),
    ] = False,
    view: Annotated[bool, _output("--view", help="Print the text in colour, also into a pipe (for less -R).")] = False,
    quiet: Annotated[bool, _output("--quiet", "-q", help="Print no progress and no summary.")] = False,
    sentences: options.Sentences = False,
    strict: Annotated[
        bool, options.reading_option("--strict", help="Stop at the first row or file that cannot be used.")
    ] = False,
    format: options.Format = None,
    index: options.Index = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
    outlet: options.Outlet = None,
    published: options.Published = None,
    archives: options.Archives = True,
    carry: options.Carry = None,
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
    columns = Columns(text_column, id_column, outlet_column, published_column, title_column)
    settings = DocumentSettings(columns, sentences, tuple(carry or ()), outlet, published, archives)
    request = _Request(inputs=inputs or [], texts=text or [], format=format, index=index, settings=settings)
    place = _place(output, view, request, escape_formulas=escape_formulas)
    run = _Run(place, strict=strict, quiet=quiet, escape_formulas=escape_formulas)
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
        inputs, format, index: see :func:`framing.read`.
        texts: the texts given on the command line.
        settings: how rows and texts become documents.
    """

    inputs: Sequence[str]
    texts: Sequence[str]
    format: str | None
    index: Path | None
    settings: DocumentSettings

    def documents(self, on_reject: Callable[[Rejected], None] | None) -> Iterator[Document]:
        """The documents, as they are read. Checks at once that the named files exist."""
        settings = self.settings
        named: Iterable[Document] = ()
        if self.inputs:
            named = read(
                self.inputs,
                columns=settings.columns,
                format=self.format,
                on_reject=on_reject,
                index=self.index,
                sentences=settings.sentences,
                outlet=settings.outlet,
                published=settings.published,
                carry=settings.carry,
                archives=settings.archives,
            )
        return chain(self._given_texts(), named)

    def _given_texts(self) -> Iterator[Document]:
        for number, text in enumerate(self.texts, start=1):
            if not text.strip():
                raise InputError(f"the text {text!r} is empty", expected="--text with words in it")
            yield Document(
                clean(text).strip() if self.settings.sentences else clean(text),
                id="text" if len(self.texts) == 1 else f"text:{number}",
                outlet=self.settings.outlet,
                published=self.settings.published,
            )


# --- where it goes ----------------------------------------------------------------------------------------------------


class _Sink(Protocol):
    def write(self, labels: DocumentLabels, /) -> None: ...

    def __enter__(self) -> _Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def _place(output: str | None, view: bool, request: _Request, *, escape_formulas: bool) -> str | None:
    """The file to write, ``-`` for standard output, or ``None`` for the view.

    Raises:
        SettingError: both view and output are given, the output's ending is unknown, or formulas are to be escaped in
            another format than CSV.
        OutputError: the output, or the file beside it for rejections, is among the inputs or is the index.
    """
    if output is not None and view:
        raise SettingError("--view prints the text, and --output writes records", expected="one of the two")
    if escape_formulas and (output is None or format_of(output) != "csv"):
        raise SettingError(
            f"--escape-formulas is for CSV, and the output is {output or 'not a file'}",
            expected="-o with a name that ends in .csv or .csv.gz",
            hint="leave it out: other formats have no formulas",
        )
    if output is None:
        return None if view or sys.stdout.isatty() else STANDARD_OUTPUT
    format_of(output)
    # An output in a folder of inputs would be read and labelled by the next run.
    refuse_output_among((output, RejectedWriter(output).path), (*request.inputs, request.index))
    return output


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """Counts of what was labelled so far, and the time."""

    documents: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    columns: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.perf_counter)

    def add(self, labels: DocumentLabels) -> None:
        self.documents += 1
        self.kinds.update(sentence.kind for sentence in labels)
        self.columns.update(labels.document.metadata)

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
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.kinds.items())
        return (
            f"{_counted(self.documents, 'document')}, {_counted(self.sentences, 'sentence')} ({kinds}) "
            f"in {self.seconds:.1f} s, {self.rate:,.0f} sentences/s"
        )


class _Run:
    """Labels documents, writes the labels, and prints progress and a summary on standard error.

    Args:
        place: see :func:`_place`.
        strict: stop at the first row that cannot be used.
        quiet: print nothing but errors.
        escape_formulas: see :func:`~framing.records.open_writer`.
    """

    def __init__(self, place: str | None, *, strict: bool, quiet: bool, escape_formulas: bool) -> None:
        self._place = place
        self._escape_formulas = escape_formulas
        self._strict = strict
        self._quiet = quiet
        self._to_file = place not in (None, STANDARD_OUTPUT)
        self._rejected = RejectedWriter(place or STANDARD_OUTPUT)
        self._messages = Console(stderr=True, highlight=False)
        self._on_terminal = sys.stderr.isatty()  # not the console's answer, which the user can force to get colours

    def label(self, request: _Request, load_model: Any) -> None:
        from framing.labeler import label_each_alone  # here, because the command's help does not need it

        with ExitStack() as stack:
            # Fail early if a named file does not exist.
            documents = request.documents(None if self._strict else self._on_reject)
            labeler = stack.enter_context(load_model())
            sink = stack.enter_context(self._sink(labeler.codebook, request.settings.carry or ()))
            # The last to be entered gets its name first: no kill leaves records without what was set aside.
            stack.enter_context(self._rejected)
            labelled = (
                label_each_alone(labeler, documents, labeler.codebook)
                if request.settings.sentences
                else labeler.documents(documents)
            )
            tally = _Tally()
            self._write(labelled, sink, tally)
            if not tally.documents:
                self._rejected.keep()
                raise self._nothing_usable()
        self._summarise(tally, [name for name in request.settings.carry or () if name not in tally.columns])

    def _sink(self, codebook: Codebook, carry: Sequence[str]) -> _Sink:
        if self._place is None:
            return View(codebook)
        return open_writer(self._place, codebook=codebook, carry=carry, escape_formulas=self._escape_formulas)

    def _write(self, labelled: Iterable[DocumentLabels], sink: _Sink, tally: _Tally) -> None:
        with ExitStack() as stack:
            progress = stack.enter_context(_progress(self._messages)) if self._shows_progress() else None
            for labels in labelled:
                sink.write(labels)
                tally.add(labels)
                if progress:
                    _advance(progress, tally)

    def _shows_progress(self) -> bool:
        # A progress line would disturb a view on the same terminal.
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

    def _summarise(self, tally: _Tally, missing: Sequence[str]) -> None:
        if self._quiet:
            return
        for name in missing:
            note = f"Note: no row has the column {name!r} to carry along"
            self._messages.print(Text(note, style="yellow"), soft_wrap=True)
        if self._to_file or self._on_terminal:
            self._messages.print(str(tally), soft_wrap=True)
        if self._rejected.count:
            where = f", with reasons in {self._rejected.path}" if self._rejected.path else "; -o FILE keeps them"
            count = _counted(self._rejected.count, "row or file", "rows or files")
            read = f"{tally.documents + self._rejected.count:,} read, {tally.documents:,} labelled"
            self._messages.print(Text(f"{count} set aside{where} (of {read})", style="yellow"), soft_wrap=True)
        if self._to_file:
            self._messages.print(Text(f"written to {self._place}"), soft_wrap=True)


def _progress(console: Console) -> Progress:
    """A line with documents, sentences and speed; it has no total, because the input is read as a stream."""
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
