"""Columns in and out: pandas, Arrow, and Hugging Face datasets."""

from importlib import import_module

import pandas
import polars
import pyarrow
import pytest
from datasets import Dataset

from framing import Labeler
from framing.errors import ColumnError, InputError
from framing.model.checkpoint import Checkpoint
from framing.records import schema

SENTENCES = ["The rebels fled, witnesses said.", "", "“Terrorists” may have seized the city.", "Rain."]
PLACES = ["a", "b", "c", "d"]


def test_a_column_of_pandas_keeps_its_index(tiny_labeler: Labeler) -> None:
    table = pandas.DataFrame({"words": SENTENCES, "place": PLACES}, index=[7, 3, 9, 1])
    labelled = tiny_labeler.to_frame(table["words"])
    pandas.testing.assert_index_equal(labelled.index, table.index)
    assert labelled.to_dict("records") == tiny_labeler(SENTENCES).to_dict()
    assert table.join(labelled)["text"].tolist() == table["words"].tolist()


def test_arrow_in_and_out(tiny_labeler: Labeler) -> None:
    column = pyarrow.chunked_array([SENTENCES[:1], SENTENCES[1:]])
    assert tiny_labeler(column) == tiny_labeler(SENTENCES)
    table = tiny_labeler.to_arrow(column)
    assert table.schema == schema(tiny_labeler.codebook)
    assert table["text"].to_pylist() == SENTENCES
    assert table["hedged"].to_pylist() == [sentence.hedged for sentence in tiny_labeler(SENTENCES)]


@pytest.mark.parametrize("form", [None, "arrow"])
def test_datasets_map(tiny_labeler: Labeler, form: str | None) -> None:
    dataset = Dataset.from_dict({"words": SENTENCES, "outlet": PLACES}).with_format(form)
    mapped = dataset.map(tiny_labeler.map, batched=True, fn_kwargs={"column": "words"}).with_format(None)
    wanted = tiny_labeler.to_arrow(SENTENCES).drop_columns(
        ["input", "row", "document_id", "outlet", "published", "index", "start", "end", "text", "text_offset"]
    )
    assert mapped.column_names == ["words", "outlet", *wanted.column_names]
    assert mapped["outlet"][:] == PLACES
    assert [{name: row[name] for name in wanted.column_names} for row in mapped] == wanted.to_pylist()


def test_batches_without_any_mark_keep_their_types(tiny_labeler: Labeler) -> None:
    dataset = Dataset.from_dict({"text": ["", *SENTENCES]}).with_format("arrow")
    mapped = dataset.map(tiny_labeler.map, batched=True, batch_size=1)
    assert mapped.with_format(None)["mentions"][1:] == tiny_labeler.to_arrow(SENTENCES)["mentions"].to_pylist()


def test_a_column_that_is_not_there(tiny_labeler: Labeler) -> None:
    with pytest.raises(ColumnError, match="'text'"):
        tiny_labeler.map({"words": SENTENCES})


def test_accessor_of_pandas(tiny_labeler: Labeler, tiny_checkpoint: Checkpoint) -> None:
    import_module("framing.integrations.pandas")

    column = pandas.Series(SENTENCES, index=[7, 3, 9, 1])
    pandas.testing.assert_frame_equal(column.framing.label(tiny_labeler), tiny_labeler.to_frame(column))
    by_name = column.framing.label(tiny_checkpoint.folder)
    assert by_name["text"].tolist() == SENTENCES
    with pytest.raises(InputError, match="sentence 1 is a float"):
        pandas.Series(["Rebels left.", float("nan")]).framing.label(tiny_labeler)


def test_namespace_of_polars(tiny_labeler: Labeler) -> None:
    import_module("framing.integrations.polars")

    table = polars.DataFrame({"words": SENTENCES, "place": PLACES})
    labels = table["words"].framing.label(tiny_labeler)
    assert labels.to_arrow().to_pylist() == tiny_labeler.to_arrow(SENTENCES).to_pylist()
    assert table.hstack(labels.select("hedged")).columns == ["words", "place", "hedged"]
    with pytest.raises(InputError, match="sentence 1 is a NoneType"):
        polars.Series(["Rebels left.", None]).framing.label(tiny_labeler)
