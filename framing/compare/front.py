"""``framing.compare``: labels in, tables of figures with their intervals and differences out."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from framing.codebook import Codebook, Contrast
from framing.compare.bands import read_error_rates
from framing.compare.columns import Corpus, Labelled
from framing.compare.comparison import Comparison
from framing.compare.copies import copies as copies_of
from framing.compare.copies import counted_once
from framing.compare.estimands import PARTS, ratios_of
from framing.compare.events import DAYS, Events, events_by_column, find_events
from framing.compare.figures import Annotated, Figures, Settings, power_table
from framing.compare.gold import Gold, read_gold
from framing.compare.groups import Grouping, group_documents
from framing.compare.labelling import read_or_label
from framing.compare.words import typical_words
from framing.errors import InputError, SettingError, did_you_mean
from framing.evaluate.front import Evaluation
from framing.labeler import Labeler
from framing.reading import Columns

#: How copies are counted: all of them, or once for each group.
COPIES = ("all", "once")


def compare(
    labelled: Labelled | Corpus,
    by: str | Sequence[str] = "outlet",
    *,
    over: str | None = None,
    kinds: Collection[str] | None = None,
    voices: Collection[str] | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    keyword: str | None = None,
    contrasts: Collection[str] | None = None,
    least_probability: float | None = None,
    parts: Collection[str] = PARTS,
    copies: str = "all",
    event: str | None = None,
    find_event: bool = False,
    event_days: int = DAYS,
    words: int = 20,
    against: str | None = None,
    level: float = 0.95,
    inner_level: float = 0.5,
    small: int = 20,
    false_discovery: float = 0.05,
    gold: str | os.PathLike[str] | None = None,
    sample: str | os.PathLike[str] | None = None,
    equal_probabilities: bool = False,
    error_rates: str | os.PathLike[str] | Evaluation | None = None,
    check: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    codebook: Codebook | None = None,
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    input_columns: Columns | None = None,
) -> Comparison:
    """Compare groups of documents.

    Args:
        labelled: files of records, the folder of a batch job, labels in memory, or what
            :func:`~framing.compare.columns.read_corpus` made of them; or files of documents, as :func:`framing.read`
            takes them, which are labelled first.
        by: the column whose values are the groups, or two columns; ``outlet``, or any that was carried along.
        over: also by ``"day"``, ``"week"``, ``"month"`` or ``"year"``; groups are then compared within each.
        kinds, voices, since, until, keyword, least_probability: what is counted; see
            :meth:`~framing.compare.columns.Corpus.select`. Readers' comments and debris never are.
        contrasts: names of those to compare; all of the codebook when ``None``.
        parts: which figures, of :data:`~framing.compare.estimands.PARTS`.
        copies: ``"once"`` counts documents of a group that are copies of one another once, the earliest
            (:mod:`framing.compare.copies`).
        event: a column that names the event of each document. Groups are then compared within events as well
            (:mod:`framing.compare.events`), in a table of its own.
        find_event: find the events by date and words.
        event_days: from the first document of an event that is found to the last one, at most.
        words: most typical words of a group; 0 for none.
        against: a group that all others are compared with; every pair when ``None``.
        level, inner_level: of the two nested intervals.
        small: groups with fewer documents are flagged, and their intervals reach as far as a bootstrap's too.
        false_discovery: the highest q that is called distinguishable.
        gold: a file of annotated documents; figures are then corrected for the model's errors
            (:mod:`framing.compare.correction`).
        sample, equal_probabilities: how its documents were drawn; see :func:`~framing.compare.gold.read_gold`.
        error_rates: of the checkpoint that labelled, for bands where there is no gold
            (:func:`~framing.compare.bands.read_error_rates`).
        check: bootstrap every group, not only small ones.
        resamples, seed: of the bootstrap.
        codebook: by which was labelled; needed for JSONL and CSV of another codebook than the built-in one.
        model: the checkpoint that labels documents; the shipped one when ``None``.
        labeler: labels documents in place of ``model``.
        input_columns: names of the columns of documents; guessed when ``None``.

    Raises:
        InputError: there are no records, or nothing is left of them, or there is one group only.
        ColumnError: there is no such column.
        SettingError: an argument is out of range.
        CodebookMismatchError: records of two codebooks.
        CheckpointError: the model that is to label documents is missing, damaged, or of another codebook.
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    settings = Settings(level, inner_level, small, check, resamples, seed, false_discovery)
    _check(columns, settings)
    _check_events(copies, event, find_event=find_event)
    whole = read_or_label(
        labelled,
        carry=(*columns, *(() if event is None else (event,))),
        model=model,
        labeler=labeler,
        columns=input_columns,
        codebook=codebook,
    )
    chosen = (
        whole.codebook.contrasts if contrasts is None else tuple(whole.codebook.contrast(name) for name in contrasts)
    )
    if gold is not None:
        whole = whole.with_keys()
    corpus = whole.select(
        kinds=kinds, voices=voices, since=since, until=until, keyword=keyword, least_probability=least_probability
    )
    grouping = group_documents(corpus, columns, over)
    if copies == "once":
        corpus, grouping = _without_copies(corpus, grouping)
    events = None
    if event is not None or find_event:
        events = find_events(corpus, days=event_days) if event is None else events_by_column(corpus, event)
    annotated = None
    if gold is not None:
        read = read_gold(gold, whole, sample=sample, equal_probabilities=equal_probabilities)
        annotated = _annotated(read, corpus, kinds, voices, parts, chosen)
        if left_out := len(read.keys) - len(annotated.place):
            corpus = corpus.noting(
                f"{left_out:,} annotated documents are left out, which are not among those compared."
            )
    rates = None if error_rates is None else read_error_rates(error_rates)
    sentences = _per_group(grouping, np.bincount(corpus.codes("sentences", "document"), minlength=len(corpus)))
    figures = Figures(grouping, settings, sentences, annotated=annotated, rates=rates)
    for ratios in ratios_of(corpus, parts, chosen):
        figures.add(ratios)
        if events is not None:
            figures.add_within(ratios, events, against)
    tables = {
        "estimates": figures.estimates(columns),
        "differences": figures.differences(against),
        "words": _word_table(corpus, grouping, words),
        "groups": _group_table(corpus, grouping, columns, small, sentences, annotated),
    }
    tables["power"] = power_table(tables["estimates"], tables["groups"])
    if events is not None:
        tables["events"] = figures.within_events()
    asked = {
        "by": list(columns),
        "over": over,
        "kinds": sorted(corpus.kinds_of_outlet if kinds is None else kinds),
        "voices": None if voices is None else sorted(voices),
        "since": None if since is None else str(since),
        "until": None if until is None else str(until),
        "keyword": keyword,
        "contrasts": [contrast.name for contrast in chosen],
        "least_probability": least_probability,
        "copies": copies,
        "event": event,
        "find_event": find_event,
        "event_days": event_days if find_event else None,
        "level": level,
        "inner_level": inner_level,
        "small": small,
        "false_discovery": false_discovery,
        "gold": None if gold is None else os.fspath(gold),
        "error_rates": None if rates is None else rates.where,
        "codebook": {"name": corpus.codebook.name, "version": corpus.codebook.version},
    }
    told = () if events is None else (_events_note(events, grouping),)
    notes = (*corpus.notes, *grouping.notes, *told, *_notes(tables["groups"], small, corrected=annotated is not None))
    return Comparison(tables, grouping.groups, grouping.of_document, corpus, asked, notes, events)


def _check(columns: tuple[str, ...], settings: Settings) -> None:
    if not 1 <= len(columns) <= 2 or len(set(columns)) < len(columns):
        raise SettingError(f"to compare by {', '.join(columns) or 'nothing'}", expected="one column, or two")
    if not 0 < settings.inner_level < settings.level < 1:
        raise SettingError(
            f"intervals of level {settings.inner_level} in {settings.level}", expected="0 < inner level < level < 1"
        )
    if not 0 < settings.false_discovery < 1:
        raise SettingError(f"a false discovery rate of {settings.false_discovery}", expected="a share in (0, 1)")
    if settings.small < 0:
        raise SettingError(f"groups of fewer than {settings.small} documents", expected="0 or more")


def _check_events(copies: str, event: str | None, *, find_event: bool) -> None:
    if copies not in COPIES:
        raise SettingError(
            f"copies counted {copies!r}", expected=" or ".join(COPIES), hint=did_you_mean(copies, COPIES)
        )
    if event is not None and find_event:
        raise SettingError(
            f"events of the column {event!r} and events that are found", expected="one of the two, or neither"
        )


def _without_copies(corpus: Corpus, grouping: Grouping) -> tuple[Corpus, Grouping]:
    """Copies of a group counted once. No group loses all of its documents."""
    kept = counted_once(corpus, copies_of(corpus), grouping.of_document)
    note = f"{int((~kept).sum()):,} documents are left out, which are copies of others of their group."
    return corpus.keep_documents(kept).noting(note), replace(grouping, of_document=grouping.of_document[kept])


def _events_note(events: Events, grouping: Grouping) -> str:
    names = np.array([group.name for group in grouping.groups])
    own = np.unique(names, return_inverse=True)[1]
    inside = (events.of_document >= 0) & (grouping.of_document >= 0)
    told = np.unique(events.of_document[inside] * len(names) + own[grouping.of_document[inside]]) // len(names)
    shared = np.flatnonzero(np.bincount(told, minlength=len(events)) > 1)
    documents = int((np.isin(events.of_document, shared) & inside).sum())
    total = int((grouping.of_document >= 0).sum())
    return (
        f"{len(shared):,} events are told by two groups or more, in {documents:,} of {total:,} documents; the table "
        "of events compares within them, by the model's labels."
    )


def _annotated(
    gold: Gold,
    corpus: Corpus,
    kinds: Collection[str] | None,
    voices: Collection[str] | None,
    parts: Collection[str],
    contrasts: Sequence[Contrast],
) -> Annotated:
    known = {key: number for number, key in enumerate(corpus.keys)}
    inside = np.array([key in known for key in gold.keys])
    if not inside.any():
        raise InputError(
            "none of the annotated documents passes the filters", expected="annotated documents among those compared"
        )
    part = gold.corpus.select(kinds=kinds, voices=voices)
    ratios = {}
    # Marked sentences do not say which source a mention stands under: those figures stay as the model has them.
    for one in ratios_of(part, [name for name in parts if name != "sources"], contrasts):
        ratios[one.estimand.name, one.cells] = gold.aligned(part, one).take(np.flatnonzero(inside))
    place = np.array([known[key] for key in gold.keys if key in known], dtype=np.int64)
    return Annotated(ratios, place, gold.probability[inside])


def _per_group(grouping: Grouping, values: Any) -> Any:
    inside = grouping.of_document >= 0
    return np.bincount(grouping.of_document[inside], values[inside], minlength=len(grouping))


def _word_table(corpus: Corpus, grouping: Grouping, most: int) -> pa.Table:
    found = typical_words(corpus, grouping.of_document, len(grouping), most=most) if most else []
    groups = [grouping.groups[word.group] for word in found]
    return pa.table(
        {
            "group": pa.array([group.name for group in groups], pa.string()),
            "period": pa.array([group.period for group in groups], pa.string()),
            "word": pa.array([word.word for word in found], pa.string()),
            "count": pa.array([word.count for word in found], pa.int64()),
            "documents": pa.array([word.documents for word in found], pa.int64()),
            "log_odds": pa.array([word.log_odds for word in found], pa.float64()),
            "z": pa.array([word.z for word in found], pa.float64()),
        }
    )


def _group_table(
    corpus: Corpus,
    grouping: Grouping,
    columns: Sequence[str],
    small: int,
    sentences: Any,
    annotated: Annotated | None,
) -> pa.Table:
    groups = grouping.groups
    documents = _per_group(grouping, np.ones(len(corpus)))
    mentions = _per_group(grouping, np.bincount(corpus.document_of_mention, minlength=len(corpus)))
    marked = np.zeros(len(corpus))
    if annotated is not None:
        marked[annotated.place] = 1
    return pa.table(
        {
            "group": pa.array([group.name for group in groups], pa.string()),
            **{f"by_{c}": pa.array([group.values[n] for group in groups], pa.string()) for n, c in enumerate(columns)},
            "period": pa.array([group.period for group in groups], pa.string()),
            "documents": pa.array(documents.astype(np.int64)),
            "sentences": pa.array(sentences.astype(np.int64)),
            "mentions": pa.array(mentions.astype(np.int64)),
            "annotated": pa.array(_per_group(grouping, marked).astype(np.int64)),
            "small": pa.array(documents < small),
        }
    )


def _notes(groups: pa.Table, small: int, *, corrected: bool) -> tuple[str, ...]:
    notes = []
    rows = groups.to_pylist()
    few = [row["group"] for row in rows if row["small"]]
    if few:
        names = ", ".join(dict.fromkeys(few))
        notes.append(f"Groups with fewer than {small} documents, whose figures say little: {names}.")
    if not corrected:
        notes.append("Figures are not corrected for the model's errors: framing sample draws documents to annotate.")
    else:
        without = [row["group"] for row in rows if row["annotated"] < 2]
        if without:
            names = ", ".join(dict.fromkeys(without))
            notes.append(f"Figures of groups with fewer than two annotated documents are not corrected: {names}.")
        notes.append("Figures of sources and of typical words are not corrected for the model's errors.")
    return tuple(notes)
