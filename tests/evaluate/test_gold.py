"""A file of marked sentences as gold: documents go to the labeler whole and in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from framing.codebook import Codebook
from framing.errors import InputError, MarkupError
from framing.evaluate.gold import GoldSet
from framing.types import SentenceLabels
from tests.evaluate.marked_examples import predicted


def test_consecutive_sentences_of_a_document_are_labelled_together(codebook: Codebook, tmp_path: Path) -> None:
    file = tmp_path / "gold.tsv"
    file.write_text(
        "1\tdaily\ta\theadline\t[[Rebels|rebels.author]] agree\n"
        "2\tdaily\ta\tbody\tThey met.\n"
        "3\tpost\tb\tbody\tNobody came.\n"
        "4\tdaily\ta\tcaption\tThe hall.\n",
        encoding="utf-8",
    )
    gold = GoldSet.read(file, codebook)
    asked: list[list[str]] = []

    def label(texts: Sequence[str]) -> list[SentenceLabels]:
        asked.append(list(texts))
        return [predicted(text) for text in texts]

    labelled = gold.predict(label)
    assert asked == [["Rebels agree", "They met."], ["Nobody came."], ["The hall."]]
    assert [labels.text for labels in labelled] == [sentence.text for sentence in gold.sentences]
    assert gold.kinds == ("headline", "body", "body", "caption")
    assert gold.groups == ("a", "a", "b", "a")
    assert gold.select([2, 0]).groups == ("b", "a")


def test_mistakes_in_the_file_are_told(codebook: Codebook, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tsv"
    empty.write_text("\n\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no sentence"):
        GoldSet.read(empty, codebook)
    foreign = tmp_path / "foreign.tsv"
    foreign.write_text("a\tbody\t[[Bandits|bandits.author]] came\n", encoding="utf-8")
    with pytest.raises(MarkupError, match=r"foreign\.tsv:1"):
        GoldSet.read(foreign, codebook)
