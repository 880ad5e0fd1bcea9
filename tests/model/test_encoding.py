"""Text to tokens: offsets, quotation state, windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.errors import CheckpointError
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import EncodedSentences, SentenceEncoder, Windowing
from framing.text.characters import Letters, letters_of, model_view
from framing.text.quotations import OUTSIDE, RUNNING, scan
from tests.model.window_owners import owners

TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab cd'\"“”.,-")), max_size=150)


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return tiny_checkpoint.sentence_encoder()


def test_typographic_quotes_are_plain_to_the_model_and_offsets_stay() -> None:
    text = "“so-called” ‘heroes’ \ud800"
    assert model_view(text) == "\"so-called\" 'heroes' \ufffd"
    assert len(model_view(text)) == len(text)


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


@pytest.mark.slow
@given(texts=st.lists(st.tuples(TEXTS, st.sampled_from([OUTSIDE, RUNNING, scan("'We came.").after])), max_size=12))
@settings(max_examples=100, deadline=None)
def test_columns_say_what_the_tokenizer_and_the_quotation_scan_say(encoder: SentenceEncoder, texts) -> None:  # type: ignore[no-untyped-def]
    encoded = encoder.encode([text for text, _ in texts], [state for _, state in texts])
    assert len(encoded) == len(texts) == len(encoded.starts) - 1
    for (text, state), sentence in zip(texts, encoded, strict=True):
        plain = model_view(text)
        letters = letters_of(plain) or Letters(plain, list(range(len(plain))))
        expected = encoder.tokenizer.encode(letters.text, add_special_tokens=False)
        offsets = [(letters.origins[start], letters.origins[end - 1] + 1) for start, end in expected.offsets]
        assert sentence.ids.tolist() == expected.ids
        assert [tuple(pair) for pair in sentence.offsets.tolist()] == offsets
        inside = scan(text, state).mask
        assert sentence.quotation.tolist() == [inside[start] or inside[end - 1] for start, end in offsets]


@pytest.mark.parametrize(
    ("text", "words", "read_as"),
    [
        ("\U0001f534Terrorists fled", ["Terrorists", "fled"], "terrorists fled"),
        ("\u26a1\ufe0fRebels\U0001f6a9 fled\u00b2", ["Rebels", "fled"], "rebels fled"),
        ("\u27a1\ufe0f\u200drebels", ["rebels"], "rebels"),
        ("\uff52\uff45\uff42\uff45\uff4c\uff53 fled", ["\uff52\uff45\uff42\uff45\uff4c\uff53", "fled"], "rebels fled"),
        ("\ufb01ghters \ufb02ed", ["\ufb01ghters", "\ufb02ed"], "fighters fled"),
        ("terror-\nists fled", ["terror-\nists", "fled"], "terrorists fled"),
        ("rebels\u200bfled", ["rebels", "fled"], "rebels fled"),
    ],
)
def test_words_are_read_under_symbols_and_ligatures(
    encoder: SentenceEncoder, text: str, words: list[str], read_as: str
) -> None:
    """Cases of reading, rows 4, 35, 39 and 40."""
    (sentence,) = encoder.encode([text])
    (expected,) = encoder.encode([read_as])
    assert sentence.ids.tolist() == expected.ids.tolist()
    assert [text.index(words[0]), text.rindex(words[-1]) + len(words[-1])] == [
        sentence.offsets[0, 0],
        sentence.offsets[-1, 1],
    ]


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


@st.composite
def windowings(draw: st.DrawFn) -> Windowing:
    size = draw(st.integers(1, 12))
    return Windowing(size, draw(st.integers(0, size - 1)), before=2, after=3)


@pytest.mark.slow
@given(windowings(), st.lists(st.integers(0, 60), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_windows_are_as_few_as_can_be_and_each_token_is_read_far_from_an_edge(
    windowing: Windowing, counts: list[int]
) -> None:
    cut = windowing.cut(np.array(counts))
    for number, tokens in enumerate(counts):
        own = np.flatnonzero(cut.sentence == number)
        windows = list(zip(cut.first[own].tolist(), cut.length[own].tolist(), strict=True))
        ends = [first + length for first, length in windows]
        assert windows[0][0] == 0 and ends[-1] == tokens
        assert {length for _, length in windows} == {min(tokens, windowing.size)}
        assert all(end - first >= windowing.overlap for (first, _), end in zip(windows[1:], ends, strict=False))
        # One window less could not reach the end.
        most = windowing.size + (len(windows) - 2) * (windowing.size - windowing.overlap)
        assert len(windows) == 1 or most < tokens
        read_in = [
            window
            for window, low, high in zip(range(len(own)), cut.owned_first[own], cut.owned_end[own], strict=True)
            for _ in range(low, high)
        ]
        assert cut.owned_first[own].tolist() == [0, *cut.owned_end[own].tolist()[:-1]]
        assert read_in == owners(windows, tokens)


def test_a_token_at_a_window_edge_is_read_in_the_neighbour(encoder: SentenceEncoder) -> None:
    tight = SentenceEncoder(encoder.tokenizer, max_length=12, overlap=4)
    (sentence,) = tight.encode(["rain " * 25])
    owner = [np.full((len(w), 1), number) for number, w in enumerate(sentence.windows)]
    merged = sentence.merge(owner)[:, 0]
    assert merged.tolist() == owners([(w.first, len(w) - 2) for w in sentence.windows], len(sentence))
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
