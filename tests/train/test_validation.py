"""Calibration and quality on the validation part: each name is fitted on the examples that speak of it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, f1_score

from framing.codebook import Codebook
from framing.decoding.decoder import Decoder
from framing.evaluate.calibration import Judged, fit_sigmoid, fit_softmax
from framing.markup import MarkedRow
from framing.model.calibration import Calibration
from framing.model.encoding import SentenceEncoder
from framing.model.logits import Logits
from framing.train.examples import Example, from_rows
from framing.train.validation import EXTENSION, SCORE, ReadSentences, as_labels, calibrate, validate
from tests.own_codebook import OWN, own_codebook, tasks_only

#: With everything that a codebook can have.
FULL = Codebook.from_dict({"name": "full", "labels": ["rebels", "terrorists"], "tasks": OWN["tasks"]})
TEXT = "the rebels may return to the town he said"
STANCES = ("supportive", "neutral", "hostile")


def marked_examples(count: int, rng: np.random.Generator) -> list[Example]:
    """Sentences in which each mark stands now and then."""
    words = {
        "rebels": ("rebels.{voice}.tone={tone}", 0.4),
        "may": ("hedge.epistemic", 0.3),
        "town": ("place.town", 0.5),
        "he": ("source", 0.3),
    }
    lines = []
    for number in range(count):
        marked = TEXT
        for word, (tag, share) in words.items():
            if rng.random() < share:
                tag = tag.format(voice=rng.choice(FULL.voices), tone=rng.choice(["plain", "ironic"]))
                marked = marked.replace(f" {word} ", f" [[{word}|{tag}]] ")
        topics = "+".join(name for name in ("war", "weather") if rng.random() < 0.5)
        lines.append(f"g{number}\t{rng.choice(FULL.kinds)} stance={rng.choice(STANCES)} topics={topics}\t{marked}")
    return list(from_rows((MarkedRow.parse(line, FULL) for line in lines), FULL))


def labelled_example(**known: object) -> Example:
    """A sentence of a table: of its words nothing is known."""
    return Example(TEXT, "t", labels_known=frozenset(FULL.label_names), **known)  # type: ignore[arg-type]


def read(examples: Sequence[Example], encoder: SentenceEncoder, codebook: Codebook, seed: int = 0) -> ReadSentences:
    """Logits that know something of the truth, and are too sure of it."""
    rng = np.random.default_rng(seed)
    encoded = encoder.encode([example.text for example in examples])
    heads = codebook.heads
    tokens = rng.normal(-4, 2, (len(encoded.ids), heads.width("token")))
    sentences = rng.normal(0, 3, (len(examples), heads.width("sentence")))
    for number, example in enumerate(examples):
        offsets = encoded.offsets[encoded.starts[number] : encoded.starts[number + 1]]
        for span in example.spans:
            head = heads.find(span.mark.partition(".")[0]) or heads[0]
            name = span.mark if head.name == "labels" else span.mark.partition(".")[2]
            column = heads.columns(head).start + head.names.index(name)
            on = (offsets[:, 0] < span.end) & (offsets[:, 1] > span.start)
            tokens[encoded.starts[number] : encoded.starts[number + 1], column][on] += 6
    return ReadSentences(encoded, Logits(tokens.astype(np.float32), sentences.astype(np.float32), encoded.starts))


def peaks(found: ReadSentences) -> np.ndarray:
    """The largest logits of each sentence."""
    starts = found.logits.starts
    return np.array([found.logits.tokens[a:b].max(axis=0) for a, b in pairwise(starts)])


def tokens_of(found: ReadSentences, examples: list[Example], names: tuple[str, ...], columns: slice) -> Judged:
    """The tokens of marked sentences, one by one: logits, and whether a span of each name touches them."""
    rows, covered = [], []
    for number, example in enumerate(examples):
        begin = int(found.logits.starts[number])
        for place, (start, end) in enumerate(found.encoded[number].offsets.tolist() if example.marked else []):
            rows.append(found.logits.tokens[begin + place, columns])
            covered.append(
                [any(s.mark == name and s.start < end and start < s.end for s in example.spans) for name in names]
            )
    return Judged(np.array(rows), np.array(covered))


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return marked_examples(120, np.random.default_rng(3))


def test_everything_known_is_fitted_together(examples: list[Example], encoder: SentenceEncoder) -> None:
    found = read(examples, encoder, FULL)
    calibration = calibrate(found, examples, FULL)
    outputs = FULL.outputs
    truth = np.array([[name in e.labels for name in outputs] for e in examples])
    tokens = tokens_of(found, examples, outputs, slice(0, len(outputs)))
    wanted = fit_sigmoid(peaks(found)[:, : len(outputs)], truth, tokens)
    np.testing.assert_allclose(calibration.of["labels"].temperatures, wanted.temperatures)
    np.testing.assert_allclose(calibration.of["labels"].thresholds, wanted.thresholds)
    assert (wanted.temperatures != 1).all()
    assert calibration.extension == EXTENSION


def test_one_sentence_label_does_not_switch_off_the_fit_of_hedges_and_sources(
    examples: list[Example], encoder: SentenceEncoder
) -> None:
    mixed = [*examples[:50], labelled_example(labels=frozenset({"rebels"})), *examples[50:]]
    found = read(mixed, encoder, FULL)
    calibration = calibrate(found, mixed, FULL).of["labels"]
    labels, others = slice(0, 2), slice(2, len(FULL.outputs))
    truth = np.array([[name in e.labels for name in FULL.outputs] for e in mixed])
    is_marked = np.array([e.marked is not None for e in mixed])
    largest = peaks(found)[:, : len(FULL.outputs)]
    of_labels = fit_sigmoid(largest[:, labels], truth[:, labels], tokens_of(found, mixed, FULL.outputs[labels], labels))
    tokens = tokens_of(found, mixed, FULL.outputs[others], others)
    of_others = fit_sigmoid(largest[is_marked][:, others], truth[is_marked][:, others], tokens)
    for attribute in ("temperatures", "thresholds"):
        wanted = np.concatenate([getattr(of_labels, attribute), getattr(of_others, attribute)])
        np.testing.assert_allclose(getattr(calibration, attribute), wanted)
    assert (calibration.temperatures[others] != 1).all()
    # A fit of hedges makes them likelier than none, measured by the plain sum of logarithms.
    column = FULL.output_index("hedge.epistemic")
    carried, logits = truth[is_marked, column], largest[is_marked, column].astype(float)

    def log_likelihood(temperature: float) -> float:
        probabilities = expit(logits / temperature)
        return float(np.log(np.where(carried, probabilities, 1 - probabilities)).sum())

    assert log_likelihood(calibration.temperatures[column]) > log_likelihood(1.0)


def test_what_no_example_speaks_of_stays_as_it_is(encoder: SentenceEncoder) -> None:
    labelled = [labelled_example(labels=frozenset({"rebels"} if n % 2 else ())) for n in range(20)]
    calibration = calibrate(read(labelled, encoder, FULL), labelled, FULL)
    labels = calibration.of["labels"]
    assert (labels.temperatures[:2] != 1).all()
    assert labels.temperatures[2:].tolist() == [1.0] * len(FULL.outputs[2:])
    assert labels.thresholds[2:].tolist() == [0.5] * len(FULL.outputs[2:])
    identity = Calibration.identity(FULL.heads)
    for name in ("voice", "kind", "stance", "topics", "tone", "place"):
        assert calibration.of[name].temperatures.tolist() == identity.of[name].temperatures.tolist()
        assert calibration.of[name].thresholds.tolist() == identity.of[name].thresholds.tolist()


def test_choices_are_fitted_on_the_mean_logits_of_their_words(
    examples: list[Example], encoder: SentenceEncoder
) -> None:
    found = read(examples, encoder, FULL)
    calibration = calibrate(found, examples, FULL)
    for name, names in (("voice", FULL.voices), ("tone", ("plain", "ironic"))):
        columns = FULL.heads.columns(FULL.heads.find(name))
        logits, targets = [], []
        for number, example in enumerate(examples):
            for choice in example.choices:
                if choice.head == name:
                    (sentence,) = encoder.encode([example.text])
                    on = [n for n, (a, b) in enumerate(sentence.offsets) if a < choice.end and b > choice.start]
                    first = found.logits.starts[number]
                    logits.append(found.logits.tokens[first + np.array(on), columns].mean(axis=0))
                    targets.append(names.index(choice.name))
        assert len(targets) > 20
        wanted = fit_softmax(np.array(logits), np.array(targets))
        np.testing.assert_allclose(calibration.of[name].temperatures, wanted.temperatures, rtol=1e-6)


def test_answers_are_fitted_where_they_are_given(examples: list[Example], encoder: SentenceEncoder) -> None:
    silent = [labelled_example(), labelled_example(answers={"stance": "neutral"}), Example("", "blank", answers={})]
    mixed = [*silent, *examples]
    found = read(mixed, encoder, FULL)
    calibration = calibrate(found, mixed, FULL)
    for name in ("stance", "kind"):
        head = FULL.heads.find(name)
        told = [i for i, e in enumerate(mixed) if name in e.answers]
        logits = found.logits.sentences[told, FULL.heads.columns(head)]
        wanted = fit_softmax(logits, np.array([head.names.index(mixed[i].answers[name]) for i in told]))
        np.testing.assert_allclose(calibration.of[name].temperatures, wanted.temperatures)
    head = FULL.heads.find("topics")
    told = [i for i, e in enumerate(mixed) if "topics" in e.answers]
    truth = np.array([[n in mixed[i].answers["topics"].split("+") for n in head.names] for i in told])
    wanted = fit_sigmoid(found.logits.sentences[told, FULL.heads.columns(head)], truth)
    np.testing.assert_allclose(calibration.of["topics"].temperatures, wanted.temperatures)
    np.testing.assert_allclose(calibration.of["topics"].thresholds, wanted.thresholds)


def test_quality_agrees_with_scikit_learn(examples: list[Example], encoder: SentenceEncoder) -> None:
    mixed = [*examples, labelled_example(labels=frozenset({"terrorists"}), answers={"stance": "neutral"})]
    found = read(mixed, encoder, FULL)
    decoder = Decoder(FULL, Calibration.identity(FULL.heads, extension=EXTENSION))
    decoded = list(decoder.decode(found.logits, found.encoded, [e.text for e in mixed]))
    metrics = validate(decoded, mixed, FULL)
    truth, said = (
        np.array([[name in labels for name in FULL.label_names] for labels in column])
        for column in ([e.labels for e in mixed], [d.frames for d in decoded])
    )
    assert truth.any(axis=0).all()
    assert metrics["frames_macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert metrics["frames_micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"))
    # Of words and hedges, the marked ones alone speak.
    hedged = [[d.hedged for d in decoded[:-1]], [bool(e.labels & {"hedge.epistemic"}) for e in examples]]
    assert metrics["hedged_f1"] == pytest.approx(f1_score(hedged[1], hedged[0]))
    stances = [e.answers["stance"] for e in mixed], [d.tasks["stance"] for d in decoded]
    assert metrics["stance_accuracy"] == pytest.approx(accuracy_score(*stances))
    assert metrics["stance_macro_f1"] == pytest.approx(f1_score(*stances, average="macro"))
    others = [value for name, value in metrics.items() if name != SCORE and not np.isnan(value)]
    assert metrics[SCORE] == pytest.approx(np.mean(others))
    assert {"span_overlap_f1", "mention_voice_f1", "topics_micro_f1", "tone_accuracy", "place_span_f1"} <= set(metrics)


@pytest.mark.parametrize("codebook", [own_codebook(), tasks_only()], ids=["own", "tasks only"])
def test_codebooks_without_sections_are_validated_and_calibrated(codebook: Codebook, encoder: SentenceEncoder) -> None:
    mixed = [Example(TEXT, f"g{n}", answers={"stance": STANCES[n % 3], "topics": "war" * (n % 2)}) for n in range(12)]
    found = read(mixed, encoder, codebook)
    calibration = calibrate(found, mixed, codebook)
    decoded = Decoder(codebook, calibration).decode(found.logits, found.encoded, [e.text for e in mixed])
    metrics = validate(decoded, mixed, codebook)
    stances = [e.answers["stance"] for e in mixed], [d.tasks["stance"] for d in decoded]
    assert metrics["stance_accuracy"] == pytest.approx(accuracy_score(*stances))
    assert not {"hedged_f1", "mention_voice_f1", "frames_macro_f1"} & set(metrics)
    record = as_labels(mixed[0], decoded[0])
    assert (record.text, record.tasks, record.kind) == (TEXT, decoded[0].tasks, "body")
