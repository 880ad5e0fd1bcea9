"""The page in a real Chromium that has no network. Left out where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree

from framing.compare.front import compare
from framing.markup import MarkedSentence, MarkedSpan, Tag, write
from framing.report.front import Report

pytestmark = pytest.mark.slow


def _open(browser: Any, report: Report, folder: Path) -> list[str]:
    """Open a page; what the browser asked for."""
    browser.get_log("performance")
    browser.get_log("browser")
    file = folder / "report.html"
    report.write(file)
    browser.get(file.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if not url.startswith("data:")]


def _visible(browser: Any) -> list[dict[str, str]]:
    script = (
        "return [...document.querySelectorAll('ol.evidence > .s')].filter(s => !s.hidden).map(s => ({...s.dataset}))"
    )
    return browser.execute_script(script)  # type: ignore[no-any-return]


def _set(browser: Any, field: str, value: str) -> None:
    browser.execute_script(
        "const f = document.getElementById(arguments[0]); f.value = arguments[1]; f.dispatchEvent(new Event('input'))",
        field,
        value,
    )


def test_nothing_is_asked_for_and_nothing_goes_wrong(browser: Any, made: Report, tmp_path: Path) -> None:
    assert _open(browser, made, tmp_path) == [(tmp_path / "report.html").as_uri()]
    assert browser.get_log("browser") == []


def test_hostile_articles_do_nothing(browser: Any, hostile: Report, tmp_path: Path) -> None:
    assert _open(browser, hostile, tmp_path) == [(tmp_path / "report.html").as_uri()]
    assert browser.get_log("browser") == []
    assert browser.title != "taken"
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) <= 0, "a word of a megabyte does not widen the page"


def test_filters(browser: Any, made: Report, tmp_path: Path) -> None:
    _open(browser, made, tmp_path)
    every = _visible(browser)
    assert len(every) == made.sampled[0]
    _set(browser, "f-g", "1")
    assert [one["g"] for one in _visible(browser)] == ["1"] * sum(one["g"] == "1" for one in every)
    _set(browser, "f-l", "0")
    _set(browser, "f-v", "2")
    expected = [one for one in every if one["g"] == "1" and "0.2" in one.get("f", "").split()]
    assert _visible(browser) == expected != []
    _set(browser, "f-since", "2016-06-01")
    assert _visible(browser) == [one for one in expected if one["d"] >= "2016-06-01"]
    browser.execute_script("document.getElementById('reset').click()")
    _set(browser, "f-text", "OF WEST")
    assert {one["g"] for one in _visible(browser)} == {"2"}
    _set(browser, "f-text", "")
    _set(browser, "f-h", "any")
    assert _visible(browser) == [one for one in every if one.get("hedged") == "1"] != []


def test_every_number_leads_to_its_sentences(browser: Any, made: Report, tmp_path: Path) -> None:
    _open(browser, made, tmp_path)
    links = browser.execute_script(
        "return [...document.querySelectorAll('a[href=\"#evidence\"][data-l]')].map(a => ({...a.dataset}))"
    )
    for place in (0, 5, len(links) // 2, len(links) - 1):
        browser.execute_script(
            "const a = document.querySelectorAll('a[href=\"#evidence\"][data-l]')[arguments[0]];"
            "a.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))",
            place,
        )
        want = links[place]
        for one in _visible(browser):
            assert one["g"] == want["g"]
            pairs = [pair.split(".") for pair in one["f"].split()]
            assert any(label == want["l"] and voice == want.get("v", voice) for label, voice in pairs)
        told = browser.execute_script("return document.activeElement.textContent")
        group = made.comparison.groups[int(want["g"])].name
        assert "sampled sentences are shown" in told and f"Group: {group}" in told


def test_a_dot_leads_to_its_sentences(browser: Any, made: Report, tmp_path: Path) -> None:
    _open(browser, made, tmp_path)
    want = browser.execute_script(
        "const dot = document.querySelector('svg [data-e][data-g=\"1\"][data-l]');"
        "dot.querySelector('circle').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));"
        "return {...dot.dataset}"
    )
    shown = _visible(browser)
    assert shown and {one["g"] for one in shown} == {"1"}
    assert all(f"{want['l']}.{want['v']}" in one["f"].split() for one in shown)


def test_a_chart_is_a_file(browser: Any, made: Report, tmp_path: Path) -> None:
    _open(browser, made, tmp_path)
    address, drawings = browser.execute_script(
        "const figure = document.querySelector('figure');"
        "return [figure.querySelector('a[data-svg]').href, figure.querySelectorAll('svg').length]"
    )
    whole = etree.fromstring(unquote(address.partition(",")[2]).encode("utf-8"))
    name = "{http://www.w3.org/2000/svg}svg"
    parts = whole.findall(name)
    assert whole.tag == name and len(parts) == drawings > 1
    places = [float(one.get("y")) for one in parts]
    heights = [float(one.get("height")) for one in parts]
    assert places == [sum(heights[:n]) for n in range(len(heights))]
    assert float(whole.get("height")) == sum(heights)


def test_the_checked_documents_are_gold(browser: Any, made: Report, records: Path, tmp_path: Path) -> None:
    _open(browser, made, tmp_path)
    address = browser.execute_script(
        "for (const b of document.querySelectorAll('#check-list details')) b.open = true;"
        "const boxes = [...document.querySelectorAll('#check-list .check')];"
        "boxes[0].querySelectorAll('.judge button').forEach(b => { if (b.textContent === 'wrong') b.click(); });"
        "boxes.forEach(b => b.querySelector('input[type=checkbox]').click());"
        "return document.getElementById('gold').href"
    )
    gold = tmp_path / "gold.tsv"
    gold.write_bytes(unquote(address.partition(",")[2], errors="strict").encode("utf-8"))
    lines = gold.read_text(encoding="utf-8").splitlines()
    first = lines[0].split("\t")[2]
    assert not any("[[" in line for line in lines if line.split("\t")[2] == first)
    assert any("[[" in line for line in lines)
    compare(records, gold=gold, equal_probabilities=True)


@pytest.mark.parametrize(
    "text", ["a [[b]] c", "[[", "]]]", "x|y", "\\[[a\\", "[[[[", "a\\\\]]|", "𝔞 قَ [", "end\\", "[x] | [[y|z]] \\|"]
)
def test_marks_are_written_as_framing_writes_them(browser: Any, made: Report, tmp_path: Path, text: str) -> None:
    if "data" not in browser.current_url and "report.html" not in browser.current_url:
        _open(browser, made, tmp_path)
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            span = MarkedSpan(start, end, text[start:end], (Tag("source", "source"),))
            given = {"text": text, "spans": [[start, end, "source"]]}
            assert browser.execute_script("return framingMarked(arguments[0])", given) == write(
                MarkedSentence(text, (span,))
            )


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_a_phone_is_wide_enough(browser: Any, which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    _open(browser, request.getfixturevalue(which), tmp_path)
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 360
