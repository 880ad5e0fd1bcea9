"""``framing codebook``: look at a codebook, check one, begin one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console, print_json
from framing.codebook import DEFAULT_NAME, Codebook, Guide, Label, template
from framing.errors import OutputError
from framing.files import write_whole
from framing.markup import MarkedSentence, check_examples, parse
from framing.reading.encodings import visible

app = typer.Typer(no_args_is_help=True, help="Look at a codebook, check one, or begin one.")

_CODEBOOK = typer.Argument(help="A built-in codebook's name, or a YAML file.", show_default=True)


@app.command()
@reporting_errors()
def show(
    codebook: Annotated[str, _CODEBOOK] = DEFAULT_NAME,
    label: Annotated[
        str | None, typer.Option("--label", "-l", help="Print one label with everything the codebook says about it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Print a codebook: its labels, contrasts, hedges, voices, kinds and tasks."""
    book = Codebook.load(codebook)
    if as_json:
        about_all = {**book.to_dict(), "fingerprint": book.fingerprint}
        print_json({"name": label, **book.label(label).to_dict()} if label else about_all)
        return
    console = Console()
    if label:
        _print_label(console, book, book.label(label))
    else:
        _print_codebook(console, book)


@app.command()
@reporting_errors()
def validate(file: Annotated[str, typer.Argument(help="The YAML file, or a built-in codebook's name.")]) -> None:
    """Check a codebook and its examples; the exit code is 2 if something is wrong."""
    book = Codebook.load(file)
    check_examples(book)
    examples = sum(len(label.examples) for label in book.labels)
    typer.echo(visible(f"ok: {file}: {book.name}, version {book.version}"))
    typer.echo(f"labels {len(book.labels)}, contrasts {len(book.contrasts)}, examples {examples}")
    typer.echo(f"fingerprint {book.fingerprint}")


@app.command()
@reporting_errors()
def new(
    file: Annotated[Path, typer.Argument(help="Where to write it; usually ends in .yaml.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented codebook to start from; it is valid as it stands."""
    if file.exists() and not force:
        raise OutputError(f"{file} is there already", hint="choose another name, or add --force")
    write_whole(file, template())
    typer.echo(visible(f"wrote {file}\nnext: edit it, then: framing codebook validate {file}"))


@app.command("label-studio")
@reporting_errors()
def label_studio(
    codebook: Annotated[str, _CODEBOOK] = DEFAULT_NAME,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new XML file; printed if not given.")] = None,
) -> None:
    """Write the labelling configuration of a Label Studio project, for what framing convert and suggest write."""
    from framing.convert.labelling import label_studio_config

    config = label_studio_config(Codebook.load(codebook))
    if output is None:
        typer.echo(visible(config), nl=False)
        return
    if output.exists():
        raise OutputError(f"{output} is there already", hint="choose another name")
    write_whole(output, config)
    typer.echo(visible(f"wrote {output}"))


def _print_codebook(console: Console, book: Codebook) -> None:
    console.print(Text(book.title or book.name, style="bold"))
    console.print(Text(f"{book.name}, version {book.version}, language {book.language}"))
    console.print(Text(f"fingerprint {book.fingerprint}"))
    table = _table("Label", "Axis", "Definition", "Typical words")
    for label in book.labels:
        name, typical = Text(label.name, style="bold"), Text(", ".join(label.typical))
        table.add_row(name, Text(label.axis or ""), Text(label.definition), typical)
    console.print(table)
    if book.contrasts:
        table = _table("Contrast", "For", "Rival labels")
        for contrast in book.contrasts:
            table.add_row(Text(contrast.name, style="bold"), Text(contrast.referent), Text(", ".join(contrast.labels)))
        console.print(table)
    _print_guides(console, "Hedge", book.hedge_guides)
    _print_guides(console, "Voice", book.voice_guides)
    _print_guides(console, "Source", (book.source_guide,) if book.source_guide else ())
    _print_guides(console, "Kind", book.kind_guides)
    for task in book.tasks:
        _print_guides(console, f"{task.name} (of a {task.scope}, choose {task.choose})", task.values)
    _print_list(console, "Evidence", book.evidence)


def _print_guides(console: Console, heading: str, guides: Sequence[Guide]) -> None:
    if not guides:
        return
    table = _table(heading, "Definition", "Cues")
    for guide in guides:
        table.add_row(Text(guide.name, style="bold"), Text(guide.definition), Text(", ".join(guide.cues)))
    console.print(table)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in ("Definition", "For", "Rival labels", "Cues", "Typical words"))
    return table


def _print_list(console: Console, heading: str, entries: tuple[str, ...]) -> None:
    if entries:
        console.print(Text(f"\n{heading}", style="bold"))
    for entry in entries:
        console.print(Text(f"  - {entry}"))


def _print_label(console: Console, book: Codebook, label: Label) -> None:
    console.print(Text.assemble((label.name, "bold"), f" ({label.axis})" if label.axis else ""))
    if label.definition:
        console.print(Text(label.definition))
    for heading, entries in (("Typical", label.typical), ("Not this", label.not_this), ("Rulings", label.rulings)):
        _print_list(console, heading, entries)
    if label.examples:
        console.print(Text("\nExamples", style="bold"))
        for example in label.examples:
            console.print(Text("  - ").append(_highlighted(parse(example, book), label.name)))


def _highlighted(sentence: MarkedSentence, label: str) -> Text:
    """The sentence without its marks, the words that carry the label in colour, with their voice."""
    text = Text()
    end = 0
    for span in sentence.spans:
        carries = any(tag.output == label for tag in span.tags)
        voice = next((tag.voice for tag in span.tags if tag.output == label), None)
        text.append(sentence.text[end : span.start])
        text.append(span.text, style="bold green" if carries else "")
        text.append(f" ({voice})" if voice else "", style="dim")
        end = span.end
    return text.append(sentence.text[end:])
