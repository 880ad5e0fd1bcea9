"""Logits to spans: whole words, voices, sources, and what must hold for any logits and any text."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.codebook import Codebook
from framing.model.calibration import Calibration
from framing.model.checkpoint import Checkpoint
from framing.model.decoding import Decoded, DecodedSentence, Decoder, TokenLogits
from framing.model.encoding import SentenceEncoder
from framing.model.runs import starts_of
from framing.types import HedgeKind, Kind, Mention, Source, Voice

CODEBOOK = Codebook.default()
ON, WEAK, OFF = 3.0, -0.6, -6.0  # probabilities 0.95, 0.35, 0.002


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return tiny_checkpoint.sentence_encoder()


def decode(
    encoder: SentenceEncoder,
    text: str,
    marks: Sequence[tuple[str, str, float]],
    voices: Sequence[tuple[str, Voice]] = (),
    *,
    extension: float = 1.0,
) -> DecodedSentence:
    """Decode logits that are high on the tokens inside the first occurrence of each marked substring."""
    (encoded,) = encoder.encode([text])
    labels = np.full((len(encoded), len(CODEBOOK.outputs)), OFF, dtype=np.float32)
    voice = np.zeros((len(encoded), len(Voice)), dtype=np.float32)
    voice[:, 0] = 2.0

    def tokens(part: str) -> np.ndarray:
        start = text.index(part)
        offsets = encoded.offsets
        return np.flatnonzero((offsets[:, 0] < start + len(part)) & (offsets[:, 1] > start))

    for part, output, logit in marks:
        labels[tokens(part), CODEBOOK.output_index(output)] = logit
    for part, name in voices:
        voice[tokens(part), list(Voice).index(name)] = 6.0
    calibration = Calibration(
        CODEBOOK.outputs,
        np.ones(len(CODEBOOK.outputs)),
        np.full(len(CODEBOOK.outputs), 0.5),
        extension=extension,
    )
    logits = TokenLogits(labels, voice, np.zeros((1, 5), np.float32), np.array([0, len(encoded)]))
    return Decoder(CODEBOOK, calibration).decode(logits, [encoded], [text])[0]


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("the terrorist-held town", "terrorist", "terrorist-held"),
        ("the terrorist-held town", "held", "terrorist-held"),
        ("the U.S.-backed men", "backed", "U.S.-backed"),
        ("the army's men", "army", "army"),
        ("O'Brien came", "Brien", "O'Brien"),
        ("they fled.", "fled.", "fled"),
        ("they (rebels) fled", "(rebels)", "rebels"),
        ("so-called “heroes” came", "“heroes”", "heroes"),
        ("overthrown by night", "over", "overthrown"),
        ("قال المتمردون اليوم", "المتمرد", "المتمردون"),
        ("the village re\u0301sistance held", "sis", "re\u0301sistance"),
        ("a town — rebels", "— rebels", "rebels"),
        ("🔥🔥 rebels🔥", "rebels", "rebels"),
        ("no end.Rebels fled", "Rebels", "Rebels"),
    ],
)
def test_spans_are_whole_words(encoder: SentenceEncoder, text: str, marked: str, expected: str) -> None:
    decoded = decode(encoder, text, [(marked, "rebels", ON)])
    assert [mention.text for mention in decoded.mentions] == [expected]


def test_spans_that_grow_into_each_other_are_one(encoder: SentenceEncoder) -> None:
    decoded = decode(encoder, "the al-Qaeda-linked men", [("al", "terrorists", 1.0), ("linked", "terrorists", ON)])
    assert [(m.text, m.probability) for m in decoded.mentions] == [("al-Qaeda-linked", pytest.approx(0.952574))]


def test_two_labels_may_share_words(encoder: SentenceEncoder) -> None:
    decoded = decode(encoder, "rebels fled", [("rebels", "heroes", ON), ("rebels fled", "rebels", ON)])
    assert [(m.label, m.text) for m in decoded.mentions] == [("heroes", "rebels"), ("rebels", "rebels fled")]
    assert list(decoded.frames) == ["rebels", "heroes"]  # the order of the codebook


def test_extension_takes_in_weak_neighbours_only(encoder: SentenceEncoder) -> None:
    marks = [("army", "government", ON), ("forces", "government", WEAK), ("rain", "government", WEAK)]
    text = "army forces fled in rain"
    assert [m.text for m in decode(encoder, text, marks).mentions] == ["army"]
    assert [m.text for m in decode(encoder, text, marks, extension=0.5).mentions] == ["army forces"]
    assert [m.text for m in decode(encoder, text, marks, extension=0.0).mentions] == [text]


def test_voice_is_the_mean_over_the_mentions_own_tokens(encoder: SentenceEncoder) -> None:
    decoded = decode(
        encoder,
        "the rebels fled the massacre",
        [("rebels", "rebels", ON), ("massacre", "atrocity", ON)],
        [("massacre", Voice.DISTANCED)],
    )
    assert [(m.label, m.voice) for m in decoded.mentions] == [("rebels", "author"), ("atrocity", "distanced")]
    assert all(0.5 < m.voice_probability < 1 for m in decoded.mentions)


def test_hedges_and_sources(encoder: SentenceEncoder) -> None:
    decoded = decode(
        encoder,
        "the army may flee, reportedly, witnesses said",
        [("may", "hedge.epistemic", ON), ("reportedly", "hedge.hearsay", ON), ("witnesses", "source", ON)],
    )
    assert [(h.kind, h.text) for h in decoded.hedges] == [
        (HedgeKind.EPISTEMIC, "may"),
        (HedgeKind.HEARSAY, "reportedly"),
    ]
    assert [s.text for s in decoded.sources] == ["witnesses"]
    assert decoded.frames == {} and decoded.mentions == ()


@pytest.mark.parametrize(
    ("text", "sources", "mention", "voice", "expected"),
    [
        ("The army fled, witnesses said.", ["witnesses"], "army", Voice.ATTRIBUTED, "witnesses"),
        ("The army fled, witnesses said.", ["witnesses"], "army", Voice.AUTHOR, None),
        ("The army fled.", [], "army", Voice.ATTRIBUTED, None),
        ("The ministry said a mob killed ten in the long night, but witnesses blamed the army.",
         ["ministry", "witnesses"], "mob", Voice.ATTRIBUTED, "ministry"),
        ("The ministry said that ten men and women of the mob fled; witnesses saw none.",
         ["ministry", "witnesses"], "mob", Voice.ATTRIBUTED, "ministry"),
        ("The ministry blamed rebels, while witnesses blamed the army.",
         ["ministry", "witnesses"], "army", Voice.ATTRIBUTED, "witnesses"),
        ('"Officials told us that rebels fled," the ministry said.',
         ["Officials", "ministry"], "rebels", Voice.QUOTED, "ministry"),
    ],
)  # fmt: skip
def test_who_is_cited(
    encoder: SentenceEncoder, text: str, sources: list[str], mention: str, voice: Voice, expected: str | None
) -> None:
    marks = [(mention, "rebels", ON), *((source, "source", ON) for source in sources)]
    decoded = decode(encoder, text, marks, [(mention, voice)])
    assert [m.source for m in decoded.mentions] == [expected]


def test_the_kind_weighs_the_rule_as_a_prior() -> None:
    sentence = DecodedSentence({}, (), (), (), {}, (0.2, 0.0, 0.7, 0.1, 0.0))
    assert sentence.kind() is Kind.BODY
    assert sentence.kind(rule=Kind.HEADLINE) is Kind.HEADLINE  # 0.2 * 4 > 0.7
    assert sentence.kind(rule=Kind.COMMENT) is Kind.BODY
    assert DecodedSentence({}, (), (), (), {}, None).kind() is Kind.BOILERPLATE


@given(
    texts=st.lists(
        st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab c.-'’\"é🔥")), max_size=60), max_size=6
    ),
    seed=st.integers(0, 2**32 - 1),
    extension=st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_what_holds_for_any_logits_and_text(
    encoder: SentenceEncoder, texts: list[str], seed: int, extension: float
) -> None:
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(texts)
    starts = starts_of(np.array([len(sentence) for sentence in encoded], dtype=np.int64))
    outputs = len(CODEBOOK.outputs)
    calibration = Calibration(
        CODEBOOK.outputs, rng.uniform(0.5, 2, outputs), rng.uniform(0.2, 0.8, outputs), 1.3, 0.8, extension
    )
    logits = TokenLogits(
        rng.normal(-1, 2, (starts[-1], outputs)).astype(np.float32),
        rng.normal(0, 2, (starts[-1], 4)).astype(np.float32),
        rng.normal(0, 2, (len(texts), 5)).astype(np.float32),
        starts,
    )
    decoder = Decoder(CODEBOOK, calibration)
    decoded = decoder.decode(logits, encoded, texts)
    assert len(decoded) == len(texts)
    for number, (text, sentence) in enumerate(zip(texts, decoded, strict=True)):
        tokens = slice(starts[number], starts[number + 1])
        check_sentence(text, sentence)
        if len(encoded[number]):
            # A sentence's probability is that of its largest token logit; its frames are those over the threshold.
            expected = calibration.label_probabilities(logits.labels[tokens].max(axis=0).astype(float))
            assert list(sentence.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-6)
            over = expected >= calibration.thresholds
            assert set(sentence.frames) == {n for n, o in zip(CODEBOOK.label_names, over, strict=False) if o}
        alone = decoder.decode(
            TokenLogits(
                logits.labels[tokens],
                logits.voice[tokens],
                logits.kind[number : number + 1],
                np.array([0, len(encoded[number])]),
            ),
            [encoded[number]],
            [text],
        )
        assert [m.text for m in alone[0].mentions] == [m.text for m in sentence.mentions]


WORDS = st.sampled_from(
    ["army", "rebels", "terrorist-held", "witnesses", "ministry", '"', '"', ", but", ";", " - while", "and", "said."]
)
TEXTS = st.lists(st.lists(WORDS, max_size=14).map(" ".join), min_size=1, max_size=5)


@given(texts=TEXTS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_the_nearest_source_of_the_clause_is_cited(encoder: SentenceEncoder, texts: list[str], seed: int) -> None:
    decoded = decode_at_random(encoder, texts, seed)
    for text, encoded, sentence in zip(texts, encoder.encode(texts), decoded, strict=True):
        breaks = [match.start() for match in re.finditer(r";|, (?=but)|\s- +(?=while)|\s(?=while|but)", text)]
        in_quotation = set(encoded.offsets[encoded.quotation, 0].tolist())
        for mention in sentence.mentions:
            if mention.voice is Voice.AUTHOR or not sentence.sources:
                assert mention.source is None
                continue
            distances = [distance(mention, source, breaks, in_quotation) for source in sentence.sources]
            assert mention.source == sentence.sources[distances.index(min(distances))].text


def distance(mention: Mention, source: Source, breaks: list[int], in_quotation: set[int]) -> tuple[bool, bool, int]:
    low, high = sorted((mention.start, source.start))
    return (
        mention.voice is Voice.QUOTED and source.start in in_quotation,
        any(low < at <= high for at in breaks),
        max(source.start - mention.end, mention.start - source.end),
    )


@given(texts=TEXTS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_columns_and_objects_say_the_same(encoder: SentenceEncoder, texts: list[str], seed: int) -> None:
    decoded = decode_at_random(encoder, texts, seed)
    objects = list(decoded)
    assert [decoded[i] for i in range(len(texts))] == objects == decoded[:]
    spans = decoded.spans
    order = list(zip(spans.sentence, spans.start, spans.end, spans.output, strict=True))
    assert order == sorted(order)
    for number, (text, sentence) in enumerate(zip(texts, objects, strict=True)):
        own = range(decoded.span_starts[number], decoded.span_starts[number + 1])
        assert set(spans.sentence[own]) <= {number}
        assert len(own) == len(sentence.mentions) + len(sentence.hedges) + len(sentence.sources)
        assert decoded.probabilities[number].tolist() == list(sentence.probabilities.values())
        assert decoded.read[number] == (sentence.kind_probabilities is not None)
        mentions = [i for i in own if CODEBOOK.outputs[spans.output[i]] in CODEBOOK.label_names]
        for i, mention in zip(mentions, sentence.mentions, strict=True):
            assert mention.label == CODEBOOK.outputs[spans.output[i]]
            assert (mention.start, mention.end) == (spans.start[i], spans.end[i])
            assert mention.probability == spans.probability[i]
            assert mention.voice_probability == spans.voice_probability[i]
            assert mention.voice is list(Voice)[spans.voice[i]]
            at = spans.source[i]
            assert mention.source == (None if at < 0 else text[spans.start[at] : spans.end[at]])


def decode_at_random(encoder: SentenceEncoder, texts: list[str], seed: int) -> Decoded:
    """Decode random logits in which about a tenth of the tokens carry each output, and more are sources."""
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(texts)
    labels = rng.normal(-2, 1.5, (len(encoded.ids), len(CODEBOOK.outputs))).astype(np.float32)
    labels[:, CODEBOOK.output_index("source")] += 1.5
    logits = TokenLogits(
        labels,
        rng.normal(0, 2, (len(encoded.ids), len(Voice))).astype(np.float32),
        rng.normal(0, 2, (len(texts), len(Kind))).astype(np.float32),
        encoded.starts,
    )
    return Decoder(CODEBOOK, Calibration.identity(CODEBOOK.outputs)).decode(logits, encoded, texts)


def check_sentence(text: str, sentence: DecodedSentence) -> None:
    assert set(sentence.frames) == {mention.label for mention in sentence.mentions}
    assert tuple(sentence.probabilities) == CODEBOOK.outputs
    for spans in (sentence.mentions, sentence.hedges, sentence.sources):
        assert list(spans) == sorted(spans, key=lambda span: (span.start, span.end))
        for span in spans:
            assert 0 <= span.start <= span.end <= len(text)
            assert text[span.start : span.end] == span.text
            assert 0 <= span.probability <= 1
            if any(map(str.isalnum, span.text)):
                assert not span.text[0].isspace() and not span.text[-1].isspace()
                assert span.text[-1] not in '.,;:!?"“”'
                # Never in the middle of a word.
                assert not (text[span.start - 1 : span.start].isalnum() and span.text[0].isalnum())
                assert not (span.text[-1].isalnum() and text[span.end : span.end + 1].isalnum())
    for mention in sentence.mentions:
        assert mention.source is None or mention.source in {source.text for source in sentence.sources}
        if mention.voice is Voice.AUTHOR or not sentence.sources:
            assert mention.source is None
