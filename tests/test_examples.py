"""The invented corpus that README, report and tests show things with: what its page says of it holds."""

import json
from collections import Counter
from datetime import date
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import pytest

import framing

WAR = Path(__file__).parent.parent / "examples" / "war" / "articles.jsonl"
COPIES = {("interpost-talks", "ushtal-talks"), ("interpost-prisoners", "ostrel-prisoners")}


@pytest.fixture(scope="module")
def articles() -> list[dict[str, str]]:
    return [json.loads(line) for line in WAR.read_text(encoding="utf-8").splitlines()]


def test_each_outlet_tells_each_event_once(articles: list[dict[str, str]]) -> None:
    told = Counter((article["outlet"], article["event"]) for article in articles)
    outlets, events = ({pair[place] for pair in told} for place in (0, 1))
    assert (len(outlets), len(events)) == (4, 10)
    assert set(told.values()) == {1}
    assert len(told) == len(articles) == 40
    for article in articles:
        date.fromisoformat(article["published"])


def test_two_reports_are_copies_and_no_other_is(articles: list[dict[str, str]]) -> None:
    words = {article["id"]: article["text"].split() for article in articles}
    event = {article["id"]: article["event"] for article in articles}
    alike = {
        pair
        for pair in combinations(sorted(words), 2)
        if event[pair[0]] == event[pair[1]] and SequenceMatcher(None, *(words[i] for i in pair)).ratio() > 0.5
    }
    assert alike == COPIES


def test_the_readers_take_all_of_it(articles: list[dict[str, str]]) -> None:
    documents = list(framing.read([str(WAR)]))
    assert [document.id for document in documents] == [article["id"] for article in articles]
    assert all(document.outlet and document.published and document.title for document in documents)
