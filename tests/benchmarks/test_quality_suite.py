"""The quality benchmark: its baselines, its command, and that RESULTS.md is what the records give."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import report
from benchmarks.quality.assembly import role_by_rule, tokenize, voice_of
from benchmarks.quality.lexicon import Lexicon, learn, phrases
from benchmarks.quality.run import main
from benchmarks.quality.tfidf import TfidfRegression
from benchmarks.record import RESULTS_FOLDER, Record, Table, sha256_of
from benchmarks.seeds import read_seeds, sha256_of_seeds
from framing.codebook import Codebook
from framing.errors import InputError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import HEADLINES
from framing.markup import parse
from framing.speed import SEEDS
from framing.text.quotations import scan

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(main)
CODEBOOK = Codebook.default()


@pytest.fixture(scope="module")
def few_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 600 of the seeds to learn from."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "00.tsv").write_text((SEEDS / "00.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def other_seeds() -> GoldSet:
    """The next 600, to measure on."""
    return GoldSet.read(SEEDS / "01.tsv", CODEBOOK)


# --- Lexicon ------------------------------------------------------------------------------------------------------


def test_precision_is_the_share_of_marked_occurrences() -> None:
    precisions = learn(
        [
            parse("[[Rebels|rebels.author]] met."),
            parse("The [[rebels|rebels.author]] left."),
            parse("He rebels against fashion."),
            parse("The [[rebels of the north|rebels.author]] came."),
        ]
    )
    # Four occurrences, three of them in a span of the label (one in a longer span), and half an occurrence of doubt.
    assert precisions["rebels"] == {"rebels": pytest.approx(3 / 4.5)}
    assert precisions["rebels of the north"] == {"rebels": pytest.approx(1 / 1.5)}


def test_phrases_carry_their_place() -> None:
    text = "The rebel-held town"
    found = {phrase.words: text[phrase.start : phrase.end] for phrase in phrases(tokenize(text))}
    assert found["rebel held"] == "rebel-held"
    assert found["the rebel held town"] == text


def test_lexicon_finds_a_learned_phrase_and_prefers_the_longest(few_seeds: Path) -> None:
    marked = "[[Government forces|government.author]] met [[gunmen|militants.author]]."
    seeds = GoldSet((parse(marked),) * 20, ("body",) * 20, tuple(map(str, range(20))), ({},) * 20)
    (labels,) = Lexicon(seeds, CODEBOOK).sentences(["Tall gunmen fled government forces"])
    assert [(m.label, m.text) for m in labels.mentions] == [
        ("militants", "gunmen"),
        ("government", "government forces"),
    ]
    assert set(labels.frames) == {"militants", "government"}
    assert not labels.hedged


# --- Voices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("The rebels left the town.", "author"),
        ("The rebels left the town, a mayor said.", "attributed"),
        ('"The rebels are at the door," the mayor said.', "quoted"),
        ('Villagers fed the "rebels" all winter.', "distanced"),
        ("The so-called rebels left.", "distanced"),
    ],
)
def test_voice_rule(text: str, voice: str) -> None:
    role = role_by_rule(text, text.index("rebels"), scan(text).mask, cited=" said" in text)
    assert voice_of(CODEBOOK, role) == voice


def test_a_codebook_without_the_role_has_its_first_voice_and_one_without_voices_none() -> None:
    two = Codebook.from_yaml("labels: [rebels]\nvoices: {ours: {role: own}, theirs: {role: cited}}")
    assert [voice_of(two, role) for role in ("own", "cited", "quoted", "other")] == ["ours", "theirs", "ours", "ours"]
    assert voice_of(Codebook.from_yaml("labels: [rebels]\nvoices: {}"), "own") is None


def test_a_quotation_runs_on_into_the_next_sentence() -> None:
    marked = "[[Rebels|rebels.author]] met."
    seeds = GoldSet((parse(marked),) * 20, ("body",) * 20, tuple(map(str, range(20))), ({},) * 20)
    texts = ['"They came at night, and nobody in our whole street slept.', 'Rebels were in every yard," she said.']
    _, second = Lexicon(seeds, CODEBOOK).sentences(texts)
    assert second.mentions[0].voice == "quoted"
    (alone,) = Lexicon(seeds, CODEBOOK).sentences([texts[1].replace('"', "")])
    assert alone.mentions[0].voice == "attributed"


# --- Both baselines on sentences they have not seen ---------------------------------------------------------------


@pytest.mark.parametrize("baseline", [Lexicon, TfidfRegression])
def test_baselines_beat_guessing_on_unseen_sentences(baseline: type, few_seeds: Path, other_seeds: GoldSet) -> None:
    system = baseline(read_seeds(CODEBOOK, few_seeds), CODEBOOK)
    labelled = other_seeds.predict(system.sentences)
    scores = other_seeds.score(labelled, CODEBOOK)
    everywhere = sum(label.support for label in scores.labels[:22]) / (22 * len(other_seeds))
    assert (
        scores["frames_micro_f1"] > 3 * everywhere
    )  # F1 of giving every label to every sentence is about twice its share
    assert scores["span_overlap_f1"] > 0.2
    for labels in labelled:
        assert set(labels.frames) == {mention.label for mention in labels.mentions}
        for span in (*labels.mentions, *labels.hedges, *labels.sources):
            assert labels.text[span.start : span.end] == span.text
        assert set(labels.probabilities) == set(CODEBOOK.outputs)


# --- The command and the record -----------------------------------------------------------------------------------


def test_the_command_writes_a_record_without_sentences(few_seeds: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    rows = (SEEDS / "01.tsv").read_text(encoding="utf-8").splitlines()[:80]
    gold.write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = CliRunner().invoke(
        app, ["--gold", str(gold), "--seeds", str(few_seeds), "--systems", "lexicon", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    written = (tmp_path / "quality.json").read_text(encoding="utf-8")
    record = json.loads(written)
    assert record["inputs"]["gold"]["sha256"] == hashlib.sha256(gold.read_bytes()).hexdigest()
    assert record["inputs"]["gold"]["sentences"] == 80
    assert "checkpoint" not in record["inputs"]
    lexicon = record["results"]["systems"]["lexicon"]
    for name in HEADLINES:
        interval = lexicon["intervals"][name]
        assert interval["value"] == (None if lexicon[name] is None else pytest.approx(lexicon[name], abs=1e-6))
    assert not any(row.rsplit("\t", 1)[1] in written for row in rows)
    shown = report.render(tmp_path)
    assert "lexicon of the seeds' phrases" in shown
    assert record["inputs"]["gold"]["sha256"] in shown


def test_scores_by_corpus_are_those_of_a_gold_file_with_that_corpus_alone(few_seeds: Path, tmp_path: Path) -> None:
    rows = (SEEDS / "01.tsv").read_text(encoding="utf-8").splitlines()[:130]
    rows = [f"{'bay' if number % 2 else 'hill'}/{row}" for number, row in enumerate(rows)]
    files = {"both": rows, "bay": rows[1::2], "few": [*rows[::2], *(f"rare/{row}" for row in rows[1:21:2])]}
    records = {}
    for name, lines in files.items():
        gold = tmp_path / f"{name}.tsv"
        gold.write_text("\n".join(lines) + "\n", encoding="utf-8")
        arguments = ["--gold", str(gold), "--seeds", str(few_seeds), "--systems", "lexicon", "--out", str(tmp_path)]
        assert CliRunner().invoke(app, arguments).exit_code == 0
        records[name] = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    corpora = records["both"]["results"]["corpora"]["lexicon"]
    assert set(corpora) == {"bay", "hill"}
    alone = records["bay"]["results"]["systems"]["lexicon"]["intervals"]
    assert corpora["bay"] == {metric: alone[metric] for metric in ("frames_micro_f1", "mention_voice_f1")}
    shown = [table for table in records["both"]["tables"] if table["title"].startswith("By corpus")]
    assert [[row[:2] for row in table["rows"]] for table in shown] == [[["hill", "65"], ["bay", "65"]]] * 2
    assert set(records["few"]["results"]["corpora"]["lexicon"]) == {"hill"}  # "rare" has ten sentences


def test_unknown_systems_and_missing_seeds_are_told(tmp_path: Path) -> None:
    gold = str(SEEDS / "01.tsv")
    unknown = CliRunner().invoke(app, ["--gold", gold, "--systems", "oracle", "--out", str(tmp_path)])
    assert unknown.exit_code == 2
    assert "'oracle' is unknown" in unknown.stderr
    missing = CliRunner().invoke(app, ["--gold", gold, "--seeds", str(tmp_path), "--systems", "lexicon"])
    assert missing.exit_code == 2
    assert "has no seeds" in missing.stderr


# --- The report ---------------------------------------------------------------------------------------------------


def test_results_md_is_what_the_records_give() -> None:
    assert not report.is_stale(), "benchmarks/RESULTS.md is stale; run: python -m benchmarks.report"


def test_the_readmes_table_is_what_the_record_gives() -> None:
    assert not report.is_readme_stale(), "the README's table is stale; run: python -m benchmarks.report"
    with pytest.raises(InputError, match="no place"):
        report.readme("# a README without a table")


def test_recorded_quality_is_of_the_seeds_in_the_repository() -> None:
    record = json.loads((RESULTS_FOLDER / "quality.json").read_text(encoding="utf-8"))
    assert record["inputs"]["seeds"]["sha256"] == sha256_of_seeds()


def test_a_report_is_stale_when_a_record_changes(tmp_path: Path) -> None:
    def record(value: str) -> Record:
        table = Table("Times", ("what", "seconds"), (("work", value),), "A note.")
        return Record("speed", "Speed", "python -m x", {"data": {"rows": 3}}, {"value": value}, (table,))

    record("1.0").save(tmp_path)
    page = tmp_path / "RESULTS.md"
    assert report.is_stale(page, tmp_path)
    page.write_text(report.render(tmp_path), encoding="utf-8")
    assert not report.is_stale(page, tmp_path)
    assert "| work | 1.0 |" in page.read_text(encoding="utf-8")
    record("2.0").save(tmp_path)
    assert report.is_stale(page, tmp_path)


def test_a_broken_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text('{"suite": "speed"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"speed.json is no record: it lacks title"):
        report.render(tmp_path)
    (tmp_path / "speed.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"speed.json is no record"):
        report.render(tmp_path)


def test_hash_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"1").hexdigest()
    first = sha256_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = sha256_of(tmp_path)
    (tmp_path / "b").write_text("2", encoding="utf-8")
    assert len({first, second, sha256_of(tmp_path)}) == 3
