"""``framing convert``: annotated text from one tool's format to another's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console
from framing.errors import InputError, SettingError
from framing.reading.files import refuse_output_among

if TYPE_CHECKING:
    from framing.convert import Converted

_FORMATS = "markup, jsonl, csv, labelstudio, doccano, prodigy, cas, brat, conll, dataset"
_names = partial(typer.Option, rich_help_panel="Names of labels")
_layout = partial(typer.Option, rich_help_panel="Reading and writing")


@reporting_errors()
def convert_command(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A file or a folder; '-' for standard input.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="A file, or a new folder for brat, cas and dataset; '-' for a pipe.")
    ],
    from_format: Annotated[
        str | None, typer.Option("--from", help=f"{_FORMATS}, or records. Recognised by the content if not given.")
    ] = None,
    to_format: Annotated[str | None, typer.Option("--to", help="The same. Known by the ending if not given.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    codebook: Annotated[
        str | None,
        _names(help="A built-in codebook's name, or a YAML file: it must know all labels. Any label if not given."),
    ] = None,
    write_codebook: Annotated[
        Path | None, _names(help="A YAML file for a codebook with the labels that were found, for you to edit.")
    ] = None,
    labels_as_is: Annotated[bool, _names("--labels-as-is", help="Keep labels that the codebook lacks.")] = False,
    voice: Annotated[str | None, _names(help="The voice of mentions that have none.")] = None,
    kind: Annotated[str | None, _names(help="The kind of texts that have none.")] = None,
    task: Annotated[
        str | None, _names(help="The task that labels of a whole text answer, where they name none.")
    ] = None,
    cut: Annotated[bool, _layout("--cut", help="Cut texts into sentences.")] = False,
    language: Annotated[str, _layout(help="By whose rules, where there is no codebook.")] = "en",
    text_column: Annotated[str | None, _layout(help="Column or key of the text. Guessed if not given.")] = None,
    labels_column: Annotated[str | None, _layout(help="Column of the labels in a table. Guessed if not given.")] = None,
    label_columns: Annotated[
        str | None, _layout(help="Columns that are a label each, with 0 and 1 in them: a,b,c. Guessed if not given.")
    ] = None,
    wide: Annotated[bool, _layout("--wide", help="Write CSV with a column for each label.")] = False,
    separator: Annotated[str | None, _layout(help="Between the labels of one cell: ; or | if not given.")] = None,
    offsets: Annotated[
        str | None, _layout(help="utf16 or codepoints: what offsets count, where it is not what the tool counts.")
    ] = None,
    annotator: Annotated[
        str | None, _layout(help="Whose annotations are read (Label Studio): a number or an address.")
    ] = None,
) -> None:
    """Convert annotated text from one format to another.

    What a format has no place for is in the name of the label (rebels.author), or is counted and said. Rows that
    cannot be used are set aside, with their reasons in TO.rejected.jsonl; the exit code is 2 if none can be used.
    """
    from framing.codebook import Codebook
    from framing.convert import Options, convert
    from framing.records import RejectedWriter

    if offsets not in (None, "utf16", "codepoints"):
        raise SettingError(f"offsets in {offsets!r}", expected="utf16 or codepoints")
    options = Options(
        text_column=text_column,
        labels_column=labels_column,
        label_columns=tuple(name.strip() for name in label_columns.split(",")) if label_columns else (),
        wide=wide,
        separator=separator,
        offsets=offsets,  # type: ignore[arg-type]
        annotator=annotator,
    )
    messages = Console(stderr=True, highlight=False)
    refuse_output_among((RejectedWriter(target).path, write_codebook), (source, codebook))
    with RejectedWriter(target) as rejected:
        try:
            converted = convert(
                source,
                target,
                from_format=from_format,
                to_format=to_format,
                codebook=None if codebook is None else Codebook.load(codebook),
                write_codebook=write_codebook,
                labels_as_is=labels_as_is,
                voice=voice,
                kind=kind,
                task=task,
                cut_sentences=cut,
                language=language,
                options=options,
                on_reject=None if strict else rejected,
            )
        except InputError as error:
            if rejected.first is None:
                raise
            rejected.keep()
            raise InputError(
                f"nothing could be used; the first of {rejected.count} rows: {rejected.first.where}: "
                f"{rejected.first.reason}",
                hint=f"all of them are in {rejected.path}" if rejected.path else "mend the first one",
            ) from error
    if rejected.path is None and rejected.first is not None and not quiet:
        first = f" {rejected.first.where}: {rejected.first.reason}"
        messages.print(Text.assemble(("Set aside:", "bold yellow"), first), soft_wrap=True)
    if not quiet:
        place = f", with reasons in {rejected.path}" if rejected.path and rejected.count else ""
        _summarise(messages, converted, target, place)
        if write_codebook is not None:
            messages.print(Text(f"codebook of what was found: {write_codebook}"), soft_wrap=True)
        elif converted.target == "markup" and converted.source != "markup" and codebook is None:
            note = "Note: training needs a codebook with these labels; --write-codebook FILE begins one"
            messages.print(Text(note, style="yellow"), soft_wrap=True)


def _summarise(messages: Console, converted: Converted, target: str, place: str) -> None:
    """Say on standard error what was done, what was set aside, and what was lost."""
    counts = ((converted.passages, "text"), (converted.spans, "span"), (converted.labels, "label of texts"))
    counted = ", ".join(f"{number:,} {_many(name) if number != 1 else name}" for number, name in counts)
    messages.print(Text(f"{converted.source} to {converted.target}: {counted}"), soft_wrap=True)
    if converted.set_aside:
        messages.print(Text(f"{converted.set_aside:,} set aside{place}", style="yellow"), soft_wrap=True)
    for what, count in converted.lost.items():
        messages.print(Text.assemble(("Not kept:", "bold yellow"), f" {count:,} {what}"), soft_wrap=True)
    if converted.renamed:
        names = ", ".join(f"{old} is {new}" for old, new in converted.renamed.items())
        messages.print(Text(f"labels written otherwise: {names}", style="yellow"), soft_wrap=True)
    if target != "-":
        messages.print(Text(f"written to {target}"), soft_wrap=True)


def _many(name: str) -> str:
    return name.replace("label of", "labels of") if " " in name else f"{name}s"
