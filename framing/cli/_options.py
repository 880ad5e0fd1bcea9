"""Options that several commands share: how the input is read, and what labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from framing.model.names import DESCRIBED

reading_option = partial(typer.Option, rich_help_panel="Reading")
model_option = partial(typer.Option, rich_help_panel="Model")

Format = Annotated[
    str | None,
    reading_option(help="text, html, jsonl, json, csv, tsv, parquet or arrow, whatever the names end in."),
]
Index = Annotated[
    Path | None,
    reading_option(
        help="A CSV with the columns file, id, outlet, published, title. A folder's index.csv is used anyway."
    ),
]
Sentences = Annotated[
    bool,
    reading_option("--sentences", help="Each row, or line of a text, is one sentence by itself, and is not cut."),
]
TextColumn = Annotated[str | None, reading_option(help="Column of the text. Columns not named are guessed.")]
IdColumn = Annotated[str | None, reading_option(help="Column of the document's id.")]
OutletColumn = Annotated[str | None, reading_option(help="Column of the outlet.")]
PublishedColumn = Annotated[str | None, reading_option(help="Column of the date.")]
TitleColumn = Annotated[str | None, reading_option(help="Column of the headline.")]
Archives = Annotated[
    bool, reading_option(help="Whether each article of a news archive's export (Nexis, Factiva) is a text by itself.")
]
Outlet = Annotated[str | None, reading_option(help="The outlet of what names none itself.")]
Published = Annotated[str | None, reading_option(help="The date of what names none itself.")]
Carry = Annotated[
    list[str] | None, reading_option(help="A column of the input to write too; may be given several times.")
]

Model = Annotated[str, model_option("--model", "-m", help=f"{DESCRIBED}; a folder; a hub id.")]
Engine = Annotated[str, model_option(help="auto, onnx, openvino or torch.")]
Device = Annotated[str, model_option(help="auto, cpu, cuda, cuda:1, …")]
Precision = Annotated[str, model_option(help="auto, fp32, bf16 or fp16.")]
Threads = Annotated[int | None, model_option(min=1, help="On a CPU; one per core if not given.")]
TokenBudget = Annotated[int | None, model_option(min=1, help="Tokens in a batch; what serves the engine if not given.")]
CodebookName = Annotated[
    str | None,
    model_option(
        "--codebook", help="The codebook you work with: a name or a YAML file. A model of another is refused."
    ),
]
