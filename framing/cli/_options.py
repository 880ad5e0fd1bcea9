"""Options that several commands share: how the input is read, and which model labels it."""

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
    reading_option(
        help="text, html, archive, jsonl, json, csv, tsv, parquet or arrow. Without it, the name's ending or the first "
        "bytes decide."
    ),
]
Index = Annotated[
    Path | None,
    reading_option(
        help="A CSV with the columns file, id, outlet, published, title. A folder's own index.csv is always used."
    ),
]
Sentences = Annotated[
    bool,
    reading_option("--sentences", help="Each row, or each line of a text file, is one sentence and is not cut."),
]
TextColumn = Annotated[str | None, reading_option(help="Column of the text. Columns that are not named are guessed.")]
IdColumn = Annotated[str | None, reading_option(help="Column of the document's id.")]
OutletColumn = Annotated[str | None, reading_option(help="Column of the outlet.")]
PublishedColumn = Annotated[str | None, reading_option(help="Column of the date.")]
TitleColumn = Annotated[str | None, reading_option(help="Column of the headline.")]
Archives = Annotated[
    bool, reading_option(help="Whether each article of a news archive's export (Nexis, Factiva) is a document.")
]
Outlet = Annotated[str | None, reading_option(help="The outlet of documents that name none.")]
Published = Annotated[str | None, reading_option(help="The date of documents that name none.")]
Carry = Annotated[
    list[str] | None, reading_option(help="A column of the input to write to the output; may be given several times.")
]

Model = Annotated[str, model_option("--model", "-m", help=f"{DESCRIBED}; a folder; a hub id.")]
Engine = Annotated[str, model_option(help="auto, onnx, openvino or torch.")]
Device = Annotated[str, model_option(help="auto, cpu, cuda, cuda:1, …")]
Precision = Annotated[str, model_option(help="auto, fp32, bf16 or fp16.")]
Threads = Annotated[int | None, model_option(min=1, help="Threads on a CPU; one per core if not given.")]
TokenBudget = Annotated[int | None, model_option(min=1, help="Tokens in a batch; if not given, the engine decides.")]
CodebookName = Annotated[
    str | None,
    model_option(
        "--codebook", help="Your codebook: a name or a YAML file. A model that was trained on another is refused."
    ),
]
