"""``framing marks``: publish the marks of sentences whose text is not ours, and join them with the text again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.codebook import DEFAULT_NAME, Codebook

if TYPE_CHECKING:
    from framing.types import Rejected

app = typer.Typer(
    no_args_is_help=True, help="Publish marks without the text of their sentences, and join them with the text again."
)

CodebookName = Annotated[str, typer.Option("--codebook", help="A built-in codebook's name, or a YAML file.")]


@app.command("strip")
@reporting_errors()
def strip_command(
    sentences: Annotated[Path, typer.Argument(help="Marked sentences: document, kind, marked sentence.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the tables, one for each corpus.")],
    codebook: CodebookName = DEFAULT_NAME,
) -> None:
    """Write the marks of a file of marked sentences without a word of its text.

    Documents are named corpus/identifier. Each row of a table has the document, the kind, a digest and the length of
    the sentence, and the marks by their offsets.
    """
    from framing.marks import strip

    for corpus, count in strip(sentences, output, Codebook.load(codebook)).items():
        typer.echo(f"{output / corpus}.tsv: {count} sentences")


@app.command("join")
@reporting_errors()
def join_command(
    texts: Annotated[list[str], typer.Argument(help="Files and folders of the public sets; '-' for standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the marked sentences go.")],
    marks: Annotated[
        list[Path], typer.Option("--marks", help="A table of marks, or a folder of them; may be given several times.")
    ],
    missing: Annotated[
        Path | None, typer.Option(help="A folder for the marks that were not found: tables like those of --marks.")
    ] = None,
    codebook: CodebookName = DEFAULT_NAME,
    format: options.Format = None,
    index: options.Index = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    title_column: options.TitleColumn = None,
    archives: options.Archives = True,
) -> None:
    """Find the sentences of published marks in texts that you have, and write them as `framing-train` reads them.

    The sentences of each text are compared by their digests; see training/marks/README.md for the public sets. The
    exit code is 2 if none of the sentences is found; where some are missing, a warning says how many.
    """
    from framing.files import write_whole
    from framing.marks import join, read_marks, write_marks
    from framing.reading import Columns, read

    book = Codebook.load(codebook)
    check_outputs((output,), (*texts, *marks, index, codebook))
    wanted = read_marks(marks, book)
    rejected: list[Rejected] = []
    documents = read(
        texts,
        columns=Columns(text=text_column, id=id_column, title=title_column),
        format=format,
        index=index,
        on_reject=rejected.append,
        unique_ids=False,
        archives=archives,
    )
    joined = join(wanted, documents, book)
    write_whole(output, joined.to_text())
    if missing is not None:
        write_marks(missing, joined.missing)
    for name, count in joined.corpora.items():
        typer.echo(f"{name}: {count.found} of {count.sentences} sentences found")
    _warn(len(joined.missing), len(wanted), missing, rejected)


def _warn(lacking: int, wanted: int, missing: Path | None, rejected: list[Rejected]) -> None:
    """Say on standard error what is not there, and what could not be read."""
    from rich.text import Text

    from framing.cli._terminal import Console

    errors = Console(stderr=True, highlight=False)
    warning = ("Warning:", "bold yellow")
    if rejected:
        first = f"{rejected[0].where}: {rejected[0].reason}"
        errors.print(Text.assemble(warning, f" {len(rejected)} rows or files were set aside; {first}"), soft_wrap=True)
    if lacking:
        where = f"; they are in {missing}" if missing else "; --missing FOLDER says which"
        errors.print(Text.assemble(warning, f" {lacking} of {wanted} sentences were not found{where}"), soft_wrap=True)
