"""``framing.report``: labels or documents in, one page out."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import framing
from framing.codebook import Codebook
from framing.compare.columns import PERIODS, Corpus, Labelled, files_of, read_corpus
from framing.compare.comparison import Comparison
from framing.compare.copies import copies
from framing.compare.front import compare
from framing.compare.gold import read_gold
from framing.compare.labelling import hold_records, label_documents
from framing.errors import ColumnError, FramingWarning, InputError, SettingError, did_you_mean
from framing.files import write_whole
from framing.labeler import Labeler, load
from framing.model.checkpoint import Checkpoint
from framing.reading import Columns
from framing.report import cards, page, sections
from framing.report.annotated import Trial, try_model
from framing.report.events import events_of
from framing.report.evidence import MOST_SENTENCES, documents_to_check, draw_evidence, words_of_labels
from framing.report.findings import Finding, find
from framing.report.instrument import Instrument, read_instrument
from framing.report.marks import about, article_html, counts_html, legend_html
from framing.report.probabilities import label_probabilities
from framing.report.robustness import Check, check_findings
from framing.types import Labels

#: A carried column of this name tells the events apart, where none is named.
EVENT = "event"
_MOST_PERIODS = 60
#: Typical words of a group.
_WORDS = 12
#: Groups that the heading names.
_NAMED = 4
_SHOWN_REJECTIONS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A page, and what it was made of.

    Attributes:
        html: the page.
        comparison: without periods.
        findings: in the order in which they are told.
        checks: whether they hold.
        sampled: sentences of the evidence, and how many there are.
    """

    html: str = field(repr=False)
    comparison: Comparison = field(repr=False)
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    sampled: tuple[int, int]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Raises:
            OutputError: it cannot be written.
        """
        write_whole(Path(path), self.html)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{page.text(one.sentence(self._own))}</li>" for one in self.findings)
        return f"<ol>{items}</ol>"

    @property
    def _own(self) -> tuple[str, ...]:
        return self.comparison.corpus.codebook.voices_of_role("own")


def report(
    inputs: Labelled,
    by: str | Sequence[str] = "outlet",
    *,
    over: str | None = None,
    event: str | None = None,
    find_event: bool = False,
    title: str | None = None,
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    columns: Columns | None = None,
    kinds: Collection[str] | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    keyword: str | None = None,
    contrasts: Collection[str] | None = None,
    level: float = 0.95,
    small: int = 20,
    gold: str | os.PathLike[str] | None = None,
    sample: str | os.PathLike[str] | None = None,
    equal_probabilities: bool = False,
    sentences: int = MOST_SENTENCES,
    check: int = 5,
    seed: int = 0,
    codebook: Codebook | None = None,
) -> Report:
    """Make a report that compares groups of documents.

    Args:
        inputs: what :func:`framing.compare` takes; or files of documents that are not labelled yet, as
            :func:`framing.read` takes them.
        by, kinds, since, until, keyword, contrasts, level, small, gold, sample, equal_probabilities, codebook: as of
            :func:`framing.compare`.
        over: the periods of the time charts; chosen by the dates when ``None``.
        event: the column that tells which event a document is on; ``event`` where there is one when ``None``.
        find_event: find the events by date and words instead (:func:`framing.compare.events.find_events`).
        title: of the page.
        model: the checkpoint; of documents, what labels them (the shipped one when ``None``), and of records, what
            labelled them, for its card and for what its error rates allow (:mod:`framing.compare.bands`). A checkpoint
            of another codebook than the records' is refused.
        labeler: labels documents in place of ``model``.
        columns: of documents that are not labelled yet.
        sentences: of the evidence, at most.
        check: documents of each group to check by hand; 0 for none.
        seed: of everything that is drawn.

    Raises:
        InputError, ColumnError, SettingError, CodebookMismatchError: as of :func:`framing.compare`.
        CheckpointError: the model is missing, damaged, or of another codebook than the records.
    """
    own = (by,) if isinstance(by, str) else tuple(by)
    if event is not None and find_event:
        raise SettingError(f"events of the column {event!r} and events that are found", expected="one of the two")
    with tempfile.TemporaryDirectory(prefix="framing-") as folder:
        read_ = _read(inputs, own, event, model, labeler, columns, codebook, Path(folder))
    whole = read_.corpus
    filters: dict[str, Any] = {
        "kinds": kinds,
        "since": since,
        "until": until,
        "keyword": keyword,
        "contrasts": contrasts,
        "level": level,
        "small": small,
        "gold": gold,
        "sample": sample,
        "equal_probabilities": equal_probabilities,
        "seed": seed,
    }
    comparison = compare(
        whole,
        own,
        event=None if find_event else read_.event,
        find_event=find_event,
        error_rates=None if read_.instrument is None else read_.instrument.metrics,
        words=_WORDS,
        **filters,
    )
    corpus = comparison.corpus
    found = find(comparison)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FramingWarning)  # said by the comparison already
        original = copies(corpus)
        place = np.asarray(corpus.sentences.column(_PLACE))
        probabilities = None if read_.probabilities is None else read_.probabilities[place]
        thresholds = read_.instrument.thresholds if read_.instrument else None
        checks = check_findings(comparison, found, original, thresholds=thresholds, probabilities=probabilities)
        timed, periods, why = _timed(whole, corpus, own, over, found, filters)
        to_check, left_out = documents_to_check(whole, own, each=check, seed=seed) if check else ([], [])
    cited = [row["source"] for row in comparison.table(estimand="source_share").to_pylist()]
    sources = tuple(dict.fromkeys(cited))
    evidence = draw_evidence(comparison, sources, seed=seed, most=sentences)
    figures = sections.Figures(comparison, sources)
    words = words_of_labels(corpus, seed=seed)
    trial = None if gold is None else _tried(corpus, whole, gold, sample, equal_probabilities)
    events = [] if comparison.events is None else events_of(comparison, comparison.events, original)
    heading = title or f"Who names it how: {_listed(list(dict.fromkeys(group.name for group in comparison.groups)))}"
    gold_command = "framing compare LABELS --gold gold.tsv --equal-probabilities" + "".join(
        f" --by {column}" for column in own if own != ("outlet",)
    )
    parts = [
        sections.findings_section(figures, found, comparison.notes, words),
        sections.contrasts_section(figures),
        sections.rates_section(figures),
        sections.voices_section(figures),
        sections.events_section(figures, events, found, read_.event),
        sections.time_section(figures, timed, periods, found, why),
        sections.sources_section(figures),
        sections.hedging_section(figures),
        sections.words_section(figures),
        sections.evidence_section(figures, evidence, to_check, left_out, gold_command),
        cards.robustness_section(checks, found),
        cards.corpus_section(figures, whole, original, read_.set_aside, read_.name),
        cards.instrument_section(figures, read_.instrument, trial),
        cards.terms_section(figures, words, _explained(corpus.codebook, codebook, read_.instrument)),
        cards.limits_section(figures),
    ]
    data = {
        "groups": list(evidence.groups),
        "counts": evidence.counts.tolist(),
        "check": to_check,
    }
    html = page.whole_page(heading, _body(heading, comparison, parts), data=data)
    return Report(html, comparison, tuple(found), tuple(checks), (len(evidence.items), evidence.total))


def _explained(book: Codebook, given: Codebook | None, instrument: Instrument | None) -> Codebook:
    """The codebook with what its names mean: Parquet keeps the names alone."""
    known = (book, given, None if instrument is None else instrument.codebook, Codebook.default())
    same = [one for one in known if one is not None and one.fingerprint == book.fingerprint]
    return next((one for one in same if any(label.definition for label in one.labels)), book)


def _tried(
    corpus: Corpus,
    whole: Corpus,
    gold: str | os.PathLike[str],
    sample: str | os.PathLike[str] | None,
    equal_probabilities: bool,
) -> Trial:
    """The model beside the annotated documents, in the sentences that are compared."""
    read_ = read_gold(gold, whole.with_keys(), sample=sample, equal_probabilities=equal_probabilities)
    return try_model(corpus, read_)


def _listed(names: Sequence[str]) -> str:
    shown = names if len(names) <= _NAMED + 1 else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _body(heading: str, comparison: Comparison, parts: Sequence[str]) -> str:
    titles = [match for part in parts for match in re.findall(r'<h2 id="([a-z]+)">([^<]*)</h2>', part)[:1]]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title in titles)
    n = comparison.table("groups").to_pylist()
    counted = [f"{sum(row[name] for row in n):,} {name}" for name in ("documents", "sentences", "mentions")]
    by = " and ".join(comparison.settings["by"])
    return (
        '<a class="skip" href="#findings">Skip to the findings</a>\n'
        f'<header><h1 dir="auto">{page.text(heading)}</h1>'
        f'<p class="note">{counted[0]}, {counted[1]}, and in them {counted[2]} of the codebook’s names; compared by '
        f"{page.text(by)}</p>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n<main>\n' + "\n".join(parts) + "\n</main>\n"
        f'<footer><p class="note">Made by framing {framing.__version__}. '
        "This file asks for nothing from outside.</p></footer>"
    )


def article(labels: Labels) -> str:
    """A page of one article: its sentences with their marks, a legend, and counts of the frames."""
    heading = about(labels) or "Labelled sentences"
    counts = counts_html(labels.counts().most_common())
    table = (
        f"<table><caption>Frames in the outlet’s own sentences</caption><tbody>{counts}</tbody></table>"
        if counts
        else ""
    )
    book = labels.codebook or Codebook.default()
    told = "Behind marked words stands what they are marked as" + (
        ", in whose voice, and who is cited. " if book.voices else ". "
    )
    told += "In square brackets: what the sentence is on its page."
    body = (
        f'<header><h1 dir="auto">{page.text(heading)}</h1>{page.paragraph(told, "note")}{legend_html(labels.codebook)}'
        f"</header>\n<main>\n{article_html(labels)}\n{table}\n</main>"
    )
    return page.whole_page(heading, body, script=False)


# --- reading ----------------------------------------------------------------------------------------------------------

_PLACE = "place"


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    corpus: Corpus
    name: str
    event: str | None
    set_aside: tuple[str, ...]
    instrument: Instrument | None
    probabilities: npt.NDArray[Any] | None


def _read(
    inputs: Labelled,
    by: tuple[str, ...],
    event: str | None,
    model: str | os.PathLike[str] | None,
    labeler: Labeler | None,
    columns: Columns | None,
    codebook: Codebook | None,
    folder: Path,
) -> _Read:
    items: list[Any] = [inputs] if isinstance(inputs, str | os.PathLike | Labels) else list(inputs)
    if not items:
        raise InputError("there is nothing to report on", expected="files of records or of documents, or labels")
    carry = dict.fromkeys((*by, event or EVENT))
    set_aside: list[str] = []
    if isinstance(items[0], Labels):
        labelled: Any = items
        instrument = None if model is None else read_instrument(model)
        name = "labels in memory"
        files = None
    else:
        name = ", ".join(Path(os.fspath(item)).name for item in items)
        if hold_records(items):
            labelled = items
            instrument = None if model is None else read_instrument(model)
        else:
            labelled = folder / "labels.parquet"
            instrument = _label(items, labelled, tuple(carry), model, labeler, columns, codebook, set_aside)
            name += ", labelled for this page"
        files = [file for item in ([labelled] if isinstance(labelled, Path) else labelled) for file in files_of(item)]
        set_aside += [said for file in files if (said := _rejections(file))]
    corpus, event = _corpus(labelled, by, event, codebook)
    if model is not None and instrument is not None and files is not None:
        _check_codebook(model, corpus.codebook)
    place = pa.array(np.arange(corpus.sentences.num_rows))
    corpus = replace(corpus, sentences=corpus.sentences.append_column(_PLACE, place))
    if files is not None:
        probabilities = label_probabilities(files, corpus.codebook)
    else:
        rows = [[s.probabilities.get(n, 0.0) for n in corpus.codebook.label_names] for one in items for s in one]
        probabilities = np.array(rows, dtype=np.float32).reshape(-1, len(corpus.codebook.label_names))
    return _Read(corpus, name, event, tuple(set_aside), instrument, probabilities)


def _corpus(
    labelled: Any, by: tuple[str, ...], event: str | None, codebook: Codebook | None
) -> tuple[Corpus, str | None]:
    if event is not None:
        return read_corpus(labelled, carry=(*by, event), codebook=codebook), event
    try:
        corpus = read_corpus(labelled, carry=(*by, EVENT), codebook=codebook)
    except ColumnError:  # no such column, which nobody asked for
        return read_corpus(labelled, carry=by, codebook=codebook), EVENT if EVENT in by else None
    # A column that nobody asked for may as well be empty.
    return corpus, EVENT if corpus.values(EVENT).null_count < len(corpus) else None


def _check_codebook(model: str | os.PathLike[str], codebook: Codebook) -> None:
    Checkpoint.load(model, codebook=codebook)


def _label(
    items: Sequence[Any],
    target: Path,
    carry: tuple[str, ...],
    model: str | os.PathLike[str] | None,
    labeler: Labeler | None,
    columns: Columns | None,
    codebook: Codebook | None,
    set_aside: list[str],
) -> Instrument:
    """Label documents into a file; what is set aside is told."""
    own = labeler or (load(codebook=codebook) if model is None else load(model, codebook=codebook))
    try:
        done = label_documents(items, target, own, carry=carry, columns=columns)
        instrument = read_instrument(own.checkpoint)
    finally:
        if labeler is None:
            own.close()
    if done.rejected:
        set_aside.append(f"{len(done.rejected):,} rows or files could not be read")
        set_aside += [f"{one.where}: {one.reason}" for one in done.rejected[:_SHOWN_REJECTIONS]]
    return instrument


def _rejections(file: Path) -> str | None:
    """What the file beside the records says was set aside while labelling."""
    name = re.sub(r"\.(parquet|jsonl|ndjson|csv)(\.gz)?$", "", file.name)
    beside = file.with_name(f"{name}.rejected.jsonl")
    if not beside.is_file():
        return None
    with beside.open("rb") as stream:
        count = sum(1 for line in stream if line.strip())
    return f"{count:,} rows or files while labelling, with reasons in {beside.name}" if count else None


# --- time -------------------------------------------------------------------------------------------------------------


def _timed(
    whole: Corpus,
    compared: Corpus,
    by: tuple[str, ...],
    over: str | None,
    found: Sequence[Finding],
    filters: dict[str, Any],
) -> tuple[Comparison | None, list[str], str]:
    """The findings' contrasts over time, all periods from the first to the last, and why there are none or others."""
    ends = pc.min_max(compared.documents.column("day")).as_py()
    first, last = ends["min"], ends["max"]
    if first is None:
        return None, [], "No document has a date that can be read."
    unit = over or _unit((last - first).days)
    if not found:
        return None, [], "There is no finding to follow over time."
    periods = periods_between(first, last, unit)
    if len(periods) < 2:
        return None, [], f"All documents are of one {unit}, {periods[0]}."
    said = ""
    if len(periods) > _MOST_PERIODS:
        said = f"{len(periods):,} periods of a {unit} are too many to be drawn. "
        unit = _unit((last - first).days)
        periods = periods_between(first, last, unit)
    wanted = {**filters, "contrasts": list(dict.fromkeys(finding.contrast for finding in found))}
    timed = compare(whole, by, over=unit, words=0, parts=("contrasts",), resamples=400, **wanted)
    seen = {group.period for group in timed.groups}
    inside = [number for number, period in enumerate(periods) if period in seen]
    return timed, periods[inside[0] : inside[-1] + 1], said


def _unit(days: int) -> str:
    return next(unit for most, unit in ((20, "day"), (200, "week"), (1500, "month"), (10**9, "year")) if days <= most)


def periods_between(first: date, last: date, unit: str) -> list[str]:
    """All periods from one day to another, as :meth:`framing.compare.columns.Corpus.periods` names them."""
    if unit not in PERIODS:
        raise SettingError(f"periods of a {unit!r}", expected=", ".join(PERIODS), hint=did_you_mean(unit, PERIODS))
    days = ((first + timedelta(days=number)).strftime(PERIODS[unit]) for number in range((last - first).days + 1))
    return list(dict.fromkeys(days))
