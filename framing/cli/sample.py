"""``framing sample``: documents to annotate, drawn with known probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs


@reporting_errors()
def sample_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Records of framing label or framing batch: files, folders, globs; or documents, labelled first."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Marked sentences to annotate, tab-separated (.tsv).")],
    by: Annotated[
        list[str] | None, typer.Option(help="Column whose values are the groups; may be given twice.")
    ] = None,
    over: Annotated[str | None, typer.Option(help="Also by day, week, month or year.")] = None,
    each: Annotated[int, typer.Option("--each", "-n", min=1, help="Documents of each group.")] = 20,
    lean: Annotated[
        float, typer.Option(min=0, max=0.99, help="How much to lean to documents that the model is unsure of.")
    ] = 0.5,
    prefilled: Annotated[
        bool, typer.Option("--prefilled/--blank", help="With the model's marks to correct, or without any.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    codebook: Annotated[str | None, typer.Option(help="By which was labelled: a name or a YAML file.")] = None,
    model: Annotated[
        str | None, options.model_option("--model", "-m", help="What labels documents; the shipped model if left out.")
    ] = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
) -> None:
    """Draw documents to annotate, so many of each group, and note with which probability each was drawn."""
    from rich.text import Text

    from framing.cli._terminal import Console
    from framing.codebook import Codebook
    from framing.compare.annotation import draw_sample
    from framing.compare.gold import sample_file
    from framing.reading import Columns

    book = None if codebook is None else Codebook.load(codebook)
    check_outputs((output, sample_file(output)), (*inputs, codebook), new=True)
    found = draw_sample(
        inputs,
        by or "outlet",
        over=over,
        each=each,
        lean=lean,
        seed=seed,
        codebook=book,
        model=model,
        input_columns=Columns(text_column, id_column, outlet_column, published_column, title_column),
    )
    beside = found.write(output, prefilled=prefilled)
    console = Console(stderr=True, highlight=False)
    documents, groups = len(found.drawn.documents), len(found.grouping)
    for note in found.corpus.notes:
        console.print(Text(f"Note: {note}", style="yellow"), soft_wrap=True)
    console.print(f"{documents} documents of {groups} groups, seed {seed}", soft_wrap=True)
    console.print(f"written to {output}, their probabilities to {beside}", soft_wrap=True)
    console.print(f"next: mark them, then framing compare … --gold {output}", soft_wrap=True)
