"""The model beside annotated documents: what it finds, confuses, and how sure it may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html as lxml_html

from framing.compare.annotation import draw_sample
from framing.compare.columns import read_corpus
from framing.compare.gold import Gold, read_gold
from framing.evaluate.gold import GoldSet
from framing.report.annotated import Band, Confusion, LabelTrial, Trial, try_model
from framing.report.front import report
from framing.types import DocumentLabels, Mention
from tests.compare.corpora import CODEBOOK, document, sentence

pytestmark = pytest.mark.slow

TEXT = "Rebels and gunmen took the town."
REBELS, GUNMEN, TOWN = (0, 6), (11, 17), (27, 31)


def _mention(label: str, place: tuple[int, int], probability: float = 0.95) -> Mention:
    start, end = place
    return Mention(label, start, end, TEXT[start:end], "author", 0.9, probability)


def _labels(number: int, *mentions: Mention, text: str = TEXT) -> DocumentLabels:
    return document(f"d{number}", "AB"[number % 2], None, [sentence(0, 0, text, mentions)])


def _gold(folder: Path, lines: list[str]) -> Path:
    gold = folder / "gold.tsv"
    rows = (f"s{n}\tA\td{n}\tbody\t{line}\n" for n, line in enumerate(lines))
    gold.write_text("".join(rows), encoding="utf-8")
    return gold


def _tried(labels: list[DocumentLabels], gold: Path) -> Trial:
    corpus = read_corpus(labels).with_keys()
    read: Gold = read_gold(gold, corpus, equal_probabilities=True)
    return try_model(corpus, read)


BOTH = "[[Rebels|rebels.author]] and [[gunmen|militants.author]] took the town."


def test_counts_by_hand(tmp_path: Path) -> None:
    labels = [
        _labels(0, _mention("rebels", REBELS), _mention("militants", GUNMEN, 0.55)),  # both right
        _labels(1, _mention("terrorists", REBELS), _mention("militants", GUNMEN)),  # a rival
        _labels(2, _mention("rebels", REBELS), _mention("fall", TOWN, 0.65)),  # one missed, one too many
        _labels(3, _mention("terrorists", REBELS), text="Another text than the annotated."),
    ]
    trial = _tried(labels, _gold(tmp_path, [BOTH] * 4))
    assert (trial.documents, trial.sentences, trial.apart) == (3, 3, 1)
    assert trial.labels == {
        "terrorists": LabelTrial(0, 1, 0),
        "militants": LabelTrial(3, 2, 2),
        "rebels": LabelTrial(3, 2, 2),
        "fall": LabelTrial(0, 1, 0),
    }
    assert trial.confusions == (Confusion("armed_party", "rebels", "terrorists", 1, 3),)
    assert trial.bands == (
        Band(0.5, 0.6, pytest.approx(0.55), 1, 1),
        Band(0.6, 0.7, pytest.approx(0.65), 1, 0),
        Band(0.9, 1.0, pytest.approx(0.95), 4, 3),
    )


def test_it_agrees_with_evaluate(corpus: list[DocumentLabels], tmp_path: Path) -> None:
    """Span scores of framing.evaluate, of the same sentences and marks."""
    path = tmp_path / "gold.tsv"
    draw_sample(corpus, each=25, seed=2).write(path)
    gold = GoldSet.read(path, CODEBOOK)
    by_text = {(one.document.id, s.text): s for one in corpus for s in one}
    places = [n for n, kind in enumerate(gold.kinds) if kind in CODEBOOK.outlet_kinds]
    part = gold.select(places)
    predictions = [by_text[group, s.text] for group, s in zip(part.groups, part.sentences, strict=True)]
    whole = read_corpus(corpus).with_keys()
    trial = try_model(whole.select(), read_gold(path, whole))
    assert trial.sentences == len(part) and trial.apart == len(gold) - len(part)
    scores = {one.name: one for one in part.score(predictions, CODEBOOK).spans}
    assert len(trial.labels) > 3
    for name, one in trial.labels.items():
        assert one.marked == scores[name].support
        assert one.both / one.said == pytest.approx(scores[name].precision)
        assert one.both / one.marked == pytest.approx(scores[name].recall)


def test_the_card_tells_the_confusions(tmp_path: Path) -> None:
    labels = [
        _labels(n, _mention("terrorists" if n % 4 else "rebels", REBELS), _mention("militants", GUNMEN))
        for n in range(16)
    ]
    gold = _gold(tmp_path, [BOTH] * 16)
    page = lxml_html.fromstring(report(labels, gold=gold, equal_probabilities=True).html)
    (card,) = page.xpath("//section[@aria-labelledby='instrument']")
    rows = [[cell.text_content() for cell in row] for row in card.xpath(".//tr[td]")]
    assert ["rebels", "terrorists", "armed_party", "12 of 16"] in rows
    assert ["rebels", "4 of 16", "4 of 4"] in rows
    assert ["0.9 to 1.0", "95%", "62%", "20 of 32"] in rows
    without = lxml_html.fromstring(report(labels).html)
    said = " ".join(without.xpath("string(//section[@aria-labelledby='instrument'])").split())
    assert "with annotated documents (framing report --gold FILE) they are counted here" in said
