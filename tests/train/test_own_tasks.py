"""A codebook of one's own from end to end: trained, opened by every engine, written, read by others, and scored."""

import json
import math
from itertools import product
from pathlib import Path

import datasets
import duckdb
import numpy as np
import pandas
import polars
import pyarrow.parquet
import pytest
import yaml
from sklearn.metrics import accuracy_score, f1_score
from typer.testing import CliRunner

import framing
from framing import DocumentLabels, Labeler, Labels, SentenceLabels
from framing.cli.main import app
from framing.codebook import Codebook
from framing.evaluate.scoring import headlines
from framing.markup import MarkedRow, read_rows
from framing.train.loop import TrainedRun
from tests.own_codebook import OWN, TASKS_ONLY

pytestmark = pytest.mark.slow

#: What each part of a sentence says: word -> answer.
STANCES = {"won": "supportive", "came": "neutral", "butchers killed civilians": "hostile"}
TOPICS = {"in rain": "weather", "to market": "trade", "in rain to market": "weather+trade", "": ""}
SUBJECTS = {"rebels": "rebels", "terrorists": "terrorists", "army": None}
TONES = {"": "plain", "so called ": "ironic"}
PLACES = {"town": "town", "city": "country"}

#: Which no training sentence has in this combination.
UNSEEN = [
    ("terrorists", "so called ", "came", "in rain to market", "city"),
    ("rebels", "", "butchers killed civilians", "", "town"),
    ("army", "", "won", "to market", "city"),
    ("rebels", "so called ", "won", "in rain", "town"),
]


def marked(subject: str, tone: str, verb: str, topic: str, place: str) -> str:
    label = SUBJECTS[subject]
    named = f"[[{subject}|{label}.tone={TONES[tone]}]]" if label else subject
    return f"The {tone}{named} of [[{place}|place.{PLACES[place]}]] {verb} {topic}".strip()


def rows(*, marks: bool) -> list[str]:
    """The training set: every combination but those that are kept to be labelled."""
    combinations = [
        c for c in product(SUBJECTS, TONES, STANCES, TOPICS, PLACES) if c not in UNSEEN and (c[0] != "army" or not c[1])
    ]
    lines = []
    for number, (subject, tone, verb, topic, place) in enumerate(combinations):
        sentence = marked(subject, tone, verb, topic, place) if marks else text(subject, tone, verb, topic, place)
        lines.append(f"g{number // 2}\tstance={STANCES[verb]} topics={TOPICS[topic]}\t{sentence}")
    return lines


def text(*parts: str) -> str:
    return MarkedRow.parse(f"g\t\t{marked(*parts)}", Codebook.from_dict(OWN)).sentence.text


TEXTS = [text(*parts) for parts in UNSEEN]


def trained(folder: Path, base: Path, codebook: dict[str, object], *, marks: bool) -> TrainedRun:
    (folder / "codebook.yaml").write_text(yaml.safe_dump(codebook, sort_keys=False))
    (folder / "train.tsv").write_text("\n".join(rows(marks=marks)) + "\n")
    return framing.train(
        train=folder / "train.tsv",
        codebook=folder / "codebook.yaml",
        base=base,
        output_dir=folder / "model",
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=3e-3,
        head_learning_rate=1e-2,
        per_device_train_batch_size=8,
        num_train_epochs=18,
        task_weight=2.0,
        head_dropout=0.0,
        encoder_dropout=0.0,
        strip_punctuation=0.0,
        early_stopping_patience=0,
        save_strategy="no",
        load_best_model_at_end=False,
    )


@pytest.fixture(scope="module")
def own_run(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return trained(tmp_path_factory.mktemp("own"), tiny_base, OWN, marks=True)


@pytest.fixture(scope="module")
def tasks_run(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return trained(tmp_path_factory.mktemp("tasks"), tiny_base, TASKS_ONLY, marks=False)


@pytest.fixture(scope="module")
def own(own_run: TrainedRun) -> Labeler:
    return framing.load(own_run.folder, engine="onnx", device="cpu")


@pytest.fixture(scope="module")
def tasks_only(tasks_run: TrainedRun) -> Labeler:
    return framing.load(tasks_run.folder, engine="onnx", device="cpu")


def check_answers(labels: Labels) -> None:
    """Stance and topics are those that the words stand for."""
    for (_, _, verb, topic, _), sentence in zip(UNSEEN, labels, strict=True):
        assert sentence.tasks["stance"] == STANCES[verb]
        assert set(sentence.tasks["topics"]) == set(filter(None, TOPICS[topic].split("+")))


# --- training ---------------------------------------------------------------------------------------------------------


def test_everything_that_was_asked_is_learned(own: Labeler) -> None:
    labels = own(TEXTS)
    check_answers(labels)
    for (subject, tone, _, _, place), sentence in zip(UNSEEN, labels, strict=True):
        label = SUBJECTS[subject]
        assert list(sentence.frames) == ([label] if label else [])
        assert [(m.label, m.text, m.tasks) for m in sentence.mentions] == (
            [(label, subject, {"tone": TONES[tone]})] if label else []
        )
        assert [(words.value, words.text) for words in sentence.tasks["place"]] == [(PLACES[place], place)]
        # What the codebook leaves out is in no record.
        assert (sentence.hedges, sentence.sources, sentence.hedged, sentence.kind) == ((), (), False, "body")
        assert {(m.voice, m.voice_probability, m.source) for m in sentence.mentions} <= {(None, None, None)}
        assert tuple(sentence.probabilities) == own.codebook.probability_names


def test_tasks_alone_are_learned(tasks_only: Labeler) -> None:
    labels = tasks_only(TEXTS)
    check_answers(labels)
    assert {head.name for head in tasks_only.checkpoint.heads} == {"stance", "topics"}
    for sentence in labels:
        assert (sentence.frames, sentence.mentions, sentence.hedges) == ({}, (), ())
        assert sum(sentence.probabilities[f"stance.{name}"] for name in STANCES.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("which", ["own_run", "tasks_run"])
def test_the_quality_of_tasks_is_in_the_metrics_and_on_the_card(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    codebook = Codebook.load(run.folder / "codebook.yaml")
    measured = json.loads((run.folder / "metrics.json").read_text())["validation"]
    assert set(measured) == set(headlines(codebook)) == set(run.metrics)
    for name in ("stance_accuracy", "stance_macro_f1", "topics_macro_f1", "topics_micro_f1"):
        assert run.metrics[name] == measured[name]["value"] > 0.9
        assert measured[name]["low"] <= measured[name]["value"] <= measured[name]["high"]
    card = (run.folder / "README.md").read_text()
    assert "stance: `supportive`, `neutral`, `hostile`" in card
    assert "topics: `war`, `weather`, `trade`" in card
    assert f"| stance, accuracy | {measured['stance_accuracy']['value']:.3f} |" in card
    assert ("tone: `plain`, `ironic`" in card) == ("place, spans by overlap, F1" in card) == (which == "own_run")
    assert "hedg" not in card.partition("---\n\n#")[2]


def test_a_student_takes_over_the_answers_of_its_teacher(own_run: TrainedRun, tmp_path: Path) -> None:
    """Nothing is said of stance or topics but by the teacher."""
    plain = [line.replace(line.split("\t")[1], "") for line in rows(marks=True)]
    (tmp_path / "train.tsv").write_text("\n".join(plain) + "\n")
    student = framing.train(
        train=tmp_path / "train.tsv",
        codebook=own_run.folder / "codebook.yaml",
        base=own_run.folder,
        teacher=str(own_run.folder),
        output_dir=tmp_path / "student",
        use_cpu=True,
        disable_tqdm=True,
        num_train_epochs=1,
        learning_rate=1e-4,
        head_learning_rate=1e-4,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
    )
    check_answers(framing.load(student.folder, engine="onnx", device="cpu")(TEXTS))
    assert student.metrics["stance_accuracy"] is None or math.isnan(student.metrics["stance_accuracy"])


# --- engines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["own_run", "tasks_run"])
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_engines_agree(which: str, engine: str, request: pytest.FixtureRequest) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino", reason="the extra framing[openvino] is not installed")
    folder = request.getfixturevalue(which).folder
    texts = [*TEXTS, "", "The army fled " * 60]
    with framing.load(folder, engine="onnx", device="cpu") as first, framing.load(folder, engine=engine) as second:
        for one, other in zip(first(texts), second(texts), strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
            assert one.tasks.keys() == other.tasks.keys()
            assert one.tasks.get("stance") == other.tasks.get("stance")
            assert [(m.label, m.start, m.end, m.tasks) for m in one.mentions] == [
                (m.label, m.start, m.end, m.tasks) for m in other.mentions
            ]


# --- records ----------------------------------------------------------------------------------------------------------


def documents(labeler: Labeler) -> list[DocumentLabels]:
    """Two documents, one of which has a sentence that no task can say anything of."""
    items = [
        {"text": "\n".join(TEXTS), "id": "a", "outlet": "[The] Herald", "published": "2016-12-15", "desk": "world"},
        {"text": f"{TEXTS[0]}\n\u200b\n{TEXTS[3]}", "id": "b", "desk": None},
    ]
    return list(labeler.documents(items))


def written(folder: Path, name: str, labeler: Labeler) -> Path:
    with framing.open_writer(folder / name, codebook=labeler.codebook, carry=["desk"]) as writer:
        for labels in documents(labeler):
            writer.write(labels)
    return folder / name


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet", "x.jsonl.gz"])
@pytest.mark.parametrize("which", ["own", "tasks_only"])
def test_records_read_back_equal(tmp_path: Path, name: str, which: str, request: pytest.FixtureRequest) -> None:
    labeler = request.getfixturevalue(which)
    wanted = documents(labeler)
    path = written(tmp_path, name, labeler)
    found = list(framing.read_labels(path, codebook=None if name == "x.parquet" else labeler.codebook))
    for one, other in zip(found, wanted, strict=True):
        assert one.sentences == other.sentences
        # White space between sentences may be other than it was.
        assert one.document.text.split() == other.document.text.split()
        assert all(one.document.text[s.start : s.end] == s.text for s in one)
        assert one.document.metadata["desk"] == (other.document.metadata["desk"] or ("" if ".csv" in name else None))
        assert set(one.document.metadata) == {"desk"}
        assert one.codebook is not None and one.codebook.fingerprint == labeler.codebook.fingerprint
        assert one.counts() == other.counts()


def records(labeler: Labeler) -> list[dict[str, object]]:
    return [record for labels in documents(labeler) for record in labels.to_dict()]


@pytest.mark.parametrize("which", ["own", "tasks_only"])
def test_others_read_the_parquet_file(tmp_path: Path, which: str, request: pytest.FixtureRequest) -> None:
    labeler = request.getfixturevalue(which)
    path, wanted = written(tmp_path, "x.parquet", labeler), records(labeler)
    stances = [record.get("stance") for record in wanted]
    topics = [list(record["topics"]) for record in wanted]
    hostile = [record["probabilities"]["stance.hostile"] for record in wanted]
    assert None in stances  # of the sentence without a word

    by_datasets = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "c"))
    by_pandas = pandas.read_parquet(path)
    by_polars = polars.read_parquet(path)
    by_duckdb = duckdb.sql(
        f"select stance, [t.value for t in topics] as topics, probabilities['stance.hostile'] as hostile, document_id "
        f"from read_parquet('{path}')"
    ).fetchall()
    found = [
        (by_datasets["stance"], by_datasets["topics"], by_datasets["probabilities"], by_datasets["document_id"]),
        (by_pandas["stance"], by_pandas["topics"], by_pandas["probabilities"], by_pandas["document_id"]),
        tuple(by_polars[name].to_list() for name in ("stance", "topics", "probabilities", "document_id")),
    ]
    for stance, topic, probabilities, ids in found:
        assert [None if missing(value) else value for value in stance] == stances
        assert [[entry["value"] for entry in entries] for entries in topic] == topics
        assert [entry["stance.hostile"] for entry in probabilities] == pytest.approx(hostile, abs=1e-6)
        assert list(ids) == [record["document_id"] for record in wanted]
    assert [row[0] for row in by_duckdb] == stances
    assert [row[1] for row in by_duckdb] == topics
    assert [row[2] for row in by_duckdb] == pytest.approx(hostile, abs=1e-6)

    by_arrow = pyarrow.parquet.read_table(path)
    for row, record in zip(by_arrow.to_pylist(), wanted, strict=True):
        assert [entry["label"] for entry in row["frames"]] == list(record["frames"])
        assert [mention["text"] for mention in row["mentions"]] == [mention["text"] for mention in record["mentions"]]
        if which == "own":
            assert [m["tone"] for m in row["mentions"]] == [m["tone"] for m in record["mentions"]]
            assert [(words["value"], words["start"], words["text"]) for words in row["place"]] == [
                (words["value"], words["start"], words["text"]) for words in record["place"]
            ]


def missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def test_a_record_is_plain_json_with_the_tasks_behind_its_columns(own: Labeler) -> None:
    (sentence,) = own(TEXTS[:1])
    record = json.loads(json.dumps(sentence.to_dict()))
    assert list(record)[-3:] == ["stance", "topics", "place"]
    assert record["stance"] == "neutral"
    assert set(record["topics"]) == {"weather", "trade"}
    assert record["topics"]["trade"] == sentence.probabilities["topics.trade"]
    assert record["mentions"][0]["tone"] == "ironic"
    assert record["place"][0] | {"probability": 0} == {
        **{"value": "country", "start": TEXTS[0].index("city"), "end": TEXTS[0].index("city") + 4},
        **{"text": "city", "probability": 0},
    }
    assert SentenceLabels.from_dict(record) == sentence


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Sentences of which some are marked wrongly, so that the scores are not all 1."""
    lines = [f"d{n % 5}\t{line.split(chr(9), 1)[1]}" for n, line in enumerate(rows(marks=True)[:24])]
    lines[0] = lines[0].replace("stance=supportive", "stance=hostile")
    lines[1] = lines[1].replace("topics=weather", "topics=war")
    (tmp_path / "gold.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "gold.tsv"


def test_tasks_are_scored_as_scikit_learn_scores_them(own: Labeler, gold: Path) -> None:
    marked_rows = list(read_rows(gold, own.codebook))
    labels = own([row.sentence.text for row in marked_rows])
    found = framing.evaluate(gold, own, resamples=50)
    right, said = [row.answers["stance"] for row in marked_rows], [sentence.tasks["stance"] for sentence in labels]
    assert found["stance_accuracy"] == pytest.approx(accuracy_score(right, said))
    assert found["stance_accuracy"] < 1
    present = sorted(set(right))
    assert found["stance_macro_f1"] == pytest.approx(f1_score(right, said, labels=present, average="macro"))
    names = own.codebook.tasks[1].names
    truth, guess = (
        np.array([[name in chosen for name in names] for chosen in column])
        for column in ([row.answers["topics"].split("+") for row in marked_rows], [s.tasks["topics"] for s in labels])
    )
    assert found["topics_micro_f1"] == pytest.approx(f1_score(truth, guess, average="micro"))
    assert found["topics_micro_f1"] < 1
    assert found.documents == 5
    assert found["place_span_f1"] == found["tone_accuracy"] == 1


def test_the_command_scores_tasks(own_run: TrainedRun, own: Labeler, gold: Path) -> None:
    arguments = ["evaluate", str(gold), "--model", str(own_run.folder), "--engine", "onnx", "--resamples", "50"]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"}, catch_exceptions=False)
    assert shown.exit_code == 0
    titles = headlines(own.codebook).values()
    assert [title for title in titles if title not in shown.stdout] == []
    data = json.loads(CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).stdout)
    found = framing.evaluate(gold, own, resamples=50)
    assert data["stance_accuracy"] == found["stance_accuracy"]
    assert data["intervals"]["stance_macro_f1"]["low"] == found.intervals["stance_macro_f1"].low
    assert data["stance_confusion"]["hostile"]["supportive"] == 1
