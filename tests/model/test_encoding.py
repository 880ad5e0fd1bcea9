"""Text to tokens: offsets, quotation state, windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.errors import CheckpointError
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import EncodedSentences, SentenceEncoder, model_text
from framing.text.quotations import OUTSIDE, RUNNING, scan

TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab cd'\"“”.,-")), max_size=150)


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return tiny_checkpoint.sentence_encoder()


def test_typographic_quotes_are_plain_to_the_model_and_offsets_stay() -> None:
    text = "“so-called” ‘heroes’ \ud800"
    assert model_text(text) == "\"so-called\" 'heroes' \ufffd"
    assert len(model_text(text)) == len(text)


def test_offsets_count_in_the_original_text(encoder: SentenceEncoder) -> None:
    text = "  “Rebels” FLED — the city"
    (sentence,) = encoder.encode([text])
    words = [text[start:end] for start, end in sentence.offsets]
    assert words == ["“", "Rebels", "”", "FLED", "—", "the", "city"]


def test_tokens_know_whether_they_are_quoted(encoder: SentenceEncoder) -> None:
    outside, running = encoder.encode(["rebels fled", 'rebels" said "the army" fled'], [OUTSIDE, RUNNING])
    #                                            CLS rebels " said " the army " fled SEP
    assert running.windows[0].quotation.tolist() == [0, 1, 0, 0, 0, 1, 1, 0, 0, 0]
    assert not outside.windows[0].quotation.any()


@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
def test_windows_cover_all_tokens_and_merge_gives_each_back_once(encoder: SentenceEncoder, text: str) -> None:
    (sentence,) = encoder.encode([text])
    before, after = encoder.special_ids
    for window in sentence.windows:
        assert len(window) <= encoder.max_length
        assert (window.ids[0], window.ids[-1]) == (before, after)
    numbered = [
        np.concatenate(([-1], np.arange(len(w) - 2) + w.first, [-1]))[:, None].astype(float) for w in sentence.windows
    ]
    assert sentence.merge(numbered)[:, 0].tolist() == list(range(len(sentence)))
    assert (sentence.offsets[:, 0] <= sentence.offsets[:, 1]).all()
    assert sentence.offsets.max(initial=0) <= len(text)


@given(texts=st.lists(st.tuples(TEXTS, st.sampled_from([OUTSIDE, RUNNING, scan("'We came.").after])), max_size=12))
@settings(max_examples=100, deadline=None)
def test_columns_say_what_the_tokenizer_and_the_quotation_scan_say(encoder: SentenceEncoder, texts) -> None:  # type: ignore[no-untyped-def]
    encoded = encoder.encode([text for text, _ in texts], [state for _, state in texts])
    assert len(encoded) == len(texts) == len(encoded.starts) - 1
    for (text, state), sentence in zip(texts, encoded, strict=True):
        expected = encoder.tokenizer.encode(model_text(text), add_special_tokens=False)
        assert sentence.ids.tolist() == expected.ids
        assert [tuple(pair) for pair in sentence.offsets.tolist()] == expected.offsets
        inside = scan(text, state).mask
        assert sentence.quotation.tolist() == [inside[start] or inside[end - 1] for start, end in expected.offsets]


def test_sentences_are_a_sequence_and_make_columns_again(encoder: SentenceEncoder) -> None:
    encoded = encoder.encode(["rebels fled", "", 'he said "rain" and', "the market"] * 3, [OUTSIDE] * 12)
    assert [len(sentence) for sentence in encoded[1:-1:3]] == [0, 2, 2, 6]
    assert encoded[-1].ids.tolist() == encoded[11].ids.tolist()
    with pytest.raises(IndexError):
        encoded[12]
    again = EncodedSentences.of(list(encoded))
    for name in ("ids", "offsets", "quotation", "starts"):
        assert getattr(again, name).tolist() == getattr(encoded, name).tolist()


def test_each_sentence_needs_its_state(encoder: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="1 states for 2 sentences"):
        encoder.encode(["rebels", "fled"], [OUTSIDE])


def test_any_fast_tokenizer_serves() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.BPE({"<s>": 0, "</s>": 1, "r": 2, "a": 3, "Ġ": 4, '"': 5}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    encoded = SentenceEncoder(tokenizer).encode(['r "a"', ""] * 10)
    assert encoded[18].ids.tolist() == [2, 4, 5, 3, 5]
    assert encoded[18].quotation.tolist() == [False, False, False, True, False]
    assert encoded[19].windows[0].ids.tolist() == [0, 1]


def test_a_token_at_a_window_edge_is_read_in_the_neighbour(encoder: SentenceEncoder) -> None:
    tight = SentenceEncoder(encoder.tokenizer, max_length=12, overlap=4)
    (sentence,) = tight.encode(["rain " * 25])
    owner = [np.full((len(w), 1), number) for number, w in enumerate(sentence.windows)]
    merged = sentence.merge(owner)[:, 0]
    first, second = sentence.windows[:2]
    assert merged[first.first + len(first) - 3] == 1  # the first window's last token
    assert merged[second.first] == 0  # the second window's first token
    assert (np.diff(merged) >= 0).all()


def test_an_empty_sentence_has_no_tokens(encoder: SentenceEncoder) -> None:
    for sentence in encoder.encode(["", "   ", "\x00"]):
        assert len(sentence) == 0
        assert len(sentence.windows) == 1


def test_overlap_must_leave_room(encoder: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="overlap is 30"):
        SentenceEncoder(encoder.tokenizer, max_length=32, overlap=30)


def test_a_file_that_is_no_tokenizer(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be read as a tokenizer"):
        SentenceEncoder.from_file(path)
