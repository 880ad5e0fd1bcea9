"""The spaCy component says what the labeler says, at the same words, and keeps it on the way."""

import pickle
from pathlib import Path

import pytest

spacy = pytest.importorskip("spacy")

from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc, DocBin, Span  # noqa: E402

import framing  # noqa: E402
from framing.errors import CheckpointError, SettingError  # noqa: E402
from framing.integrations.spacy import FramingComponent  # noqa: E402
from tests.conftest import write_tiny_checkpoint  # noqa: E402

TEXTS = [
    "The rebels fled, witnesses said. The army may have liberated the town.",
    "",
    "“The militants are heroes. They retook the city,” he said. Rain came to the market.",
    " ",
    "Terrorists seized the city.\n\nCivilians fled the massacre. " * 3,
]


def pipeline(folder: Path, **config: object) -> Language:
    nlp = spacy.blank("en")
    if config.get("sentences") == "doc":
        nlp.add_pipe("sentencizer")
    nlp.add_pipe("framing", config={"checkpoint": str(folder), "device": "cpu", "threads": 1, **config})
    return nlp


@pytest.fixture(scope="module")
def nlp(tiny_folder: Path) -> Language:
    return pipeline(tiny_folder)


def marks(doc: Doc) -> list[tuple[str, str, str]]:
    return [(span.text, span.label_, span._.framing.voice) for span in doc.spans["framing"]]


def test_with_our_cutting_it_says_what_the_labeler_says(nlp: Language, tiny_folder: Path) -> None:
    labeler = framing.load(tiny_folder, threads=1)
    for doc, text in zip(nlp.pipe(TEXTS), TEXTS, strict=True):
        expected = labeler.document(text)
        assert doc._.framing.to_dict() == expected.to_dict()
        mentions = [(sentence, mention) for sentence in expected for mention in sentence.mentions]
        spans = list(doc.spans["framing"])
        assert [span.label_ for span in spans] == [mention.label for _, mention in mentions]
        scores = doc.spans["framing"].attrs["scores"]
        assert scores.tolist() == pytest.approx([mention.probability for _, mention in mentions])
        for span, (sentence, mention) in zip(spans, mentions, strict=True):
            assert span._.framing.mention == mention
            assert (span._.framing.hedged, span._.framing.kind) == (sentence.hedged, sentence.kind)
            assert (span._.framing.voice, span._.framing.source) == (mention.voice, mention.source)
            assert span._.framing.probability == mention.probability
            assert span.start_char <= sentence.start + mention.start
            assert span.end_char >= sentence.start + mention.end
            assert mention.text in span.text
        for group in ("hedges", "sources"):
            words = [word.text for sentence in expected for word in getattr(sentence, group)]
            assert all(a in b.text for a, b in zip(words, doc.spans[f"framing.{group}"], strict=True))


def test_with_the_sentences_of_another_component(tiny_folder: Path) -> None:
    nlp = pipeline(tiny_folder, sentences="doc")
    labeler = framing.load(tiny_folder, threads=1)
    for doc in nlp.pipe(TEXTS):
        sents = list(doc.sents)
        expected = labeler.sentences([sent.text for sent in sents])
        assert [one.mentions for one in doc._.framing] == [one.mentions for one in expected]
        assert [doc.text[one.start : one.end] for one in doc._.framing] == [sent.text for sent in sents]
        assert [sent._.framing.sentence.text for sent in sents] == [sent.text for sent in sents]
        assert all(sent._.framing.voice is sent._.framing.mention is None for sent in sents)


def test_something_is_marked(nlp: Language) -> None:
    doc = nlp(TEXTS[0])
    assert marks(doc)
    assert doc.spans["framing"].has_overlap in (True, False)
    assert set(nlp.get_pipe("framing").labels) >= {span.label_ for span in doc.spans["framing"]}


def test_a_pipe_gives_what_single_calls_give(nlp: Language) -> None:
    assert [marks(doc) for doc in nlp.pipe(TEXTS)] == [marks(nlp(text)) for text in TEXTS]


def test_a_document_keeps_its_labels_as_bytes(nlp: Language) -> None:
    docs = list(nlp.pipe(TEXTS))
    again = list(DocBin(docs=docs, store_user_data=True).get_docs(nlp.vocab))
    again += [Doc(nlp.vocab).from_bytes(doc.to_bytes()) for doc in docs]
    assert [marks(doc) for doc in again] == [marks(doc) for doc in docs] * 2
    assert again[0]._.framing == docs[0]._.framing


@pytest.mark.slow
def test_two_processes(nlp: Language) -> None:
    assert [marks(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=2)] == [marks(nlp(text)) for text in TEXTS]


@pytest.mark.slow
def test_the_pipeline_is_saved_with_its_settings(tiny_folder: Path, tmp_path: Path) -> None:
    nlp = pipeline(tiny_folder, sentences="doc")
    nlp.to_disk(tmp_path / "saved")
    expected = marks(nlp(TEXTS[0]))
    assert marks(spacy.load(tmp_path / "saved")(TEXTS[0])) == expected
    assert marks(pipeline(tiny_folder).get_pipe("framing")(pipeline(tiny_folder).make_doc(TEXTS[2])))
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    other.add_pipe("framing")  # the shipped model, until the bytes say otherwise
    assert marks(other.from_bytes(nlp.to_bytes())(TEXTS[0])) == expected
    component = pickle.loads(pickle.dumps(nlp.get_pipe("framing")))
    assert component.to_bytes() == nlp.get_pipe("framing").to_bytes()


@pytest.mark.slow
def test_another_model_under_the_same_name_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "model")
    saved = pipeline(folder).to_bytes()
    write_tiny_checkpoint(folder, seed=1)
    with pytest.raises(CheckpointError, match="saved with"):
        pipeline(folder).from_bytes(saved)


def test_what_it_refuses(tiny_folder: Path) -> None:
    with pytest.raises(CheckpointError):
        FramingComponent(checkpoint="no-such-folder/anywhere/here")
    nlp = spacy.blank("en")
    nlp.add_pipe("framing", config={"checkpoint": str(tiny_folder), "sentences": "doc"})
    with pytest.raises(SettingError, match="no sentences"):
        nlp("Rebels fled.")


def test_a_span_of_another_document_has_none() -> None:
    doc = spacy.blank("en")("Rebels fled.")
    assert doc._.framing is None
    assert Span(doc, 0, 1)._.framing is None
