"""A corpus whose mentions are known, reports of it, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framing.codebook import Codebook
from framing.records import open_writer
from framing.report.front import Report, report
from framing.types import Document, DocumentLabels
from tests.compare.corpora import document, made_up, mention, sentence

HOSTILE = [
    "<script>alert(1)</script> met rebels",
    "\"><img src=x onerror=alert(1)> 'quoted' &amp; &lt;b&gt;",
    "see javascript:alert(1) and </script><script>document.title='taken'</script>",
    "w" * 1_000_000,
    "קרב في المدينة ‮turned‬ around",
    "<!-- <script> ]]> -- \u2028 \x00\x07 {{7*7}} ${x} [[a|b]] \\[[ ]] |",
]


@pytest.fixture(scope="session")
def corpus() -> list[DocumentLabels]:
    """120 documents of three outlets."""
    return made_up(120, outlets=("East", "West", "North"), seed=3)


@pytest.fixture(scope="session")
def records(corpus: list[DocumentLabels], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "labels.parquet"
    with open_writer(path, codebook=Codebook.default(), carry=["section"]) as writer:
        for labels in corpus:
            writer.write(labels)
    return path


@pytest.fixture(scope="session")
def made(records: Path) -> Report:
    return report(records, seed=5)


@pytest.fixture(scope="session")
def hostile() -> Report:
    """Every place that text can come from is hostile: sentences, ids, outlets, sources, events, the title."""
    documents = []
    for number, text in enumerate(HOSTILE * 2):
        outlet = HOSTILE[number % 3]
        own = [sentence(0, 0, text, (mention("rebels", source=HOSTILE[number % 3]),), kind="headline")]
        made = document(f"d{number}", outlet, f"2016-0{1 + number % 3}-05", own, event=HOSTILE[number % 2])
        whole = Document(
            made.document.text,
            id=f"{HOSTILE[number % 3]}{number}",
            outlet=outlet,
            published=made.document.published,
            metadata=made.document.metadata,
            input=HOSTILE[0],
            row=number,
        )
        sentences = tuple(one.within(whole) for one in made)
        documents.append(DocumentLabels(sentences, codebook=made.codebook, document=whole))
    return report(documents, title=HOSTILE[2])


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium that has no network."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and its driver are missing")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1100,900",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = selenium.Chrome(options=options, service=service)
    driver.set_page_load_timeout(120)
    driver.set_script_timeout(300)
    yield driver
    driver.quit()
