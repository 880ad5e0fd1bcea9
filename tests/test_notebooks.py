"""The notebooks of docs/notebooks run, and say what the package, pandas and the examples say."""

import json
import xml.etree.ElementTree as ElementTree
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import framing

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "docs" / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
WAR = ROOT / "examples" / "war" / "articles.jsonl"


def cells(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_of_the_format_and_committed_without_outputs(name: str) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(NOTEBOOKS / name, as_version=4))
    for cell in cells(name):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None), cell["id"]
        assert cell["id"].replace("-", "").isalpha()  # a name, so that a difference between versions can be read


def executed(name: str, folder: Path) -> dict[str, dict[str, str]]:
    """Run a notebook where it lies in a checkout.

    Returns:
        cell id -> MIME type -> what its last value is shown as; ``text/plain`` of a stream for what it prints.
    """
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    place = folder / "docs" / "notebooks"
    place.mkdir(parents=True)
    (folder / "examples" / "war").mkdir(parents=True)
    (folder / "examples" / "war" / WAR.name).write_bytes(WAR.read_bytes())
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}}).execute()
    shown: dict[str, dict[str, str]] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type in ("execute_result", "display_data"), (cell.id, output)  # no warning either
            shown.setdefault(cell.id, {}).update(output.data)
    return shown


def table(shown: dict[str, str]) -> Any:
    pandas = pytest.importorskip("pandas")
    (found,) = pandas.read_html(StringIO(shown["text/html"]), index_col=0)
    if found.columns.nlevels == 2:  # the second row of the head names the index
        found.columns = found.columns.get_level_values(0)
    return found


@pytest.fixture(scope="module")
def first_look(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    return executed("first_look.ipynb", tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def outlets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outlets")


@pytest.fixture(scope="module")
def compare_outlets(outlets_folder: Path) -> dict[str, dict[str, str]]:
    return executed("compare_outlets.ipynb", outlets_folder)


def source(name: str, cell: str) -> str:
    (found,) = [one for one in cells(name) if one["id"] == cell]
    return "".join(found["source"])


def texts_of_marks(html: str) -> list[str]:
    """What a browser shows between ``<mark>`` and its end."""
    body = ElementTree.fromstring(html)
    return ["".join(mark.itertext()) for mark in body.iter("mark")]


@pytest.mark.slow
def test_first_look_shows_marks_in_the_page(first_look: dict[str, dict[str, str]]) -> None:
    marks = texts_of_marks(first_look["sentence"]["text/html"])
    assert {"army", "liberated", "terrorists", "state TV", "claimed"} <= set(marks)
    text = "".join(ElementTree.fromstring(first_look["article"]["text/html"]).itertext())
    assert "Kelmar Tribune · 2031-03-03" in text
    assert "[boilerplate]" in text


@pytest.mark.slow
def test_first_look_says_the_frames_that_its_text_tells(first_look: dict[str, dict[str, str]]) -> None:
    said = first_look["parts"]["text/plain"]
    for word, label in (("army", "government"), ("liberated", "liberation"), ("terrorists", "terrorists")):
        assert f"('{word}', '{label}', 'attributed', 'state TV')" in said
    assert first_look["offsets"]["text/plain"] == "True"


@pytest.mark.slow
def test_first_look_counts_as_a_loop_does(first_look: dict[str, dict[str, str]]) -> None:
    space: dict[str, Any] = {}
    code = source("first_look.ipynb", "article").removesuffix("article")
    exec(code, {"labeler": framing.load()}, space)
    article = space["article"]
    by_voice: dict[tuple[str, str], int] = {}
    for sentence in article:
        for mention in sentence.mentions if sentence.kind not in ("comment", "boilerplate") else ():
            by_voice[mention.label, mention.voice] = by_voice.get((mention.label, mention.voice), 0) + 1
    shown = table(first_look["voices"])
    found = {(label, voice): shown.loc[label, voice] for label in shown.index for voice in shown.columns}
    assert {pair: count for pair, count in found.items() if count} == by_voice
    own = {label: count for (label, voice), count in by_voice.items() if voice == "author"}
    assert first_look["counts"]["text/plain"].startswith(f"(Counter({own}),")
    assert "terrorists" not in own
    assert ("terrorists", "quoted") in by_voice


@pytest.mark.slow
def test_compare_outlets_reads_all_articles(compare_outlets: dict[str, dict[str, str]]) -> None:
    lines = WAR.read_text(encoding="utf-8").splitlines()
    assert compare_outlets["label"]["text/plain"].startswith(f"({len(lines)}, ")
    first = json.loads(lines[0])
    text = "".join(ElementTree.fromstring(compare_outlets["look"]["text/html"]).itertext())
    assert first["outlet"] in text
    assert first["title"].split()[0] in text


@pytest.mark.slow
def test_shares_of_compare_outlets_are_those_that_pandas_makes(compare_outlets: dict[str, dict[str, str]]) -> None:
    pandas = pytest.importorskip("pandas")
    labeler = framing.load()
    rows = [
        {"group": document.document.outlet, "label": mention.label, "voice": mention.voice}
        for document in labeler.documents(framing.read([WAR]))
        for sentence in document
        if sentence.kind in ("headline", "body", "caption")
        for mention in sentence.mentions
    ]
    (names,) = [contrast.labels for contrast in labeler.codebook.contrasts if contrast.name == "armed_party"]
    mentions = pandas.DataFrame(rows)
    mentions = mentions[mentions["label"].isin(names)]
    own = mentions[mentions["voice"] == "author"]
    shares = pandas.crosstab(own["group"], own["label"], normalize="index")
    shown = table(compare_outlets["compare"])
    assert len(shown) >= 4 * len(shares.columns)
    for row in shown.itertuples():
        assert row.value == pytest.approx(shares[row.label].get(row.group, 0) if row.label in shares else 0, abs=0.006)
        assert row.low <= row.value <= row.high
        assert row.denominator == (own["group"] == row.group).sum()
    everyone = pandas.crosstab(mentions["group"], mentions["label"], normalize="index")
    for row in table(compare_outlets["voice"]).itertuples():
        assert row.value_all == pytest.approx(everyone.loc[row.group, "terrorists"], abs=0.006)


@pytest.mark.slow
def test_compare_outlets_draws_and_writes(compare_outlets: dict[str, dict[str, str]], outlets_folder: Path) -> None:
    ElementTree.fromstring(compare_outlets["plot"]["image/svg+xml"])
    outlets = {json.loads(line)["outlet"] for line in WAR.read_text(encoding="utf-8").splitlines()}
    assert all(outlet in compare_outlets["plot"]["image/svg+xml"] for outlet in outlets)
    assert table(compare_outlets["differences"])["q"].between(0, 0.05).all()
    assert compare_outlets["report"]["text/html"].count("<li>") == 3
    page = (outlets_folder / "docs" / "notebooks" / "report.html").read_text(encoding="utf-8")
    assert "Four outlets on one war" in page
    assert all(outlet in page for outlet in outlets)
    assert "<script src=" not in page
