"""The seeds themselves, and the check that any such set has to pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from framing.codebook import Codebook
from framing.errors import InputError, UnreadableFileError
from framing.seeds import check, datasheet_is_current, write_datasheet
from framing.types import Kind
from tests.own_codebook import own_codebook

SEEDS = Path(__file__).parents[1] / "seeds"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "seeds"

# --- our own seeds ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_seeds_have_no_problems_and_leave_no_label_out() -> None:
    report = check([SEEDS])
    assert report.problems == ()
    assert report.sentences >= 6000
    assert sum(report.files.values()) == sum(report.kinds.values()) == report.sentences
    assert set(report.frames) == set(Codebook.default().label_names)
    assert all(count > 100 for count in report.frame_sentences.values())
    assert all(report.hedges.values()) and all(report.kinds.values())


@pytest.mark.slow
def test_the_datasheet_has_the_counts_of_the_files() -> None:
    """If this fails: framing seeds check seeds --datasheet seeds/README.md --refresh."""
    assert datasheet_is_current(SEEDS / "README.md", check([SEEDS]))


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_the_seeds_are_those_that_were_handed_over() -> None:
    for path in SHARED.glob("*.tsv"):
        assert (SEEDS / path.name).read_bytes() == path.read_bytes()


def test_the_marks_in_the_annotators_guide_parse(tmp_path: Path) -> None:
    lines = (SEEDS / "ANNOTATING.md").read_text(encoding="utf-8").splitlines()
    examples = [line.strip() for line in lines if line.startswith("    ") and "[[" in line and "|tag" not in line]
    examples = [line for line in examples if not line.startswith("[[words|")]
    assert len(examples) >= 6
    path = tmp_path / "guide.tsv"
    path.write_text("".join(f"g\tbody\t{line}\n" for line in examples), encoding="utf-8")
    assert check([path]).problems == ()


# --- the check ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.tsv").write_text(
        "g1\theadline\t[[Rebels|rebels.author]] take the mill\n"
        'g1\tbody\t[[They|source]] say "[[thugs|criminals.distanced+hedge.distancing]]" [[may|hedge.epistemic]] go.\n'
        "g2\tbody\tThe mill burned for [[about|hedge.approximation]] a day.\n"
        "g3\tboilerplate\tHome | World | Share\n",
        encoding="utf-8",
    )
    return tmp_path


def test_counts(folder: Path) -> None:
    report = check([folder])
    assert report.codebook == "armed_conflict, version 1"
    assert report.files == {"a.tsv": 4}
    assert (report.sentences, report.groups, report.unmarked, report.hedged) == (4, 3, 1, 1)
    assert (report.mentions, report.sources) == (2, 1)
    assert report.kinds == {"headline": 1, "caption": 0, "body": 2, "comment": 0, "boilerplate": 1}
    assert list(report.kinds) == [str(kind) for kind in Kind]
    assert report.frames["rebels"] == {"author": 1, "attributed": 0, "quoted": 0, "distanced": 0}
    assert report.frames["criminals"]["distanced"] == report.frame_sentences["criminals"] == 1
    assert report.hedges == {"epistemic": 1, "hearsay": 0, "distancing": 1, "approximation": 1}
    assert report.problems == report.warnings == ()
    assert report.to_dict()["mentions"] == 2


def test_problems_are_named_by_file_and_line_and_the_rest_is_counted(folder: Path) -> None:
    path = folder / "b.tsv"
    path.write_text(
        "h1\tbody\t[[Men|rebels.author left.\n"
        "h2\tbdy\tA sentence.\n"
        "h3\tbody\n"
        "h4\tbody\t[[Men|rebel.author]] left.\n"
        "h5\tbody\t[[Rebels|heroes.author]] take the mill\n"
        "h6\tbody\tThe mill burned for [[about|hedge.approximation]] a day.\n"
        "h7\tbody\tGood.\n",
        encoding="utf-8",
    )
    report = check([folder / "a.tsv", path])
    assert [problem.where for problem in report.problems] == [f"{path}:{line}" for line in range(1, 7)]
    reasons = [problem.reason for problem in report.problems]
    assert reasons[0].startswith("column 1: '[[' is not closed")
    assert reasons[1].startswith("the kind 'bdy' is unknown; expected one of headline,")
    assert reasons[2].startswith("2 columns")
    assert reasons[3].startswith("column 7: the label 'rebel'") and reasons[3].endswith("did you mean 'rebels'?")
    assert reasons[4].startswith(f"the sentence is a duplicate of {folder / 'a.tsv'}:1, with other marks")
    assert reasons[5].startswith(f"the sentence is a duplicate of {folder / 'a.tsv'}:3, with the same marks")
    assert report.files == {"a.tsv": 4, "b.tsv": 1}


def test_slips_are_warned_about_and_counted(folder: Path) -> None:
    path = folder / "b.tsv"
    path.write_text("g1\tbody\t[[ men|rebels.author]] left\nh\tbody\tGone. \n", encoding="utf-8")
    report = check([folder])
    assert report.problems == ()
    assert [(w.where, w.reason) for w in report.warnings] == [
        (f"{path}:1", "the sentence begins or ends with white space"),
        (f"{path}:1", "a mark begins or ends with white space"),
        (f"{path}:1", "the group 'g1' is in a.tsv too"),
        (f"{path}:2", "the sentence begins or ends with white space"),
    ]
    assert report.sentences == 6


def test_a_codebook_of_ones_own(folder: Path) -> None:
    codebook = Codebook.from_dict({"labels": ["rebels"], "hedges": {"epistemic": None}})
    report = check([folder], codebook)
    assert list(report.frames) == ["rebels"]
    assert [problem.where[-2:] for problem in report.problems] == [":2", ":3"]


def test_a_codebook_without_voices_and_with_tasks(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text(
        "g1\tstance=hostile topics=war+weather\t[[Rebels|rebels.tone=ironic]] took [[Homs|place.town]] in the rain.\n"
        "g1\tstance=hostile topics=\t[[They|terrorists]] left [[Homs|place.town]] for [[Oman|place.country]].\n"
        "g2\ttopics=war\tRain [[came|rebels.tone=plain]].\n"
        "g2\tbody\tRain came back.\n",
        encoding="utf-8",
    )
    report = check([path], own_codebook())
    assert report.frames == {"rebels": {"": 2}, "terrorists": {"": 1}}
    assert report.frame_sentences == {"rebels": 2, "terrorists": 1}
    assert report.tasks == {
        "stance": {"supportive": 0, "neutral": 0, "hostile": 2},
        "topics": {"war": 2, "weather": 1, "trade": 0},
        "tone": {"plain": 1, "ironic": 1},
        "place": {"town": 2, "country": 1},
    }
    assert (report.kinds, report.hedges, report.hedged, report.sources) == ({}, {}, 0, 0)
    assert [problem.where for problem in report.problems] == [f"{path}:4"]
    markdown = report.to_markdown()
    assert "| frame | sentences | mentions |\n" in markdown
    assert "| place | count |\n| --- | ---: |\n| town | 2 |\n| country | 1 |" in markdown


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no files"):
        check([tmp_path])
    with pytest.raises(InputError, match="an empty list"):
        check([])
    with pytest.raises(UnreadableFileError, match="there is no file"):
        check([tmp_path / "none"])


# --- the datasheet ------------------------------------------------------------------------------------------------

MARKERS = "<!-- counts: begin; written by `framing seeds check`, not by hand -->\n<!-- counts: end -->"


def test_the_datasheet_is_renewed_between_its_markers_only(folder: Path) -> None:
    sheet = folder / "README.md"
    sheet.write_text(f"# Mine\n\n{MARKERS}\n\nText after.\n", encoding="utf-8")
    report = check([folder])
    assert not datasheet_is_current(sheet, report)
    assert write_datasheet(sheet, report)
    assert datasheet_is_current(sheet, report)
    assert not write_datasheet(sheet, report)
    text = sheet.read_text(encoding="utf-8")
    assert text.startswith("# Mine\n\n<!-- counts: begin") and text.endswith("<!-- counts: end -->\n\nText after.\n")
    assert "| rebels | 1 | 1 | 1 | 0 | 0 | 0 |" in text

    with (folder / "a.tsv").open("a", encoding="utf-8") as file:
        file.write("g9\tbody\tOne more.\n")
    assert not datasheet_is_current(sheet, check([folder]))


def test_a_datasheet_without_markers(folder: Path) -> None:
    sheet = folder / "README.md"
    sheet.write_text("# Mine\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no place for the counts"):
        write_datasheet(sheet, check([folder]))
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        datasheet_is_current(folder / "none.md", check([folder]))
