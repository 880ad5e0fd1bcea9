"""Offsets in UTF-16, against Python's own encoder."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.convert import convert
from framing.convert.bio import spans_of_tags
from framing.convert.offsets import Places, to_utf16, units_before
from framing.convert.tokens import tokenize
from framing.errors import InputError

texts = st.text(max_size=30)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.slow
@given(texts)
def test_code_units_are_those_of_the_encoder(text: str) -> None:
    expected = [units(text[:place]) for place in range(len(text) + 1)]
    assert units_before(text) == expected
    assert [to_utf16(text, place) for place in range(len(text) + 1)] == expected
    assert [Places(text, "utf16")(place) for place in expected] == list(range(len(text) + 1))


@given(texts)
def test_an_offset_within_a_character_is_refused(text: str) -> None:
    whole = set(units_before(text))
    place = Places(text, "utf16")
    for offset in set(range(units(text))) - whole:
        with pytest.raises(InputError, match="within a character"):
            place(offset)
    for offset in (-1, units(text) + 1):
        with pytest.raises(InputError, match="outside of the text"):
            place(offset)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.text(st.sampled_from("ab \U0001f600"), min_size=1, max_size=12), st.data())
def test_tools_that_count_utf_16_are_given_utf_16(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    text = f"{text[:start]}words{text[start:]}"
    row = {"text": text, "spans": [[start, start + 5, "rebels"]], "group": "g"}
    expected = (units(text[:start]), units(text[:start]) + 5)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "x.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        convert(folder / "x.jsonl", folder / "y.jsonl", to_format="doccano")
        assert tuple(json.loads((folder / "y.jsonl").read_text(encoding="utf-8"))["label"][0][:2]) == expected
        convert(folder / "x.jsonl", folder / "y.json", to_format="cas")
        cas = json.loads((folder / "y.json").read_text(encoding="utf-8"))
    entity = next(one for one in cas["%FEATURE_STRUCTURES"] if one["%TYPE"].endswith("NamedEntity"))
    assert (entity["begin"], entity["end"]) == expected


@given(texts, st.sets(st.integers(0, 30), max_size=4))
def test_tokens_are_the_text_without_its_white_space(text: str, borders: set[int]) -> None:
    tokens = list(tokenize(text, borders))
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split())
    assert not any(token.start < border < token.end for token in tokens for border in borders)


def test_tags_of_every_scheme() -> None:
    places = [(place, place + 1) for place in range(6)]

    def spans(tags: str) -> list[tuple[int, int, str]]:
        return list(spans_of_tags(tags.split(), places[: len(tags.split())]))

    assert spans("B-a I-a O B-a B-a I-b") == [(0, 2, "a"), (3, 4, "a"), (4, 5, "a"), (5, 6, "b")]
    assert spans("I-a I-a B-a O") == [(0, 2, "a"), (2, 3, "a")]
    assert spans("B-a E-a S-a S-a") == spans("B-a L-a U-a U-a") == [(0, 2, "a"), (2, 3, "a"), (3, 4, "a")]
    with pytest.raises(InputError, match="the tag 'Q-a'"):
        spans("Q-a")
