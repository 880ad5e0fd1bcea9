"""The highlighted view: overlapping spans, voices without colours, page debris, terminals that take orders."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from framing.cli.view import HEDGE_STYLE, VOICE_STYLES, View, sentence_text
from framing.codebook import Codebook
from framing.types import Document, DocumentLabels, Hedge, Kind, MarkedWords, Mention, SentenceLabels, Source
from tests.own_codebook import own_codebook

CODEBOOK = Codebook.default()
TEXT = "The so-called heroes took the town, the mayor said."


def mention(
    label: str, words: str, voice: str | None = "author", source: str | None = None, text: str = TEXT
) -> Mention:
    start = text.index(words)
    cited = None if source is None else Source(text.index(source), text.index(source) + len(source), source, 0.9)
    return Mention(label, start, start + len(words), words, voice, None if voice is None else 0.9, 0.9, cited)


def sentence(
    *mentions: Mention,
    text: str = TEXT,
    kind: str = Kind.BODY,
    start: int = 0,
    hedges: tuple[Hedge, ...] = (),
    tasks: dict[str, Any] | None = None,
) -> SentenceLabels:
    at = text.find("the mayor")
    sources = (Source(at, at + 9, "the mayor", 0.9),) if at >= 0 else ()
    frames = {m.label: m.probability for m in mentions}
    hedged = any(hedge.kind in CODEBOOK.hedging_kinds for hedge in hedges)
    place = ("d", None, None, 0, kind, start, start + len(text), text)
    return SentenceLabels(*place, frames, mentions, hedges, sources, hedged, frames, tasks or {})


def printed(labels: DocumentLabels, codebook: Codebook = CODEBOOK, **options: object) -> str:
    file = io.StringIO()
    View(codebook, Console(file=file, width=100, **options)).write(labels)  # type: ignore[arg-type]
    return file.getvalue()


def plain(labels: SentenceLabels, codebook: Codebook = CODEBOOK) -> str:
    return sentence_text(labels, codebook, tag=False).plain


def document(*sentences: SentenceLabels, text: str | None = None) -> DocumentLabels:
    whole = text if text is not None else "\n".join(s.text for s in sentences)
    of = Document(whole, outlet="The Daily", published="2016-12-15")
    return DocumentLabels(sentences, codebook=CODEBOOK, document=of)


def test_tags_stand_behind_their_spans() -> None:
    labels = sentence(
        mention("heroes", "heroes", "distanced"),
        mention("recapture", "took", "attributed", "the mayor"),
        mention("victory", "took the town", "attributed", "the mayor"),
        hedges=(Hedge("distancing", 4, 20, "so-called heroes", 0.8),),
    )
    assert plain(labels) == (
        "The so-called heroes‹heroes·distanced›‹~distancing› took‹recapture·attributed: the mayor› "
        "the town‹victory·attributed›, the mayor said."
    )


def test_frames_of_one_span_share_a_tag_where_the_voice_is_one() -> None:
    labels = sentence(
        mention("victory", "took"), mention("recapture", "took"), mention("fall", "took", "quoted", "the mayor")
    )
    assert "took‹victory+recapture›‹fall·quoted: the mayor› the" in plain(labels)


def test_overlapping_spans_keep_their_styles() -> None:
    labels = sentence(
        mention("heroes", "heroes took", "quoted"),
        mention("victory", "took the town", "author"),
        hedges=(Hedge("distancing", 4, 20, "so-called heroes", 0.8),),
    )
    text = sentence_text(labels, CODEBOOK)

    def style(words: str) -> object:
        return text.get_style_at_offset(Console(), text.plain.index(words))

    assert style("so-called") == HEDGE_STYLE
    assert style("heroes") == HEDGE_STYLE + VOICE_STYLES["quoted"]
    assert style("the town") == VOICE_STYLES["own"]
    assert style("the mayor").italic  # type: ignore[attr-defined]


def test_voices_look_as_their_roles_do_whatever_their_names() -> None:
    roles = {"ours": {"role": "own"}, "theirs": {"role": "cited"}, "spoken": {"role": "quoted"}, "doubted": {}}
    codebook = Codebook.from_dict({"labels": ["heroes"], "voices": roles})
    for voice, role in (("ours", "own"), ("theirs", "cited"), ("spoken", "quoted"), ("doubted", "other")):
        text = sentence_text(sentence(mention("heroes", "heroes", voice)), codebook)
        assert text.get_style_at_offset(Console(), text.plain.index("heroes")) == VOICE_STYLES[role]
        # The outlet's own voice goes without saying.
        assert ("‹heroes›" if role == "own" else f"‹heroes·{voice}›") in text.plain
    file = io.StringIO()
    View(codebook, Console(file=file, width=100)).legend()
    for voice in ("theirs", "spoken", "doubted"):
        assert f"‹frame·{voice}›" in file.getvalue()


def test_a_codebook_without_voices_and_with_tasks() -> None:
    words = (MarkedWords("town", 27, 35, "the town", 0.9),)
    labels = sentence(
        mention("rebels", "heroes", None),
        tasks={"stance": "hostile", "topics": {"war": 0.9, "trade": 0.6}, "place": words},
    )
    assert plain(labels, own_codebook()) == (
        "The so-called heroes‹rebels› took the town, the mayor said. "
        "‹stance: hostile› ‹topics: war, trade› ‹place: town (the town)›"
    )
    unanswered = sentence(tasks={"topics": {}, "place": ()})
    assert plain(unanswered, own_codebook()) == TEXT
    shown = printed(document(labels, unanswered), own_codebook())
    assert re.search(r"^rebels +1 *$", shown, re.MULTILINE)
    assert "The outlet's own sentences: 2 body; 0 hedged." in shown


def test_answers_to_mentions() -> None:
    asked = replace(mention("rebels", "heroes", None), tasks={"tone": "ironic"})
    other = replace(mention("terrorists", "heroes", None), tasks={"tone": "plain"})
    assert plain(sentence(asked), own_codebook()) == (
        "The so-called heroes‹rebels tone: ironic› took the town, the mayor said."
    )
    assert "heroes‹rebels tone: ironic+terrorists tone: plain› took" in plain(sentence(asked, other), own_codebook())


def test_voices_differ_without_colours() -> None:
    looks = {
        (style.bold, style.underline, style.underline2, style.reverse, style.italic)
        for style in (*VOICE_STYLES.values(), HEDGE_STYLE)
    }
    assert len(looks) == len(VOICE_STYLES) + 1
    assert len({style.color for style in (*VOICE_STYLES.values(), HEDGE_STYLE)}) == len(VOICE_STYLES) + 1


def test_no_colour_code_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = printed(document(sentence(mention("heroes", "heroes")), sentence()), force_terminal=True)
    assert "\x1b[1mheroes\x1b[0m" in shown
    assert not re.search(r"\x1b\[(\d+;)*3[0-8]", shown)


def test_comments_and_boilerplate_are_told_and_not_counted() -> None:
    shown = printed(
        document(
            sentence(mention("heroes", "heroes"), kind=Kind.HEADLINE),
            sentence(mention("heroes", "heroes"), mention("recapture", "took"), kind=Kind.COMMENT, start=52),
            sentence(text="Share " * 100, kind=Kind.BOILERPLATE, start=104),
        )
    )
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0].startswith("The Daily · 2016-12-15 · 0 ─")
    assert lines[2].startswith("The so-called heroes‹heroes›")
    assert lines[3].startswith("[comment] The so-called heroes‹heroes› took‹recapture›")
    assert lines[4].startswith("[boilerplate] Share Share")
    assert "more characters)" in shown
    assert re.search(r"^heroes +1 +· +· +· +1$", "\n".join(lines), re.MULTILINE)
    assert not re.search(r"^recapture ", "\n".join(lines), re.MULTILINE)
    told = " ".join(lines)
    assert "own sentences: 1 headline; 0 hedged. Not counted: 1 comment (heroes 1, recapture 1), 1 boilerplate." in told


def test_lines_and_paragraphs_stay() -> None:
    text = "Rain.  Rain!\nHail?\r\n\r\n\r\nSnow."
    parts = [(0, "Rain."), (7, "Rain!"), (13, "Hail?"), (24, "Snow.")]
    assert all(text[start:].startswith(part) for start, part in parts)
    shown = printed(document(*(sentence(text=part, start=start) for start, part in parts), text=text))
    assert [line.rstrip() for line in shown.splitlines()][2:6] == ["Rain. Rain!", "Hail?", "", "Snow."]


def test_a_text_gives_the_terminal_no_orders() -> None:
    assert "\x1b" not in printed(document(sentence(text="A \x1b[31mred\x07 \x9b2J text"), sentence()))
