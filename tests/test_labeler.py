"""The labeler as its users meet it, on a tiny model whose labels mean nothing but must be consistent."""

import datetime
import itertools
import json
import pickle
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import framing
from framing import Document, InputError, Kind, Labeler, Mention, SentenceLabels, load
from framing.codebook import Codebook
from framing.decoding.decoder import DecodedSentence
from framing.engine import Batch, BatchLogits
from framing.errors import CheckpointError, CheckpointNotFoundError, CodebookMismatchError, SettingError
from framing.model.checkpoint import Checkpoint, write_sums
from tests.conftest import write_tiny_checkpoint

ARTICLE = (
    "The ministry said the army retook the town. “The rebels fled. The heroes liberated us. It may rain,” he said.\n\n"
    "Witnesses in the city reportedly called it a massacre.\n"
)


def same(a: SentenceLabels, b: SentenceLabels) -> bool:
    """Equal but for rounding."""
    return (
        a.text == b.text
        and a.kind == b.kind
        and [(m.label, m.start, m.end, m.voice, m.source and m.source.text) for m in a.mentions]
        == [(m.label, m.start, m.end, m.voice, m.source and m.source.text) for m in b.mentions]
        and a.probabilities == pytest.approx(b.probabilities, abs=1e-4)
    )


def test_a_string_is_a_sentence_and_a_list_is_a_list(tiny_labeler: Labeler) -> None:
    texts = ["Rebels fled the city.", "He said so.", "The army retook the town in the rain."]
    labels = tiny_labeler(texts)
    assert [sentence.text for sentence in labels] == texts
    assert [sentence.index for sentence in labels] == [0, 1, 2]
    assert same(tiny_labeler(texts[2]), labels[2])
    assert all(same(a, b) for a, b in zip(labels, tiny_labeler(text for text in texts), strict=True))
    assert len(tiny_labeler([])) == 0
    assert labels.codebook is tiny_labeler.codebook
    assert labels[1:].sentences == labels.sentences[1:]
    assert any(sentence.mentions for sentence in labels)


def test_sentences_of_a_list_know_nothing_of_each_other(tiny_labeler: Labeler) -> None:
    opened, following = tiny_labeler(['He said: "The army fled.', "The rebels retook the town."])
    assert same(following, tiny_labeler("The rebels retook the town."))
    assert same(opened, tiny_labeler('He said: "The army fled.'))


def test_a_quotation_runs_on_in_the_sentences_of_one_document(tiny_labeler: Labeler) -> None:
    texts = ['He said: "The army fled.', "The rebels retook the town.", 'It may rain."', "The army fled."]
    inside = tiny_labeler.sentences(texts, outlet="Herald", id="7", published=datetime.date(2016, 12, 15))
    apart = tiny_labeler(texts)
    assert inside[1].probabilities != pytest.approx(apart[1].probabilities, abs=1e-4)
    assert same(inside[3], apart[3])
    assert (inside[2].outlet, inside[2].document_id, inside[2].index) == ("Herald", "7", 2)
    assert inside[2].published == "2016-12-15"
    joined = "\n".join(texts)
    assert [joined[s.start : s.end] for s in inside] == texts


def test_given_kinds_are_kept(tiny_labeler: Labeler) -> None:
    labels = tiny_labeler.sentences(["A town.", "A city.", "Rain."], kinds=["headline", Kind.COMMENT, None])
    assert [s.kind for s in labels[:2]] == [Kind.HEADLINE, Kind.COMMENT]
    with pytest.raises(InputError, match="1 kinds for 2 sentences"):
        tiny_labeler.sentences(["a", "b"], kinds=["body"])
    with pytest.raises(InputError, match="sentence 0 is 'leader'"):
        tiny_labeler.sentences(["a"], kinds=["leader"])


def test_kinds_of_a_users_codebook(tmp_path: Path) -> None:
    codebook = Codebook.from_dict({"labels": ["rebels"], "kinds": {"tweet": {}, "reply": {"outlet": "no"}}})
    labeler = framing.load(write_tiny_checkpoint(tmp_path, codebook=codebook), engine="onnx")
    labels = labeler.sentences(["The rebels fled."] * 2, kinds=["tweet", "reply"])
    assert [sentence.kind for sentence in labels] == ["tweet", "reply"]
    with pytest.raises(InputError, match="sentence 0 is 'headline'"):
        labeler.sentences(["The rebels fled."], kinds=["headline"])
    # What the rules of reading are sure of is none of its kinds.
    document = labeler.document("The rebels fled in the rain.", title="Army retakes town")
    assert {sentence.kind for sentence in document} <= {"tweet", "reply"}
    mentioned = [Mention("rebels", 4, 10, "rebels", "author", 0.9, 0.9)] * 2
    counted = [replace(s, mentions=(m,)) for s, m in zip(labels, mentioned, strict=True)]
    assert replace(labels, sentences=tuple(counted)).counts() == {"rebels": 1}


def test_a_document(tiny_labeler: Labeler) -> None:
    labels = tiny_labeler.document(ARTICLE, id="a1", outlet="Herald", published=datetime.date(2016, 12, 15))
    assert labels.document.text == ARTICLE
    assert [ARTICLE[s.start : s.end] for s in labels] == [s.text for s in labels]
    assert [s.index for s in labels] == list(range(len(labels)))
    assert {(s.document_id, s.outlet, s.published) for s in labels} == {("a1", "Herald", "2016-12-15")}
    second = next(s for s in labels if s.text.startswith("The heroes"))
    assert second.probabilities != pytest.approx(tiny_labeler(second.text).probabilities, abs=1e-4)
    # The same by hand, sentence by sentence with the state carried over.
    first_paragraph = [s for s in labels if s.end <= ARTICLE.index("\n")]
    by_hand = tiny_labeler.sentences([s.text for s in first_paragraph], kinds=[s.kind for s in first_paragraph])
    assert all(same(a, b) for a, b in zip(first_paragraph, by_hand, strict=True))


def test_a_title_becomes_the_first_sentence(tiny_labeler: Labeler) -> None:
    labels = tiny_labeler.document(ARTICLE, title="Army retakes town")
    assert (labels[0].text, labels[0].kind) == ("Army retakes town", Kind.HEADLINE)
    assert all(labels.document.text[s.start : s.end] == s.text for s in labels)
    assert {s.text_offset for s in labels} == {len("Army retakes town") + 2}
    assert [ARTICLE[s.start - s.text_offset : s.end - s.text_offset] for s in labels[1:]] == [
        s.text for s in labels[1:]
    ]


@pytest.mark.parametrize(
    ("text", "title", "headlines"),
    [
        # The text begins with its title, in other letters or white space, or of several sentences.
        ("ARMY  RETAKES TOWN\n\nIt may rain. He said so.", "Army retakes town", ["ARMY  RETAKES TOWN"]),
        (
            "Army  retakes the town, it is said\n\nIt may rain.",
            "Army Retakes the Town, It Is Said",
            ["Army  retakes the town, it is said"],
        ),
        ("Rain. Army fled!\n\nIt may rain.", "Rain. Army fled!", ["Rain.", "Army fled!"]),
        # A sentence that goes on behind the title is no headline.
        ("Rain. Army fled the town, it may rain.", "Rain. Army fled the town", ["Rain."]),
        # Words of the title that stand elsewhere are no headline.
        ("It may rain. The army fled in the city.", "The army fled, it may rain. Heroes seized the market", []),
        ("Rain. The army fled to the market.", "The rain. Rain. The army fled to the market of the town", []),
    ],
)
def test_a_sentence_that_merely_occurs_in_the_title_is_no_headline(
    tiny_labeler: Labeler, text: str, title: str, headlines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither the rules of reading nor the model have a say.
    monkeypatch.setattr(DecodedSentence, "kind", lambda self, rule=None: "body")
    document = Document(text, title=title)
    (labels,) = tiny_labeler.documents([document])
    assert [s.text for s in labels if s.kind == Kind.HEADLINE] == headlines
    assert labels.document.text == text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Syrian rebels fled. It may rain.", "Syria"),
        ("The army fled the townhouse. It may rain.", "The army fled the town"),
        ("Rain fell in the town, he said.", "Rain"),
    ],
)
def test_a_text_that_merely_begins_like_its_title_gets_the_title(tiny_labeler: Labeler, text: str, title: str) -> None:
    labels = tiny_labeler.document(text, title=title)
    assert (labels[0].text, labels[0].kind) == (title, Kind.HEADLINE)
    assert labels.document.text == f"{title}\n\n{text}"


def test_html_is_read_as_a_page(tiny_labeler: Labeler) -> None:
    paragraphs = "".join(f"<p>The army retook the town of witness number {n}, he said.</p>" for n in range(8))
    page = f"<html><head><title>Town retaken</title></head><body><article>{paragraphs}</article></body></html>"
    labels = tiny_labeler.document(page, outlet="Herald")
    assert "<p>" not in labels.document.text
    assert sum("retook the town" in s.text for s in labels) == 8
    assert labels[0].outlet == "Herald"


def test_documents_stream_in_order_with_bounded_look_ahead(
    tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", 6)
    taken = 0

    def source() -> Iterator[Any]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield [
                Document(ARTICLE, id=f"d{number}"),
                ARTICLE,
                {"text": ARTICLE, "id": number, "section": "world"},
                "",
            ][number % 4]

    stream = tiny_labeler.documents(source())
    assert taken == 0
    first = next(stream)
    assert taken < 10
    rest = [first, *stream]
    assert [labels.document.id for labels in rest] == [f"d{n}" if n % 4 == 0 else str(n) for n in range(40)]
    assert rest[2].document.metadata == {"section": "world"}
    assert len(rest[3]) == 0
    alone = tiny_labeler.document(ARTICLE)
    assert all(same(a, b) for labels in (rest[0], rest[37]) for a, b in zip(labels, alone, strict=True))


@pytest.mark.parametrize(
    ("text", "in_a_document", "in_a_group"),
    [
        ("The army fled {} rebels. Rain in the city.", 2, 6),
        # A group is also closed at 250 code points a sentence: these have 1,250 of the 1,500.
        ("The army fled {} " + "rain " * 247, 1, 2),
    ],
)
def test_no_more_than_two_groups_are_in_memory(
    tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch, text: str, in_a_document: int, in_a_group: int
) -> None:
    """A producer that is faster than the model, or a reader that is slower, must not fill the memory."""
    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", 6)
    groups = most = 0
    encode, decode = tiny_labeler.encoder.encode, tiny_labeler.decoder.decode

    def encoding(*arguments: Any) -> Any:
        nonlocal groups, most
        groups += 1
        most = max(most, groups)
        return encode(*arguments)

    def decoding(*arguments: Any) -> Any:
        nonlocal groups
        groups -= 1
        return decode(*arguments)

    monkeypatch.setattr(tiny_labeler.encoder, "encode", encoding)
    monkeypatch.setattr(tiny_labeler.decoder, "decode", decoding)
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield text.format(number)

    stream = tiny_labeler.documents(endless())
    for given, labels in enumerate(itertools.islice(stream, 60), start=1):
        assert len(labels) == in_a_document
        # What was taken and not given yet is at most two groups, and the document that closes the second.
        assert (taken - given) * in_a_document <= 2 * in_a_group + in_a_document
        time.sleep(0.001)  # the reader is slow; what runs beside it must not go on
    assert most == 2
    stream.close()
    assert taken <= 60 + 2 * in_a_group // in_a_document + 1


def test_sentences_that_repeat_are_computed_once(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 0
    run_all = tiny_labeler.engine.run_all

    def counting(batches: Sequence[Batch]) -> Iterator[BatchLogits]:
        nonlocal rows
        rows += sum(map(len, batches))
        return run_all(batches)

    monkeypatch.setattr(tiny_labeler.engine, "run_all", counting)
    texts = ["The army fled.", "Rain.", "The army fled.", "", "Rain.", ""]
    labels = tiny_labeler(texts)
    assert rows == 2
    assert [s.text for s in labels] == texts
    assert [s.index for s in labels] == list(range(6))
    assert all(same(labels[i], labels[j]) for i, j in ((0, 2), (1, 4), (3, 5)))
    # In a running quotation the same words are another sentence.
    rows = 0
    tiny_labeler.sentences(['He said: "Rain.', "The army fled.", 'Rain."', "The army fled."])
    assert rows == 4


def test_blank_documents_do_not_pile_up(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", 4)
    stream = tiny_labeler.documents("" for _ in itertools.count())  # endless: gathering it would never end
    assert [len(labels) for labels in itertools.islice(stream, 20)] == [0] * 20


def test_an_error_of_the_engine_reaches_the_caller(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(batches: object) -> Iterator[Any]:
        raise MemoryError("no room")

    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", 2)
    monkeypatch.setattr(tiny_labeler.engine, "run_all", fail)
    with pytest.raises(MemoryError, match="no room"):
        list(tiny_labeler.documents(ARTICLE for _ in itertools.count()))


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x00", "\u200b"])
def test_nothing_to_read_is_boilerplate(tiny_labeler: Labeler, text: str) -> None:
    labels = tiny_labeler(text)
    assert (labels.kind, labels.frames, labels.mentions, labels.hedged) == (Kind.BOILERPLATE, {}, (), False)
    assert set(labels.probabilities.values()) == {0.0}
    assert len(tiny_labeler.document(text)) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "The army\x00 fled \ud800 the town.",
        "🔥 Rebels 👩‍👩‍👧 fled 🔥",
        "قال المتمردون إن الجيش انسحب من المدينة.",
        "a" * 5000,
        "the army fled " * 1700,
        "...",
        "\u202ethe army fled\u202c",
    ],
)
def test_any_text_gives_a_record(tiny_labeler: Labeler, text: str) -> None:
    labels = tiny_labeler(text)
    assert labels.text == text
    for span in (*labels.mentions, *labels.hedges, *labels.sources):
        assert text[span.start : span.end] == span.text
    json.dumps(labels.to_dict())


def test_the_end_of_a_long_sentence_is_read(tiny_labeler: Labeler) -> None:
    text = "the army fled in the rain " * 900
    labels = tiny_labeler(text)
    assert max(span.end for span in (*labels.mentions, *labels.hedges, *labels.sources)) > len(text) - 100


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (5, "is a int"),
        (None, "is a NoneType"),
        (b"The army fled.", "is a bytes"),
        ({"text": "The army fled."}, "is a dict"),
        (["fine", None], "sentence 1 is a NoneType"),
        (["fine", "fine", float("nan")], "sentence 2 is a float"),
        ([b"bytes"], "sentence 0 is a bytes"),
        ([["nested"]], "sentence 0 is a list"),
    ],
)
def test_what_is_no_sentence(tiny_labeler: Labeler, sentences: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        tiny_labeler(sentences)
    assert error.value.expected


@pytest.mark.parametrize(
    ("item", "message"),
    [(7, "document 1 is a int"), ({"body": "x"}, "text of document 1 is missing"), ({"text": None}, "is a NoneType")],
)
def test_what_is_no_document(tiny_labeler: Labeler, item: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(tiny_labeler.documents(["The army fled.", item]))


def test_what_cannot_be_used_is_set_aside_where_that_is_wanted(tiny_labeler: Labeler) -> None:
    items = ["The army fled.", 7, {"text": "Rain."}, {"body": "x"}, Document("The city.", id="z")]
    aside: list[tuple[Any, str]] = []
    found = list(tiny_labeler.documents(items, on_error=lambda item, error: aside.append((item, error.message))))
    assert [labels.document.id for labels in found] == ["0", "2", "z"]
    assert [item for item, _ in aside] == [7, {"body": "x"}]
    assert aside[0][1].startswith("document 1 is a int")


def test_tables(tiny_labeler: Labeler) -> None:
    pandas = pytest.importorskip("pandas")
    labels = tiny_labeler(pandas.Series(["The army fled.", "Rain."]))
    frame = labels.to_frame()
    assert list(frame["text"]) == ["The army fled.", "Rain."]
    assert list(frame.columns) == list(labels.to_dict()[0])


def test_numbers_are_short(tiny_labeler: Labeler) -> None:
    for probability in tiny_labeler("The army fled.").probabilities.values():
        assert type(probability) is float and probability == round(probability, 6)


def test_load(tiny_folder: Path, tmp_path: Path) -> None:
    with framing.load(tiny_folder, engine="torch", device="cpu") as labeler:
        assert labeler.describe()["engine"] == "torch"
        with_torch = labeler("The army fled the town.")
    labeler = framing.load(tiny_folder, device="cpu", threads=1, token_budget=99, codebook="armed_conflict")
    assert (labeler.describe()["threads"], labeler.describe()["token_budget"]) == (1, 99)
    with pytest.raises(SettingError, match="token_budget is 0"):
        framing.load(tiny_folder, token_budget=0)
    assert same(labeler("The army fled the town."), with_torch)
    with pytest.raises(CheckpointNotFoundError):
        framing.load(tmp_path / "nowhere")
    with pytest.raises(CodebookMismatchError):
        framing.load(tiny_folder, codebook=Codebook.from_dict({"labels": ["other"]}))


def test_every_public_name_is_there() -> None:
    for name in framing.__all__:
        assert getattr(framing, name) is not None
    assert set(framing.__all__) <= set(dir(framing))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        framing.nonsense  # noqa: B018


# --- in other processes -----------------------------------------------------------------------------------------------


def test_a_pickled_labeler_opens_its_checkpoint_again(tiny_checkpoint: Checkpoint) -> None:
    with load(tiny_checkpoint.folder, token_budget=77, threads=1) as labeler:
        data = pickle.dumps(labeler)
        assert len(data) < 1000
        assert data == pickle.dumps(labeler)  # datasets caches by it
        with pickle.loads(data) as again:
            assert again.describe() == labeler.describe()
            assert again.engine.token_budget == 77
            assert again("The rebels fled, witnesses said.") == labeler("The rebels fled, witnesses said.")


def test_a_pickled_labeler_of_a_folder_that_has_changed(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint.folder, folder)
    with load(folder) as labeler:
        data = pickle.dumps(labeler)
    path = folder / "codebook.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    write_sums(folder)
    with pytest.raises(CheckpointError, match="another checkpoint"):
        pickle.loads(data)


@pytest.mark.slow
def test_data_sets_map_in_two_processes(tiny_labeler: Labeler) -> None:
    rows = Dataset.from_dict({"text": ["Rebels left.", "Rain.", "The army came.", "“Terrorists,” he said."]})
    mapped = rows.map(tiny_labeler.map, batched=True, num_proc=2)
    assert [[frame["label"] for frame in row["frames"]] for row in mapped] == [
        list(sentence.frames) for sentence in tiny_labeler(rows["text"][:])
    ]
