"""Labels in columns: the same as those in objects, for any logits, any codebook, any cut of documents into groups."""

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.codebook import Codebook
from framing.columns import DocumentColumns, Rows, kinds, sentence_table, table
from framing.decoding.decoder import Decoded, Decoder
from framing.labeler import Labeler, label_each_alone
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import SentenceEncoder
from framing.records import mention_schema, mention_table, schema
from framing.records import table as table_of_objects
from framing.types import Document, DocumentLabels, Kind, Sentence, SentenceLabels
from tests.decoding.test_decoder import CODEBOOKS, TEXTS, drawn_calibration, drawn_logits

#: What a sentence can be by the rules of reading: nothing, or a kind with or without certainty.
RULES = ((None, False), *product((*Kind, "verse"), (True, False)))


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return tiny_checkpoint.sentence_encoder()


def decoded_at_random(encoder: SentenceEncoder, codebook: Codebook, texts: list[str], seed: int) -> Decoded:
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(texts)
    decoder = Decoder(codebook, drawn_calibration(codebook, rng, 0.5))
    return decoder.decode(drawn_logits(codebook, rng, encoded.starts), encoded, texts)


def as_objects(document: Document, sentences: list[Sentence], numbers: list[int], decoded: Decoded) -> DocumentLabels:
    """The slow way: an object for each sentence, each mention, each source."""
    found: list[SentenceLabels] = []
    for sentence, number in zip(sentences, numbers, strict=True):
        said = decoded[number]
        known = said.kind_probabilities
        certain = sentence.kind_is_certain and (not known or sentence.kind in known)
        found.append(
            SentenceLabels(
                document_id=document.id,
                outlet=document.outlet,
                published=document.published,
                index=sentence.index,
                kind=str(sentence.kind) if certain else said.kind(rule=sentence.kind),
                start=sentence.start,
                end=sentence.end,
                text=sentence.text,
                frames=said.frames,
                mentions=said.mentions,
                hedges=said.hedges,
                sources=said.sources,
                hedged=said.hedged,
                probabilities=said.probabilities,
                tasks=said.tasks,
                input=document.input,
                row=document.row,
                text_offset=document.text_offset,
            )
        )
    return DocumentLabels(tuple(found), codebook=decoded.codebook, document=document)


def difference(found: pa.Table, wanted: pa.Table) -> list[str]:
    """The names of columns that differ; and the schema, if that does."""
    differing = [name for name in wanted.column_names if not found[name].equals(wanted[name])]
    return differing if found.schema.equals(wanted.schema) else ["schema", *differing]


@pytest.mark.slow
@given(
    texts=TEXTS,
    codebook=st.sampled_from(CODEBOOKS),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_columns_say_what_objects_say(
    encoder: SentenceEncoder, texts: list[str], codebook: Codebook, seed: int, data: Any
) -> None:
    decoded = decoded_at_random(encoder, codebook, texts, seed)
    numbers = [*range(len(texts)), *data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=4))]
    rules = data.draw(st.lists(st.sampled_from(RULES), min_size=len(numbers), max_size=len(numbers)))
    sentences = [
        Sentence(texts[number], 7 * place, 7 * place + len(texts[number]), place, *rule)
        for place, (number, rule) in enumerate(zip(numbers, rules, strict=True))
    ]
    document = Document("", "d1", "The \ud800 Post", "2024-05-01", metadata={"desk": {"n": 1}}, input="a", row=3)
    wanted_schema = schema(codebook, {"desk": "string"})
    wanted = table_of_objects([as_objects(document, sentences, numbers, decoded)], wanted_schema)
    rows = sentence_table(sentences, numbers, decoded, schema(codebook))
    found = table([DocumentColumns(document, codebook, (Rows(rows, 0, rows.num_rows),))], wanted_schema)
    found.validate(full=True)
    assert difference(found, wanted) == []


def test_no_sentence_and_no_document(encoder: SentenceEncoder) -> None:
    for codebook in CODEBOOKS:
        decoded = decoded_at_random(encoder, codebook, ["Rebels left."], 1)
        none = sentence_table([], [], decoded, schema(codebook))
        assert none.num_rows == 0
        assert kinds([], np.empty(0, dtype=np.int64), decoded) == []
        assert table([], schema(codebook)).equals(schema(codebook).empty_table())
        empty = DocumentColumns(Document(""), codebook, (Rows(none, 0, 0),))
        assert (len(empty), table([empty], schema(codebook)).num_rows) == (0, 0)


# --- documents --------------------------------------------------------------------------------------------------------

DOCUMENTS = [
    Document("Rebels left. “We saw it all,” a man said. The army came.", "a", "The Post", metadata={"n": 1}),
    Document("", "b"),
    Document(" \n ", "c"),
    Document("Militants, witnesses said, fled.", "d", metadata={"n": 2}),
    *(Document("The army came. " * size, f"e{size}") for size in (1, 2, 9)),
    Document("  ", "f"),
]


@pytest.mark.parametrize("look_ahead", [1, 2, 3, 5, 100])
def test_documents_in_columns(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch, look_ahead: int) -> None:
    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", look_ahead)
    wanted_schema = schema(tiny_labeler.codebook, {"n": "int64"})
    objects = list(tiny_labeler.documents(DOCUMENTS))
    columns = list(tiny_labeler.in_columns(DOCUMENTS))
    assert [labels.document.id for labels in columns] == [document.id for document in DOCUMENTS]
    assert [len(labels) for labels in columns] == [len(labels) for labels in objects]
    assert difference(table(columns, wanted_schema), table_of_objects(objects, wanted_schema)) == []
    # Each by itself, in another order, and after it was packed.
    for own, labels in reversed(list(zip(columns, objects, strict=True))):
        assert difference(table([own], wanted_schema), table_of_objects([labels], wanted_schema)) == []
        again = own.packed().of(own.document)
        assert difference(table([again], wanted_schema), table_of_objects([labels], wanted_schema)) == []


def test_documents_that_are_a_sentence_each(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_labeler.engine, "look_ahead", 3)
    wanted = table_of_objects(list(label_each_alone(tiny_labeler, DOCUMENTS)), schema(tiny_labeler.codebook))
    found = table(list(tiny_labeler.in_columns(DOCUMENTS, sentences=True)), schema(tiny_labeler.codebook))
    assert found.num_rows == len(DOCUMENTS)
    assert difference(found, wanted) == []


def test_labels_of_another_document_with_the_same_text(tiny_labeler: Labeler) -> None:
    other = Document(DOCUMENTS[0].text, "other", "Another Post", "2024", input="b.csv", row=9, text_offset=2)
    (first,) = tiny_labeler.in_columns(DOCUMENTS[:1])
    wanted = table_of_objects(list(tiny_labeler.documents([other])), schema(tiny_labeler.codebook))
    for copied in (first.of(other), first.packed().of(other)):
        assert difference(table([copied], schema(tiny_labeler.codebook)), wanted) == []


def test_mentions_of_records(tiny_labeler: Labeler) -> None:
    records = table(list(tiny_labeler.in_columns(DOCUMENTS)), schema(tiny_labeler.codebook))
    found = mention_table(records, mention_schema(tiny_labeler.codebook)).to_pylist()
    places = ("input", "row", "document_id", "outlet", "published", "index", "kind")
    assert found == [
        {name: record[name] for name in places} | mention
        for record in records.to_pylist()
        for mention in record["mentions"]
    ]
