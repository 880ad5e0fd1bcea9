"""``framing report``: groups of documents compared, on one page that opens anywhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.errors import SettingError

_counted = partial(typer.Option, rich_help_panel="What is counted")
_corrected = partial(typer.Option, rich_help_panel="Correction")


@reporting_errors()
def report_command(
    inputs: Annotated[
        list[str],
        typer.Argument(help="Records of framing label or framing batch, or documents, which are labelled first."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page (.html).")],
    by: Annotated[
        list[str] | None, typer.Option(help="Column whose values are the groups; may be given twice. [default: outlet]")
    ] = None,
    over: Annotated[str | None, typer.Option(help="Periods of the charts over time: day, week, month, year.")] = None,
    event: Annotated[str | None, typer.Option(help="Column that tells which event a document is on.")] = None,
    find_event: Annotated[
        bool, typer.Option("--find-event", help="Find documents on one event by date and words.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    kind: Annotated[
        list[str] | None, _counted(help="Sentences of this kind only; else all that are the outlet's words.")
    ] = None,
    since: Annotated[str | None, _counted(help="Documents from this day on, such as 2016-12-15.")] = None,
    until: Annotated[str | None, _counted(help="Documents up to this day.")] = None,
    keyword: Annotated[str | None, _counted(help="Documents with this string, in upper or lower case.")] = None,
    contrast: Annotated[list[str] | None, _counted(help="This contrast of the codebook only.")] = None,
    gold: Annotated[Path | None, _corrected(help="Annotated documents, by which figures are corrected.")] = None,
    equal_probabilities: Annotated[
        bool, _corrected("--equal-probabilities", help="They were drawn at random from each group, all alike.")
    ] = False,
    level: Annotated[float, typer.Option(min=0.51, max=0.9999, help="Of the outer intervals.")] = 0.95,
    small: Annotated[int, typer.Option(min=0, help="Groups with fewer documents are grey.")] = 20,
    sentences: Annotated[int, typer.Option(min=1, help="Sentences of the evidence, at most.")] = 900,
    check: Annotated[int, typer.Option(min=0, help="Documents of each group to check by hand.")] = 5,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
    model: Annotated[
        str | None,
        options.model_option(
            "--model", "-m", help="What labels the documents; of records, what labelled them, for its card."
        ),
    ] = None,
    codebook: Annotated[
        str | None, typer.Option(help="By which was labelled, for what its names mean: a name or a YAML file.")
    ] = None,
) -> None:
    """Make one HTML page: findings, figures, and the sentences behind every number. It opens offline."""
    from framing.cli._terminal import Console
    from framing.codebook import Codebook
    from framing.reading import Columns
    from framing.report.front import report

    if output.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"the output {str(output)!r} is no page", expected="a name that ends in .html")
    check_outputs((output,), (*inputs, gold, codebook))
    made = report(
        inputs,
        by or "outlet",
        over=over,
        event=event,
        find_event=find_event,
        title=title,
        model=model,
        columns=Columns(text_column, id_column, outlet_column, published_column, title_column),
        kinds=kind,
        since=since,
        until=until,
        keyword=keyword,
        contrasts=contrast,
        level=level,
        small=small,
        gold=gold,
        equal_probabilities=equal_probabilities,
        sentences=sentences,
        check=check,
        seed=seed,
        codebook=None if codebook is None else Codebook.load(codebook),
    )
    made.write(output)
    console = Console(stderr=True, highlight=False)
    own = made.comparison.corpus.codebook.voices_of_role("own")
    for number, finding in enumerate(made.findings, start=1):
        console.print(f"{number}. {finding.sentence(own)}", soft_wrap=True, markup=False)
    shown, total = made.sampled
    size = len(made.html.encode("utf-8")) / 1e6
    console.print(
        f"written to {output}: {size:.1f} MB, {shown:,} of {total:,} marked sentences", soft_wrap=True, markup=False
    )


@reporting_errors()
def page_command(
    file: Annotated[str, typer.Argument(help="A document, or records of one; of several, the first.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page (.html).")],
    model: options.Model = "shipped",
) -> None:
    """Show one article with its marks as a page: what framing label --view shows on a terminal."""
    from framing.compare.labelling import hold_records
    from framing.errors import InputError
    from framing.files import write_whole
    from framing.labeler import load
    from framing.reading import read
    from framing.records import read_labels
    from framing.report.front import article

    check_outputs((output,), (file,))
    if hold_records([file]):
        labels = next(iter(read_labels(file)), None)
    else:
        with load(model) as labeler:
            labels = next(labeler.documents(read([file])), None)
    if labels is None:
        raise InputError(f"{file} has no document", expected="at least one with text in it")
    write_whole(output, article(labels))
