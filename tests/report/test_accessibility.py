"""For everyone: axe-core's rules, contrast, names for who cannot see, the keyboard, and print."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from framing.report import page
from framing.report.front import Report, article, report
from framing.report.marks import MARK_CSS
from framing.types import DocumentLabels
from tests.compare.corpora import made_up
from tests.report.conftest import HOSTILE

pytestmark = pytest.mark.slow

CSS = (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core: that of the package, or a newer one that FRAMING_AXE names."""
    if named := os.environ.get("FRAMING_AXE"):
        return Path(named).read_text(encoding="utf-8")
    package = pytest.importorskip("axe_core_python")
    return (resources.files(package) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(
    made: Report, hostile: Report, corpus: list[DocumentLabels], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    small = report(made_up(30, outlets=("A", "B")), title=HOSTILE[4], event="section")
    written = {"made": made.html, "hostile": hostile.html, "small": small.html, "article": article(corpus[0])}
    for name, html in written.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in written}


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Opens a page in light, dark, on a phone or on paper, with all that can be opened open."""

    def opened(path: Path, how: str = "light") -> Any:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if how == "dark" else "light"}
        media = "print" if how == "print" else "screen"
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})
        if how == "phone":
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        browser.get(path.as_uri())
        browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        return browser

    yield opened
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@pytest.mark.parametrize("how", ["light", "dark", "phone"])
@pytest.mark.parametrize("name", ["made", "hostile", "small", "article"])
def test_axe_finds_nothing(look: Any, pages: dict[str, Path], axe: str, name: str, how: str) -> None:
    browser = look(pages[name], how)
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations.map((one) => "
        "[one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3)])), (e) => done(String(e)))"
    )
    assert found == []


def _colours(scheme: str) -> dict[str, str]:
    roots = [dict(re.findall(r"--(\w+):(#\w+)", block)) for block in re.findall(r":root\{([^}]*)\}", CSS)]
    light, dark, paper = roots
    return {"light": light, "dark": light | dark, "print": light | paper}[scheme]


def _contrast(one: str, other: str) -> float:
    """Of two colours, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = (int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4))
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_contrast(scheme: str) -> None:
    """Of charts axe cannot tell it: 4.5 for text, 3 for what is drawn."""
    colours = _colours(scheme)
    for ground in ("paper", "card"):
        for text in ("ink", "soft", "link"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for drawn in ("mark", "grey"):
            assert _contrast(colours[drawn], colours[ground]) >= 3, (drawn, ground)
    light, _, dark = MARK_CSS.partition("prefers-color-scheme:dark")
    for line in re.findall(r"#\w{6}", dark if scheme == "dark" else light):
        assert _contrast(line, colours["card"]) >= 3, line


def test_what_can_be_reached_has_a_name(look: Any, pages: dict[str, Path]) -> None:
    browser = look(pages["made"])
    browser.execute_cdp_cmd("Accessibility.enable", {})
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    browser.execute_cdp_cmd("Accessibility.disable", {})
    reached = [
        node
        for node in tree
        if any(p["name"] == "focusable" and p["value"].get("value") for p in node.get("properties", ()))
        and node["role"]["value"] != "RootWebArea"
    ]
    assert len(reached) > 200
    for node in reached:
        # The line that tells how many sentences are shown is reached by script alone, and is its own text.
        named = node.get("name", {}).get("value", "").strip()
        assert named or node["role"]["value"] == "status", node
    images = [node for node in tree if node["role"].get("value") in ("img", "image")]
    assert len(images) == browser.execute_script("return document.querySelectorAll('svg').length")
    assert all(node["name"]["value"] and node["description"]["value"] for node in images)


def test_the_keyboard_is_enough(look: Any, pages: dict[str, Path]) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    browser = look(pages["made"])

    def press(key: str) -> Any:
        browser.switch_to.active_element.send_keys(key)
        return browser.switch_to.active_element

    skip = press(keys.TAB)
    assert skip.text == "Skip to the findings"
    inside = "const box = arguments[0].getBoundingClientRect(); return box.left >= 0 && box.top >= 0"
    assert browser.execute_script(inside, skip), "what has the focus can be seen"
    outline = browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", skip)
    assert outline == "solid"
    press(keys.ENTER)
    first = press(keys.TAB)
    assert first.text.startswith("Read the sentences of ")
    press(keys.ENTER)
    told = browser.switch_to.active_element
    assert told.get_attribute("id") == "shown"
    assert "Group: " in told.text and "Name: " in told.text
    shown = browser.execute_script("return document.querySelectorAll('ol.evidence > .s:not([hidden])').length")
    assert 0 < shown < 200


def _height_of_paper() -> float:
    """Of A4 less the page's margins, in pixels of CSS."""
    (margin,) = re.findall(r"@page\{margin:([\d.]+)cm", CSS)
    return (29.7 - 2 * float(margin)) / 2.54 * 96


def test_paper(look: Any, pages: dict[str, Path]) -> None:
    browser = look(pages["made"], "print")
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = false")
    seen = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).length"
    for gone in ("nav", ".controls", "button", "select", "input", "details", ".screen", ".skip", "a[download]"):
        assert browser.execute_script(seen, gone) == 0, gone
    for there in ("svg", "table", ".findings", "ol.evidence > .s", "#shown"):
        assert browser.execute_script(seen, there) > 0, there
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**PHONE, "width": 680, "mobile": False})
    cut = (
        "return [...document.querySelectorAll('.scroll')]"
        ".filter((one) => getComputedStyle(one).overflowX !== 'visible' || one.scrollWidth > innerWidth + 1)"
        ".map((one) => one.ariaLabel)"
    )
    assert browser.execute_script(cut) == []
    highest = (
        "return Math.max(...[...document.querySelectorAll('svg')].map((one) => one.getBoundingClientRect().height))"
    )
    assert browser.execute_script(highest) < _height_of_paper()


def test_a_pdf_has_what_the_page_has(look: Any, pages: dict[str, Path], made: Report) -> None:
    pypdf = pytest.importorskip("pypdf")
    browser = look(pages["made"])
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = false")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    sheets = [sheet.extract_text() for sheet in pypdf.PdfReader(BytesIO(base64.b64decode(printed["data"]))).pages]
    whole = " ".join(" ".join(sheets).split())
    own = made.comparison.corpus.codebook.voices_of_role("own")
    for finding in made.findings:
        assert finding.sentence(own) in whole
    for heading in ("Who names it how", "Does it hold?", "What measured it", "What it does not say"):
        assert heading in whole
    assert "Skip to the findings" not in whole and "show all" not in whole
    assert f"1 / {len(sheets)}" in sheets[0]
