"""The last sections of the report: whether the findings hold, what was read, what measured it, what words mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.codebook import Codebook
from framing.compare.columns import Corpus
from framing.evaluate.scoring import headlines
from framing.report import page
from framing.report.annotated import Trial
from framing.report.evidence import MENTIONS_READ
from framing.report.findings import Finding
from framing.report.instrument import Instrument
from framing.report.robustness import STEP, Check, Shares
from framing.report.sections import Figures

Array = npt.NDArray[Any]

_LIMITS = (
    "It counts words. A name is no opinion, and no proof of intent.",
    "It does not say which name is right, or what happened.",
    "It says nothing of outlets, times or documents that are not in this corpus. Unless it was drawn at random, "
    "it is no sample of all that an outlet wrote.",
    "The intervals are of documents drawn at random. What the choice of the corpus, of the codebook or of search words "
    "brings with it is not in them.",
    "Groups may write about other events. Only what stands under “The same event” compares like with like.",
    "A quoted word is not the outlet’s own, but whom an outlet quotes is its choice.",
    "Figures of sources and of hedging by party are of the model alone.",
)
_UNCORRECTED = (
    "No figure here is corrected for the model’s errors. They may differ between the groups, and then a difference may "
    "be the model’s."
)
#: Confusions that are told.
_MOST_CONFUSIONS = 12


def robustness_section(checks: Sequence[Check], findings: Sequence[Finding]) -> str:
    """Do the findings hold if something is decided otherwise."""
    if not findings:
        return ""
    cells = []
    for check in checks:
        note = f'<span class="note">{page.text(check.note)}</span>' if check.note else ""
        row = [page.text(check.name) + note]
        for number in range(len(findings)):
            shares = check.shares[number] if number < len(check.shares) else None
            row.append(_shares(shares))
        cells.append((row, False))
    columns = [
        "decision",
        *(f"finding {n}: {one.more.group} vs {one.less.group}" for n, one in enumerate(findings, start=1)),
    ]
    caption = (
        "The two shares of each finding, and of how many mentions each is, if one decision is taken otherwise; by the "
        "model alone, without intervals. ✓: the first share is still the larger. ✗: it no longer is. –: nothing to "
        f"count. The threshold is the probability from which the model marks a name; it is moved by {STEP}."
    )
    return page.section(
        "robustness",
        "Does it hold?",
        page.scroll("the findings, decided otherwise", page.table(caption, columns, cells)),
    )


def _shares(shares: Shares | None) -> str:
    if shares is None:
        return "–"
    ends = ["–" if value is None else f"{100 * value:.0f}%" for value in (shares.more, shares.less)]
    sign = {True: "\u00a0✓", False: "\u00a0✗", None: ""}[shares.holds]
    return f"{ends[0]} of {shares.more_n:,.0f} vs {ends[1]} of {shares.less_n:,.0f}{sign}"


def corpus_section(figures: Figures, whole: Corpus, original: Array, set_aside: Sequence[str], read: str) -> str:
    """What was read, counted, dropped."""
    comparison = figures.comparison
    groups = comparison.table("groups").to_pylist()
    cells = [
        (
            [
                page.link(row["group"], page.link_attributes(group=number)),
                *(f"{row[name]:,}" for name in ("documents", "sentences", "mentions", "annotated")),
            ],
            bool(row["small"]),
        )
        for number, row in enumerate(groups)
    ]
    kinds = Counter(map(str, whole.sentences.column("kind").to_pylist()))
    outlet = whole.kinds_of_outlet
    counted = ", ".join(f"{n:,} {kind}" for kind, n in sorted(kinds.items()) if kind in outlet)
    dropped = ", ".join(f"{n:,} {kind}" for kind, n in sorted(kinds.items()) if kind not in outlet) or "none"
    days = [day for day in whole.documents.column("day").to_pylist() if day is not None]
    undated = len(whole) - len(days)
    copies = int((original != np.arange(len(original))).sum())
    pairs = [
        ("Read", page.text(read)),
        ("Documents", f"{len(whole):,} read, {len(comparison.corpus):,} compared"),
        ("Dates", f"{min(days)} to {max(days)}; {undated:,} documents without" if days else "none that can be read"),
        ("Sentences", page.text(counted)),
        ("Not counted", page.text(f"{dropped} (not the outlet’s words)")),
        ("Set aside", "<br>".join(map(page.text, set_aside)) or "nothing that is known of"),
        ("Copies", f"{copies:,} documents nearly copy another one; they count in the figures, unless said otherwise"),
    ]
    caption = (
        "What is compared. Mentions are words that the model marked with a name of the codebook; annotated are "
        "documents that people marked, by which figures are corrected."
    )
    made = page.table(caption, ["group", "documents", "sentences", "mentions", "annotated"], cells)
    return page.section("corpus", "What was read", page.listed(pairs), page.scroll("groups", made))


def instrument_section(figures: Figures, instrument: Instrument | None, trial: Trial | None) -> str:
    """What measured, and how well it does: by its checkpoint, and by annotated documents.

    Args:
        figures: of the comparison.
        instrument: the checkpoint, where it is known.
        trial: the model beside annotated documents, where there are any.
    """
    book = figures.corpus.codebook
    codebook = ("Codebook", page.text(f"{book.name}, version {book.version}, fingerprint {book.fingerprint}"))
    confusions = (
        "Which names the model takes for their rivals is counted below, on this corpus’s annotated documents."
        if trial
        else "Not known. A checkpoint does not carry them; with annotated documents (framing report --gold FILE) they "
        "are counted here."
    )
    if instrument is None:
        unknown = (
            "Not known: records do not say which checkpoint wrote them. Name it (--model) to have its scores here."
        )
        pairs = [("Model", page.text(unknown)), codebook, ("Confusions", page.text(confusions))]
        return page.section("instrument", "What measured it", page.listed(pairs), _trial(figures, trial))
    pairs = [("Model", page.text(f"{instrument.name}, fingerprint {instrument.fingerprint}")), codebook]
    if instrument.overall or instrument.labels:
        on = f"{instrument.sentences:,} sentences" if instrument.sentences else "the sentences"
        pairs.append(
            (
                "Scores",
                f"from the checkpoint’s own file metrics.json, measured on {on} that were held out of its training. "
                "How well it does on this corpus only annotated documents can tell.",
            )
        )
    else:
        pairs.append(("Scores", "none: the checkpoint’s folder has no file metrics.json"))
    pairs.append(("Calibration", page.text(_calibration(instrument))))
    pairs.append(("Confusions", page.text(confusions)))
    return page.section(
        "instrument",
        "What measured it",
        page.listed(pairs),
        _label_scores(figures, instrument),
        _overall(figures, instrument),
        _trial(figures, trial),
    )


def _calibration(instrument: Instrument) -> str:
    """What the checkpoint says of its probabilities; the keys are those of :mod:`framing.evaluate.scoring`."""
    found = instrument.overall.get("frames_ece")
    if found is None:
        return "not measured"
    value, low, high = found
    ends = "" if low is None or high is None else f" (95% interval {100 * low:.1f}–{100 * high:.1f})"
    return (
        f"The model’s probabilities that a name is in a sentence are off by {100 * value:.1f} percentage points on "
        f"average{ends}, mean over the names (expected calibration error). 0 is best."
    )


def _label_scores(figures: Figures, instrument: Instrument) -> str:
    book = figures.corpus.codebook
    used = Counter(figures.corpus.mentions.column("label").to_pylist())
    cells = []
    for name in (*book.label_names, *(output for output in book.outputs if output not in book.label_names)):
        score = instrument.labels.get(name)
        if score is None or (name in book.label_names and not used[name]):
            continue
        ends = "" if score.low is None or score.high is None else f" [{score.low:.2f}, {score.high:.2f}]"
        threshold = instrument.thresholds.get(name)
        cells.append(
            (
                [
                    page.text(name),
                    f"{score.f1:.2f}{ends}",
                    f"{score.support:,}",
                    "–" if threshold is None else f"{threshold:.2f}",
                    f"{used[name]:,}" if name in book.label_names else "–",
                ],
                False,
            )
        )
    if not cells:
        return ""
    caption = (
        "How well the model finds what is used here. F1 is from 0 to 1: 1 when it finds every sentence that people "
        "marked so and no other. Where the checkpoint has no interval, it is made from F1 and the number of sentences "
        "that have the mark, supposing as many missed as wrong. Threshold: the probability from which the model marks."
    )
    columns = ["mark", "F1 [95% interval]", "of sentences with it", "threshold", "mentions here"]
    return page.scroll("scores by mark", page.table(caption, columns, cells))


def _overall(figures: Figures, instrument: Instrument) -> str:
    titles = headlines(figures.corpus.codebook)
    cells = []
    for name, (value, low, high) in instrument.overall.items():
        ends = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
        cells.append(([page.text(titles.get(name, name.replace("_", " "))), f"{value:.3f}{ends}"], False))
    if not cells:
        return ""
    on = "" if instrument.sentences is None else f" of {instrument.sentences:,} sentences"
    caption = (
        f"The model as a whole, on its validation part{on}. Frames are the names of the codebook. Macro: mean over the "
        "names, each alike; micro: over all cases. Spans: the marked words, by overlap or exactly. Accuracy: the share "
        "that is right. 1 is best, but of the calibration error and the Brier score (mean squared error of the "
        "probabilities) 0."
    )
    return page.scroll("scores of the model", page.table(caption, ["measure", "value [95% interval]"], cells))


def _trial(figures: Figures, trial: Trial | None) -> str:
    """What the annotated documents tell."""
    if trial is None:
        return ""
    apart = (
        f" {trial.apart:,} sentences of the file are left out: they are not counted here, or their text is another."
        if trial.apart
        else ""
    )
    base = f"{trial.sentences:,} sentences of {trial.documents:,} annotated documents"
    told = (
        f"The same on this corpus, by people’s marks in {base}. These are plain counts: where documents of which the "
        f"model was unsure were drawn more often, it errs less elsewhere.{apart}"
    )
    found = [
        (
            [
                page.text(name),
                f"{one.both:,} of {one.marked:,}",
                f"{one.both:,} of {one.said:,}",
            ],
            False,
        )
        for name, one in trial.labels.items()
    ]
    parts = ["<h3>On the annotated documents</h3>", page.paragraph(told, "note")]
    caption = "Mentions that people marked and the model found, and mentions that the model marked and people too."
    parts.append(
        page.scroll(
            "names found", page.table(caption, ["name", "found, of those there are", "right, of those marked"], found)
        )
    )
    confused = [
        ([page.text(one.gold), page.text(one.model), page.text(one.contrast), f"{one.count:,} of {one.of:,}"], False)
        for one in trial.confusions[:_MOST_CONFUSIONS]
    ]
    if confused:
        caption = "The commonest confusions: words that people gave one name and the model its rival."
        if len(trial.confusions) > _MOST_CONFUSIONS:
            caption += f" Shown are {_MOST_CONFUSIONS} of {len(trial.confusions)}."
        columns = ["people say", "the model says", "contrast", "count, of the first name’s"]
        parts.append(page.scroll("confusions", page.table(caption, columns, confused, words=3)))
    elif figures.corpus.codebook.contrasts:
        parts.append(page.paragraph(f"In {base} the model takes no name for its rival."))
    bands = [
        (
            [
                f"{one.low:.1f} to {one.high:.1f}",
                f"{100 * one.said:.0f}%",
                f"{100 * one.right / one.count:.0f}%",
                f"{one.right:,} of {one.count:,}",
            ],
            False,
        )
        for one in trial.bands
    ]
    if bands:
        caption = (
            "Calibration: how sure the model is of its mentions, and how many of them are right. Where it can be "
            "believed, the two shares are alike."
        )
        columns = ["probability", "mean probability", "right", "count"]
        parts.append(page.scroll("calibration", page.table(caption, columns, bands)))
    return "".join(parts)


def terms_section(figures: Figures, words: Mapping[str, Sequence[tuple[str, int]]], book: Codebook) -> str:
    """What the words of the page mean.

    Args:
        figures: of the comparison.
        words: label -> its most frequent words.
        book: the codebook, with definitions where they are known.
    """
    settings = figures.comparison.settings
    false = settings["false_discovery"]
    pairs = [
        ("Mention", "Words that the model marked with one of the names below. A sentence can have several."),
        (
            "Share",
            "Of the mentions of one thing, by any of the names that the codebook holds to be rivals for it, those that "
            "have one name. The number of mentions stands behind it.",
        ),
        (
            f"{figures.level} interval",
            "How far chance may have moved the figure, by the documents that happened to be read: intervals made in "
            f"this way hold the true figure in {figures.level} of cases, if the documents are a random draw.",
        ),
        (
            "q",
            "Among all differences with a q as small as this one or smaller, the share that is expected to be mere "
            f"chance. Above {false:g} the page says “not distinguishable”; it does not mean that two groups are alike.",
        ),
        ("Corrected", "By documents that people annotated, for what the model misses and what it marks wrongly."),
        (
            "Few documents",
            f"Fewer than {settings['small']} in a group; such figures are grey or in italics, and say little.",
        ),
    ]
    used = Counter(figures.corpus.mentions.column("label").to_pylist())
    defined = any(label.definition for label in book.labels)
    names = [
        (
            [
                page.text(label.name),
                *([page.text(label.definition or "–")] if defined else []),
                page.text(", ".join(f"{word[:40]} {count:,}" for word, count in words.get(label.name, ()))),
                f"{used[label.name]:,}",
            ],
            False,
        )
        for label in book.labels
        if used[label.name]
    ]
    parts = [page.listed((term, page.text(said)) for term, said in pairs)]
    if names:
        meaning = (
            ": what each means by the codebook, and its"
            if defined
            else ". What they mean the codebook says (--codebook FILE). Each with its"
        )
        caption = (
            f"The names that occur here{meaning} most frequent words, counted in at most {MENTIONS_READ} mentions of "
            "each, drawn at random."
        )
        columns = ["name", *["meaning"] * defined, "most frequent words", "mentions"]
        parts.append(page.scroll("names", page.table(caption, columns, names, words=2 + defined)))
    for guides, title in ((book.voice_guides, "voice"), (book.hedge_guides, "kind of hedge")):
        rows = [([page.text(guide.name), page.text(guide.definition)], False) for guide in guides if guide.definition]
        if rows:
            made = page.table(f"What each {title} means, by the codebook.", [title, "meaning"], rows, words=2)
            parts.append(page.scroll(title, made))
    return page.section("terms", "What the words mean", *parts)


def limits_section(figures: Figures) -> str:
    """What the page does not say."""
    said = [*_LIMITS, *([] if figures.corrected else [_UNCORRECTED])]
    items = "".join(f"<li>{page.text(one)}</li>" for one in said)
    return page.section("limits", "What it does not say", f"<ul>{items}</ul>")
