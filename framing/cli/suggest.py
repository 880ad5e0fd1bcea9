"""``framing suggest``: what is most worth labelling next, and which labels are likely wrong."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.cli._terminal import Console, print_json

if TYPE_CHECKING:
    from framing.suggest import Check, Suggestions

_choosing = partial(typer.Option, rich_help_panel="Choosing")
_documents = partial(typer.Option, rich_help_panel="Whole documents")
_SHOWN = 20


@reporting_errors()
def suggest_command(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Records of framing label or framing batch: files, folders, globs; or documents, labelled first."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Sentences to label, by the ending: .tsv, .json (Label Studio), .jsonl, …"),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many sentences, or documents of each group.")] = 100,
    to_format: Annotated[
        str | None, typer.Option("--to", help="A format of framing convert. Known by the ending if not given.")
    ] = None,
    prefilled: Annotated[
        bool, typer.Option("--prefilled/--blank", help="With the model's marks to correct, or without any.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="What was chosen and why, as JSON.")] = False,
    check: Annotated[
        Path | None,
        typer.Option(help="Marked sentences whose labels are checked; INPUTS are then records of the same sentences."),
    ] = None,
    by: Annotated[str, _choosing(help="margin (the label it is least sure of) or entropy (all of them).")] = "margin",
    diversity: Annotated[
        str, _choosing(help="kcenter, kmeans, or none: the most uncertain, alike or not.")
    ] = "kcenter",
    rare: Annotated[float, _choosing(min=0, max=1, help="How much more rare labels count.")] = 0.5,
    pool: Annotated[int, _choosing(min=1, help="A diverse set is taken of so many times -n.")] = 10,
    labelled: Annotated[
        list[Path] | None, _choosing(help="Marked sentences that you have; may be given several times.")
    ] = None,
    all_kinds: Annotated[bool, _choosing("--all-kinds", help="Comments and debris too.")] = False,
    documents: Annotated[
        bool, _documents("--documents", help="Whole documents with known probabilities, for framing compare --gold.")
    ] = False,
    group: Annotated[
        list[str] | None,
        _documents("--group", help="Column whose values are the groups, two at least; outlet if not given."),
    ] = None,
    lean: Annotated[float, _documents(min=0, max=0.99, help="How much to lean to uncertain documents.")] = 0.5,
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
    """Choose the sentences that are most worth labelling, and write them for annotation.

    Those come first of which the model is unsure; rare labels count more, and alike sentences are not taken twice.
    With --check, list labels of an annotated file that are likely wrong.
    """
    from framing.codebook import Codebook
    from framing.compare.annotation import draw_sample
    from framing.errors import SettingError
    from framing.reading import Columns
    from framing.suggest import check as check_labels
    from framing.suggest import suggest, write_documents

    book = None if codebook is None else Codebook.load(codebook)
    messages = Console(stderr=True, highlight=False)
    check_outputs((output,), (*(inputs or ()), check, codebook, *(labelled or ())), new=True)
    if check is not None:
        found = check_labels(check, inputs or (), model=model, codebook=book)
        if as_json:
            print_json(_check_dict(found))
        else:
            _print_check(found)
        if output is not None and found.errors:
            found.write(output, to_format=to_format)
            messages.print(Text(f"written to {output}"), soft_wrap=True)
        return
    if not inputs:
        raise SettingError("there is nothing to choose from", expected="records or documents", hint="framing suggest X")
    if output is None:
        raise SettingError("there is no output", expected="-o FILE", hint="-o next.tsv")
    columns = Columns(text_column, id_column, outlet_column, published_column, title_column)
    if documents:
        sample = draw_sample(
            inputs,
            group or ["outlet"],
            each=n,
            lean=lean,
            seed=seed,
            codebook=book,
            model=model,
            input_columns=columns,
        )
        beside = write_documents(sample, output, to_format=to_format, prefilled=prefilled)
        if as_json:
            print_json(sample.to_dict())
        drawn = f"{len(sample.drawn.documents)} documents"
        messages.print(Text(f"{drawn}, written to {output}, their probabilities to {beside}"), soft_wrap=True)
        return
    suggested = suggest(
        inputs,
        n,
        by=by,  # type: ignore[arg-type]
        diversity=diversity,  # type: ignore[arg-type]
        rare=rare,
        pool=pool,
        labelled=labelled or (),
        all_kinds=all_kinds,
        seed=seed,
        codebook=book,
        model=model,
        input_columns=columns,
    )
    suggested.write(output, to_format=to_format, prefilled=prefilled)
    if as_json:
        print_json(_suggestions_dict(suggested))
    _summarise(messages, suggested, output)


def _suggestions_dict(found: Suggestions) -> dict[str, object]:
    return {
        "seen": found.seen,
        "passed_over": found.passed_over,
        "thresholds": dict(found.thresholds),
        "sentences": [
            {
                "document_id": one.labels.document_id,
                "index": one.labels.index,
                "text": one.labels.text,
                "uncertainty": round(one.uncertainty, 6),
                "because": one.because,
            }
            for one in found.sentences
        ],
    }


def _summarise(messages: Console, found: Suggestions, output: Path) -> None:
    from collections import Counter

    because = Counter(one.because for one in found.sentences).most_common(5)
    reasons = ", ".join(f"{name} {count}" for name, count in because)
    messages.print(
        Text(f"{len(found.sentences):,} of {found.seen:,} sentences ({found.passed_over:,} passed over)"),
        soft_wrap=True,
    )
    messages.print(Text(f"most unsure of: {reasons}"), soft_wrap=True)
    messages.print(Text(f"written to {output}"), soft_wrap=True)


def _check_dict(found: Check) -> dict[str, object]:
    return {
        "sentences": found.sentences,
        "unmatched": found.unmatched,
        "errors": [
            {
                "where": error.row.where,
                "id": error.row.id,
                "text": error.row.sentence.text,
                "name": error.name,
                "given": error.given,
                "probability": round(error.probability, 6),
                "confidence": round(error.confidence, 6),
            }
            for error in found.errors
        ],
    }


def _print_check(found: Check) -> None:
    from rich import box
    from rich.table import Table

    console = Console()
    console.print(
        Text(f"{len(found.errors):,} labels of {found.sentences:,} sentences are likely wrong"), soft_wrap=True
    )
    if found.unmatched:
        console.print(Text(f"{found.unmatched:,} sentences are not in the records"), soft_wrap=True)
    if not found.errors:
        return
    table = Table("Where", "Label", "Given", "Model", "Sentence", box=box.SIMPLE_HEAD)
    for error in found.errors[:_SHOWN]:
        given = "yes" if error.given else "no"
        place = Path((error.row.where or "").rpartition(":")[0]).name + ":" + (error.row.where or "").rpartition(":")[2]
        table.add_row(place, error.name, given, f"{error.probability:.3f}", Text(error.row.sentence.text))
    console.print(table)
    if len(found.errors) > _SHOWN:
        console.print(Text(f"and {len(found.errors) - _SHOWN:,} more: --json, or -o FILE"), soft_wrap=True)
