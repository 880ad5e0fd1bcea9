"""Logits to spans: whole words, voices, sources, and what must hold for any logits and any text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from framing.codebook import Codebook
from framing.decoding.decoder import RULE_WEIGHT, Decoded, DecodedSentence, Decoder
from framing.model.calibration import Calibration, HeadCalibration
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import EncodedSentence, SentenceEncoder
from framing.model.logits import Logits
from framing.text.characters import model_view
from framing.types import Kind, MarkedWords, Mention, Source
from tests.own_codebook import own_codebook, tasks_only

CODEBOOK = Codebook.default()
#: The built-in one with tasks of every form, ones without most of its sections, and the built-in one.
CODEBOOKS = (replace(CODEBOOK, tasks=own_codebook().tasks), own_codebook(), tasks_only(), CODEBOOK)
ON, WEAK, OFF = 3.0, -0.6, -6.0  # probabilities 0.95, 0.35, 0.002


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Checkpoint) -> SentenceEncoder:
    return tiny_checkpoint.sentence_encoder()


def logits_of(codebook: Codebook, starts: np.ndarray, of: Mapping[str, np.ndarray]) -> Logits:
    """The logits of some heads in their columns; those of the others are 0."""
    heads = codebook.heads
    rows = {"token": int(starts[-1]), "sentence": len(starts) - 1}
    columns = {scope: np.zeros((n, heads.width(scope)), dtype=np.float32) for scope, n in rows.items()}
    for head in heads:
        if head.name in of:
            columns[head.scope][:, heads.columns(head)] = of[head.name]
    return Logits(columns["token"], columns["sentence"], starts)


def decode(
    encoder: SentenceEncoder,
    text: str,
    marks: Sequence[tuple[str, str, float]],
    choices: Sequence[tuple[str, str]] = (),
    *,
    codebook: Codebook = CODEBOOK,
    extension: float = 1.0,
) -> DecodedSentence:
    """Decode logits that are high on the tokens inside the first occurrence of each marked substring.

    Args:
        encoder, text: the sentence.
        marks: words, what they carry, and its logit.
        choices: words, and the voice (or the value of a task that is asked of mentions) that they have; that is the
            first one everywhere else.
        codebook, extension: of the decoder.
    """
    (encoded,) = encoder.encode([text])
    heads = codebook.heads
    of = {
        head.name: np.full((len(encoded), len(head.names)), OFF if head.activation == "sigmoid" else 0, np.float32)
        for head in heads.of_scope("token")
    }

    def tokens(part: str) -> np.ndarray:
        start = text.index(part)
        offsets = encoded.offsets
        return np.flatnonzero((offsets[:, 0] < start + len(part)) & (offsets[:, 1] > start))

    for part, mark, logit in marks:
        task, _, value = mark.partition(".")
        head = heads.find(task) or heads.find("labels")
        of[head.name][tokens(part), head.names.index(value if head.name == task else mark)] = logit
    for head in heads.of_scope("token"):
        if head.activation == "softmax":
            of[head.name][:, 0] = 2.0
            for part, name in choices:
                if name in head.names:
                    of[head.name][tokens(part), head.names.index(name)] = 6.0
    logits = logits_of(codebook, np.array([0, len(encoded)]), of)
    calibration = Calibration.identity(heads, extension=extension)
    return Decoder(codebook, calibration).decode(logits, [encoded], [text])[0]


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("the terrorist-held town", "terrorist", "terrorist-held"),
        ("the terrorist-held town", "held", "terrorist-held"),
        ("the U.S.-backed men", "backed", "U.S.-backed"),
        ("the army's men", "army", "army"),
        ("the army's men", "s men", "men"),
        ("the army’s men", "’s men", "men"),
        ("the army's", "s", "s"),
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


def test_nothing_is_marked_anywhere(encoder: SentenceEncoder) -> None:
    decoded = decode(encoder, "rebels fled", [])
    assert (decoded.mentions, decoded.hedges, decoded.sources, decoded.frames) == ((), (), (), {})
    assert decoded.probabilities == pytest.approx(dict.fromkeys(CODEBOOK.outputs, expit(OFF)), abs=1e-6)


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
        [("massacre", "distanced")],
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
        ("epistemic", "may"),
        ("hearsay", "reportedly"),
    ]
    assert [s.text for s in decoded.sources] == ["witnesses"]
    assert decoded.frames == {} and decoded.mentions == ()
    assert decoded.hedged


@pytest.mark.parametrize("text", ["paris:", "witnesses"])
def test_a_sentence_is_not_its_own_source(encoder: SentenceEncoder, text: str) -> None:
    word = text.rstrip(":")
    assert decode(encoder, text, [(word, "source", ON)]).sources == ()
    assert [source.text for source in decode(encoder, f"{text} rain", [(word, "source", ON)]).sources] == [word]


def test_a_hedge_of_a_kind_that_does_not_hedge(encoder: SentenceEncoder) -> None:
    decoded = decode(encoder, "some rebels fled", [("some", "hedge.approximation", ON)])
    assert [h.kind for h in decoded.hedges] == ["approximation"]
    assert not decoded.hedged
    flipped = [replace(guide, hedged=not guide.hedged) for guide in CODEBOOK.hedge_guides]
    codebook = replace(CODEBOOK, hedge_guides=tuple(flipped))
    assert decode(encoder, "some rebels fled", [("some", "hedge.approximation", ON)], codebook=codebook).hedged


def test_roles_of_own_voices_decide_for_whom_a_source_is_looked_for(encoder: SentenceEncoder) -> None:
    codebook = Codebook.from_dict(
        {"labels": ["rebels"], "voices": {"theirs": {"role": "cited"}, "ours": {"role": "own"}, "nobodys": {}}}
    )
    text, marks = "The army fled, witnesses said.", [("army", "rebels", ON), ("witnesses", "source", ON)]
    cited = {
        voice: decode(encoder, text, marks, [("army", voice)], codebook=codebook).mentions[0].source
        for voice in codebook.voices
    }
    assert cited["theirs"] == cited["nobodys"] == Source(15, 24, "witnesses", pytest.approx(expit(ON), abs=1e-6))
    assert cited["ours"] is None


@pytest.mark.parametrize(
    ("text", "sources", "mention", "voice", "expected"),
    [
        ("The army fled, witnesses said.", ["witnesses"], "army", "attributed", "witnesses"),
        ("The army fled, witnesses said.", ["witnesses"], "army", "author", None),
        ("The army fled.", [], "army", "attributed", None),
        ("The ministry said a mob killed ten in the long night, but witnesses blamed the army.",
         ["ministry", "witnesses"], "mob", "attributed", "ministry"),
        ("The ministry said that ten men and women of the mob fled; witnesses saw none.",
         ["ministry", "witnesses"], "mob", "attributed", "ministry"),
        ("The ministry blamed rebels, while witnesses blamed the army.",
         ["ministry", "witnesses"], "army", "attributed", "witnesses"),
        ('"Officials told us that rebels fled," the ministry said.',
         ["Officials", "ministry"], "rebels", "quoted", "ministry"),
    ],
)  # fmt: skip
def test_who_is_cited(
    encoder: SentenceEncoder, text: str, sources: list[str], mention: str, voice: str, expected: str | None
) -> None:
    marks = [(mention, "rebels", ON), *((source, "source", ON) for source in sources)]
    decoded = decode(encoder, text, marks, [(mention, voice)])
    assert [m.source and m.source.text for m in decoded.mentions] == [expected]
    assert all(m.source is None or m.source in decoded.sources for m in decoded.mentions)


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_words_and_mentions_of_a_codebook_without_voices(encoder: SentenceEncoder) -> None:
    decoded = decode(
        encoder,
        "the rebels fled the town",
        [("rebels", "rebels", ON), ("fled", "terrorists", ON), ("town", "place.town", ON), ("fled", "place.town", ON)],
        [("fled", "ironic")],
        codebook=own_codebook(),
    )
    assert [(m.label, m.text, m.voice, m.voice_probability, m.source) for m in decoded.mentions] == [
        ("rebels", "rebels", None, None, None),
        ("terrorists", "fled", None, None, None),
    ]
    assert [m.tasks for m in decoded.mentions] == [{"tone": "plain"}, {"tone": "ironic"}]
    probability = round(float(expit(ON)), 6)
    assert decoded.tasks["place"] == (
        MarkedWords("town", 11, 15, "fled", probability),
        MarkedWords("town", 20, 24, "town", probability),
    )
    assert decoded.hedges == decoded.sources == ()
    assert not decoded.hedged
    assert decoded.kind_probabilities == {}
    assert decoded.kind() == "body" and decoded.kind(rule="comment") == "comment"


def test_answers_of_sentences(encoder: SentenceEncoder) -> None:
    codebook, texts = tasks_only(), ["the army", "", "rain"]
    encoded = encoder.encode(texts)
    stance = np.array([[0.1, 2.0, -1.0], [9.0, 9.0, 9.0], [3.0, 0.0, 0.0]])
    topics = np.array([[1.0, -0.3, 0.5], [9.0, 9.0, 9.0], [-2.0, -2.0, -2.0]])
    temperatures, thresholds = np.array([1.0, 2.0, 0.5]), np.array([0.5, 0.4, 0.8])
    of = {
        "stance": HeadCalibration(np.array([1.5]), np.empty(0)),
        "topics": HeadCalibration(temperatures, thresholds),
    }
    decoder = Decoder(codebook, Calibration(codebook.heads, of))
    decoded = decoder.decode(logits_of(codebook, encoded.starts, {"stance": stance, "topics": topics}), encoded, texts)
    probabilities = np.concatenate([softmax(stance / 1.5, axis=1), expit(topics / temperatures)], axis=1)
    probabilities[1] = 0  # nothing to read
    np.testing.assert_allclose(decoded.probabilities, probabilities, atol=1e-6)
    assert list(decoded[0].probabilities) == list(codebook.probability_names)
    # 0.73 reaches 0.5 and 0.46 reaches 0.4, but 0.73 does not reach 0.8.
    assert decoded[0].tasks == {
        "stance": "neutral",
        "topics": pytest.approx({"war": probabilities[0, 3], "weather": probabilities[0, 4]}, abs=1e-6),
    }
    assert decoded[1].tasks == {"topics": {}}
    assert decoded[2].tasks == {"stance": "supportive", "topics": {}}
    assert len(decoded.spans) == 0


def test_the_kind_weighs_the_rule_as_a_prior() -> None:
    probabilities = {"headline": 0.2, "caption": 0.0, "body": 0.7, "comment": 0.1, "boilerplate": 0.0}
    sentence = DecodedSentence({}, (), (), (), False, {}, {}, probabilities)
    assert sentence.kind() == Kind.BODY
    assert 0.2 * RULE_WEIGHT > 0.7 > 0.1 * RULE_WEIGHT
    assert sentence.kind(rule=Kind.HEADLINE) == Kind.HEADLINE
    assert sentence.kind(rule=Kind.COMMENT) == Kind.BODY
    unread = replace(sentence, kind_probabilities=None)
    assert unread.kind() == Kind.BOILERPLATE
    assert unread.kind(rule=Kind.HEADLINE) == Kind.HEADLINE


# --- what holds for any logits ----------------------------------------------------------------------------------------


def drawn_calibration(codebook: Codebook, rng: np.random.Generator, extension: float) -> Calibration:
    of = {}
    for head in codebook.heads:
        n = len(head.names)
        sigmoid_of = HeadCalibration(rng.uniform(0.5, 2, n), rng.uniform(0.2, 0.8, n))
        softmax_of = HeadCalibration(rng.uniform(0.5, 2, 1), np.empty(0))
        of[head.name] = sigmoid_of if head.activation == "sigmoid" else softmax_of
    return Calibration(codebook.heads, of, extension)


def drawn_logits(codebook: Codebook, rng: np.random.Generator, starts: np.ndarray) -> Logits:
    rows = {"token": int(starts[-1]), "sentence": len(starts) - 1}
    of = {
        head.name: rng.normal(-1 if head.activation == "sigmoid" else 0, 2, (rows[head.scope], len(head.names)))
        for head in codebook.heads
    }
    return logits_of(codebook, starts, of)


@pytest.mark.slow
@given(
    texts=st.lists(
        st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab c.-'’\"é🔥")), max_size=60), max_size=6
    ),
    seed=st.integers(0, 2**32 - 1),
    extension=st.sampled_from([0.0, 0.3, 1.0]),
    number=st.integers(0, len(CODEBOOKS) - 1),
)
@settings(max_examples=200, deadline=None)
def test_what_holds_for_any_logits_and_text(
    encoder: SentenceEncoder, texts: list[str], seed: int, extension: float, number: int
) -> None:
    codebook = CODEBOOKS[number]
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(texts)
    starts = encoded.starts
    calibration = drawn_calibration(codebook, rng, extension)
    logits = drawn_logits(codebook, rng, starts)
    decoder = Decoder(codebook, calibration)
    decoded = decoder.decode(logits, encoded, texts)
    assert len(decoded) == len(texts)
    for number, (text, sentence) in enumerate(zip(texts, decoded, strict=True)):
        tokens = slice(starts[number], starts[number + 1])
        check_sentence(text, sentence, codebook)
        own = Logits(logits.tokens[tokens], logits.sentences[number : number + 1], np.array([0, len(encoded[number])]))
        check_numbers(sentence, own, encoded[number], calibration, codebook)
        (alone,) = decoder.decode(own, [encoded[number]], [text])
        assert alone == sentence


def check_numbers(
    sentence: DecodedSentence, logits: Logits, encoded: EncodedSentence, calibration: Calibration, codebook: Codebook
) -> None:
    """Probabilities and decisions, computed anew with scipy from the logits of the one sentence."""
    expected: dict[str, float] = {}
    over: set[str] = set()
    chosen: dict[str, str] = {}
    for head in codebook.heads:
        of = calibration.of[head.name]
        columns = (logits.tokens if head.scope == "token" else logits.sentences)[:, codebook.heads.columns(head)]
        if not len(encoded):
            columns = np.full((1, len(head.names)), -np.inf)
        if head.activation == "sigmoid":  # of tokens, that of the largest logit is the sentence's
            probabilities = expit(columns.max(axis=0).astype(float) / of.temperatures)
            marked = [n if head.name == "labels" else f"{head.name}.{n}" for n in head.names]
            over |= {name for name, p, t in zip(marked, probabilities, of.thresholds, strict=True) if p >= t}
        elif head.scope == "sentence":
            probabilities = (
                softmax(columns[0].astype(float) / of.temperatures[0]) if len(encoded) else np.zeros(len(head.names))
            )
            marked = [n if head.name == "kind" else f"{head.name}.{n}" for n in head.names]
            chosen[head.name] = head.names[int(columns[0].argmax())]
        else:
            continue
        expected |= dict(zip(marked, probabilities.tolist(), strict=True))
    if sentence.kind_probabilities:
        of_kinds = {kind: expected[kind] for kind in codebook.kinds}
        assert sentence.kind_probabilities == pytest.approx(of_kinds, abs=1e-6)
    wanted = {name: np.nan_to_num(expected[name]) for name in codebook.probability_names}
    assert sentence.probabilities == pytest.approx(wanted, abs=1e-6)
    assert set(sentence.frames) == over & set(codebook.label_names)
    assert {f"hedge.{hedge.kind}" for hedge in sentence.hedges} == {name for name in over if name[:6] == "hedge."}
    assert "source" in over or not sentence.sources  # one that is the whole sentence is none
    for task in codebook.tasks:
        answer = sentence.tasks.get(task.name)
        if task.scope == "span":
            assert {words.value for words in answer} == {v for v in task.names if f"{task.name}.{v}" in over}
        elif task.scope == "sentence" and task.choose == "many":
            assert answer == {
                value: sentence.probabilities[f"{task.name}.{value}"]
                for value in task.names
                if f"{task.name}.{value}" in over
            }
        elif task.scope == "sentence":
            assert answer == (chosen[task.name] if len(encoded) else None)
    check_choices(sentence, logits, encoded, calibration, codebook)


def check_choices(
    sentence: DecodedSentence, logits: Logits, encoded: EncodedSentence, calibration: Calibration, codebook: Codebook
) -> None:
    """Probability, voice and answers of each mention, from the tokens that it grew from, found one by one."""
    heads = codebook.heads
    for mention in sentence.mentions:
        labels = calibration.of["labels"]
        column = heads[0].names.index(mention.label)
        probabilities = expit(logits.tokens[:, column].astype(float) / labels.temperatures[column])
        threshold = labels.thresholds[column]
        grown = [
            run
            for run in runs_of(probabilities >= threshold * calibration.extension)
            if probabilities[run].max() >= threshold
            and encoded.offsets[run[0], 0] < mention.end
            and encoded.offsets[run[-1], 1] > mention.start
        ]
        tokens = np.arange(grown[0][0], grown[-1][-1] + 1)
        assert mention.probability == pytest.approx(probabilities[tokens].max(), abs=1e-6)
        for head in heads.of_scope("token"):
            if head.activation == "softmax":
                mean = logits.tokens[tokens][:, heads.columns(head)].astype(float).mean(axis=0)
                chosen = softmax(mean / calibration.of[head.name].temperatures[0])
                found = mention.voice if head.name == "voice" else mention.tasks[head.name]
                assert found == head.names[int(chosen.argmax())]
                if head.name == "voice":
                    assert mention.voice_probability == pytest.approx(chosen.max(), abs=1e-6)


def runs_of(flags: np.ndarray) -> list[list[int]]:
    """The places of neighbouring flags."""
    runs: list[list[int]] = []
    for place in np.flatnonzero(flags).tolist():
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


WORDS = st.sampled_from(
    ["army", "rebels", "terrorist-held", "witnesses", "ministry", '"', '"', ", but", ";", " - while", "and", "said."]
)
TEXTS = st.lists(st.lists(WORDS, max_size=14).map(" ".join), min_size=1, max_size=5)


@pytest.mark.slow
@given(texts=TEXTS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_the_nearest_source_of_the_clause_is_cited(encoder: SentenceEncoder, texts: list[str], seed: int) -> None:
    decoded = decode_at_random(encoder, texts, seed)
    for text, encoded, sentence in zip(texts, encoder.encode(texts), decoded, strict=True):
        breaks = [match.start() for match in re.finditer(r";|, (?=but)|\s- +(?=while)|\s(?=while|but)", text)]
        in_quotation = set(encoded.offsets[encoded.quotation, 0].tolist())
        for mention in sentence.mentions:
            if mention.voice == "author" or not sentence.sources:
                assert mention.source is None
                continue
            distances = [distance(mention, source, breaks, in_quotation) for source in sentence.sources]
            assert mention.source == sentence.sources[distances.index(min(distances))]


def distance(mention: Mention, source: Source, breaks: list[int], in_quotation: set[int]) -> tuple[bool, bool, int]:
    low, high = sorted((mention.start, source.start))
    return (
        mention.voice == "quoted" and source.start in in_quotation,
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
    order = list(zip(spans.sentence, spans.start, spans.end, spans.mark, strict=True))
    assert order == sorted(order)
    for number, (text, sentence) in enumerate(zip(texts, objects, strict=True)):
        own = range(decoded.span_starts[number], decoded.span_starts[number + 1])
        assert set(spans.sentence[own]) <= {number}
        assert len(own) == len(sentence.mentions) + len(sentence.hedges) + len(sentence.sources)
        assert decoded.probabilities[number].tolist() == list(sentence.probabilities.values())
        assert decoded.read[number] == (sentence.kind_probabilities is not None)
        names = [decoded.marks.names[mark] for mark in spans.mark[own]]
        mentions = [i for i, name in zip(own, names, strict=True) if name in CODEBOOK.label_names]
        voices = spans.choices.get("voice")
        for i, mention in zip(mentions, sentence.mentions, strict=True):
            assert mention.label == CODEBOOK.outputs[spans.mark[i]]
            assert (mention.start, mention.end) == (spans.start[i], spans.end[i])
            assert mention.probability == spans.probability[i]
            assert mention.voice_probability == voices.probability[i]
            assert mention.voice == CODEBOOK.voices[voices.value[i]]
            at = spans.source[i]
            span = None if at < 0 else (spans.start[at], spans.end[at], text[spans.start[at] : spans.end[at]])
            assert (mention.source and (mention.source.start, mention.source.end, mention.source.text)) == span
        # Nothing is chosen for what is no mention.
        others = sorted(set(own) - set(mentions))
        assert voices is None or (voices.value[others] == -1).all()


def decode_at_random(encoder: SentenceEncoder, texts: list[str], seed: int) -> Decoded:
    """Decode random logits in which about a tenth of the tokens carry each output, and more are sources."""
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(texts)
    labels = rng.normal(-2, 1.5, (len(encoded.ids), len(CODEBOOK.outputs)))
    labels[:, CODEBOOK.output_index("source")] += 1.5
    of = {
        "labels": labels,
        "voice": rng.normal(0, 2, (len(encoded.ids), len(CODEBOOK.voices))),
        "kind": rng.normal(0, 2, (len(texts), len(CODEBOOK.kinds))),
    }
    decoder = Decoder(CODEBOOK, Calibration.identity(CODEBOOK.heads))
    return decoder.decode(logits_of(CODEBOOK, encoded.starts, of), encoded, texts)


def check_sentence(text: str, sentence: DecodedSentence, codebook: Codebook) -> None:
    read = model_view(text)  # where words begin and end is seen there: a superscript is no part of its word
    assert set(sentence.frames) == {mention.label for mention in sentence.mentions}
    assert tuple(sentence.probabilities) == codebook.probability_names
    assert sentence.hedged == any(hedge.kind in codebook.hedging_kinds for hedge in sentence.hedges)
    marked = [answer for answer in sentence.tasks.values() if isinstance(answer, tuple)]
    for spans in (sentence.mentions, sentence.hedges, sentence.sources, *marked):
        assert list(spans) == sorted(spans, key=lambda span: (span.start, span.end))
        for span in spans:
            assert 0 <= span.start <= span.end <= len(text)
            assert text[span.start : span.end] == span.text
            assert 0 <= span.probability <= 1
            if any(map(str.isalnum, read[span.start : span.end])):
                assert not span.text[0].isspace() and not span.text[-1].isspace()
                assert span.text[-1] not in '.,;:!?"“”'
                # Never in the middle of a word.
                assert not (read[span.start - 1 : span.start].isalnum() and read[span.start].isalnum())
                assert not (read[span.end - 1].isalnum() and read[span.end : span.end + 1].isalnum())
    for mention in sentence.mentions:
        assert mention.source is None or mention.source in sentence.sources
        has_other_voice = mention.voice is not None and mention.voice not in codebook.voices_of_role("own")
        assert (mention.source is not None) == (has_other_voice and bool(sentence.sources))
        assert list(mention.tasks) == [task.name for task in codebook.tasks_of("mention")]
