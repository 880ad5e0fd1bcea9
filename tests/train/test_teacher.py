"""Learning from a teacher: the loss against torch's own, what the teacher says, and a student that learns it."""

import gzip
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from transformers import BertConfig, BertModel, BertTokenizerFast

import framing
from framing.codebook import Codebook
from framing.errors import SettingError
from framing.model.encoding import SentenceEncoder
from framing.model.network import FramingModel, FramingOutput
from framing.text.quotations import OUTSIDE, RUNNING
from framing.train.average import average
from framing.train.base import Base, load_base
from framing.train.config import ModelArguments, parse
from framing.train.examples import Example, ExampleDataset, Item, collate, encode_examples, read_unlabeled
from framing.train.lessons import Answer, Lessons
from framing.train.loop import load_split, load_unlabeled
from framing.train.loop import run as train
from framing.train.loss import Lesson, LossWeights, lesson_loss
from framing.train.teacher import Teacher
from tests.train.test_loss import HEADS, KIND, LABELS, PLACE, TOPICS, VOICE
from tests.train.tiny_runs import CODEBOOK, ENDS, arguments

pytestmark = pytest.mark.slow

SENTENCES = [
    "The terrorists came at night",
    "The army fled",
    "He said the rebels seized the city and fled to the market",
]


@pytest.fixture(scope="module")
def taught_folder(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A workspace with a trained model in it, ``teacher``."""
    from tests.train.tiny_runs import marked_rows

    folder = tmp_path_factory.mktemp("teacher")
    (folder / "codebook.yaml").write_text(yaml.safe_dump(CODEBOOK))
    (folder / "train.tsv").write_text("\n".join(marked_rows()) + "\n")
    # The end of the training, not the first state of a perfect score: a teacher is to be sure of what it says.
    train(parse(arguments(folder, tiny_base, "teacher", load_best_model_at_end="false")))
    return folder


def student_of(folder: Path, layers: list[int]) -> Base:
    """The teacher with some of its layers, not yet trained."""
    return load_base(
        ModelArguments(base=str(folder / "teacher"), layers=layers), Codebook.load(folder / "codebook.yaml")
    )


# --- the loss ---------------------------------------------------------------------------------------------------------


def said_by(logits: torch.Tensor, scope: str) -> torch.Tensor:
    """Logits of all heads of a scope as a teacher says them: as probabilities."""
    parts = [logits[..., HEADS.columns(head)] for head in HEADS.of_scope(scope)]
    activations = [torch.sigmoid if head.activation == "sigmoid" else softmax for head in HEADS.of_scope(scope)]
    return torch.cat([activation(part) for activation, part in zip(activations, parts, strict=True)], dim=-1)


def softmax(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(dim=-1)


def lesson_and_output() -> tuple[FramingOutput, Lesson, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    output = FramingOutput(
        tokens=drawn(2, 5, 9).requires_grad_(),
        sentences=drawn(2, 8).requires_grad_(),
        states=drawn(2, 5, 8).requires_grad_(),
    )
    mask = torch.ones(2, 5)
    mask[1, 4] = 0  # padding
    lesson = Lesson(said_by(drawn(2, 5, 9), "token"), said_by(drawn(2, 8), "sentence"), drawn(2, 5, 8))
    inner = mask.clone()
    inner[:, 0] = inner[0, 4] = inner[1, 3] = 0
    return output, lesson, inner


def test_the_parts_are_torchs_own_losses() -> None:
    output, lesson, inner = lesson_and_output()
    loss = lesson_loss(output, lesson, inner, HEADS, LossWeights(states=2.0))
    tokens, parts = inner.bool(), dict(loss.parts)
    for name, columns in (("labels", LABELS), ("place", PLACE)):
        logits, said = output.tokens[tokens][:, columns], lesson.tokens[tokens][:, columns]
        by_torch = functional.binary_cross_entropy(logits.sigmoid(), said, reduction="sum")
        torch.testing.assert_close(parts.pop(name), by_torch / tokens.sum())
    torch.testing.assert_close(
        parts.pop("kind"), functional.cross_entropy(output.sentences[:, KIND], lesson.sentences[:, KIND])
    )
    topics = functional.binary_cross_entropy(
        output.sentences[:, TOPICS].sigmoid(), lesson.sentences[:, TOPICS], reduction="sum"
    )
    torch.testing.assert_close(parts.pop("topics"), topics / 2)
    # A token's voice counts as much as it is marked with anything.
    voices = functional.cross_entropy(
        output.tokens[tokens][:, VOICE], lesson.tokens[tokens][:, VOICE], reduction="none"
    )
    weights = torch.cat([lesson.tokens[tokens][:, columns] for columns in (LABELS, PLACE)], dim=-1).amax(dim=-1)
    torch.testing.assert_close(parts.pop("voice"), (voices * weights).sum() / weights.sum())
    states = functional.mse_loss(output.states[tokens], lesson.states[tokens])
    torch.testing.assert_close(parts.pop("states"), states)
    assert not parts
    factors = {"labels": 1.0, "kind": 0.2, "voice": 0.5, "topics": 0.5, "place": 1.0, "states": 2.0}
    by_hand = sum(factor * loss.parts[name].item() for name, factor in factors.items())
    assert loss.total.item() == pytest.approx(by_hand, rel=1e-5)


def test_who_says_the_same_has_nothing_to_learn() -> None:
    output, lesson, inner = lesson_and_output()
    same = replace(
        lesson,
        tokens=said_by(output.tokens.detach(), "token"),
        sentences=said_by(output.sentences.detach(), "sentence"),
        states=output.states.detach().clone(),
    )
    lesson_loss(output, same, inner, HEADS, LossWeights()).total.backward()
    for part in (output.tokens, output.sentences, output.states):
        torch.testing.assert_close(part.grad, torch.zeros_like(part), atol=1e-6, rtol=0)


def test_padding_teaches_nothing() -> None:
    output, lesson, inner = lesson_and_output()
    lesson_loss(output, lesson, inner, HEADS, LossWeights()).total.backward()
    assert not output.states.grad[1, 3:].any()
    assert not output.tokens.grad[1, 3:].any()
    assert output.tokens.grad[1, 1:3].all()


# --- what the teacher says --------------------------------------------------------------------------------------------


def lessons_for(folder: Path, student: Base, shelf: Path, *, states: bool = False) -> Lessons:
    """The teacher's answers to :data:`SENTENCES`, for a student."""
    lessons = Lessons(Teacher(str(folder / "teacher"), student, states=states), shelf)
    lessons.learn((text, OUTSIDE) for text in SENTENCES)
    return lessons


def test_an_answer_is_what_the_teacher_says_of_the_sentence_alone(taught_folder: Path, tmp_path: Path) -> None:
    student = student_of(taught_folder, [0])
    encoder = SentenceEncoder(student.tokenizer.backend_tokenizer, max_length=128)
    lessons = lessons_for(taught_folder, student, tmp_path, states=True)
    model = FramingModel.from_pretrained(taught_folder / "teacher").eval()
    for text in SENTENCES:
        (item,) = encode_examples([Example(text, "g")], encoder, student.model.heads)
        said = lessons.of(text, OUTSIDE).on(item.offsets)
        ids = torch.from_numpy(item.input_ids)[None]
        with torch.inference_mode():
            alone = model(ids, torch.ones_like(ids), torch.from_numpy(item.quotation)[None], output_states=True)
        labels, voice, kind = (model.heads.columns(head) for head in model.heads)
        for ours, expected in (
            (said.tokens[:, labels], alone.tokens[0, 1:-1, labels].sigmoid()),
            (said.tokens[:, voice], alone.tokens[0, 1:-1, voice].softmax(-1)),
            (said.sentences[kind], alone.sentences[0, kind].softmax(-1)),
            (said.states, alone.states[0, 1:-1]),
        ):
            np.testing.assert_allclose(ours.astype(np.float32), expected.numpy(), atol=2e-3)


def test_a_long_sentence_is_read_in_windows_and_answered_once(taught_folder: Path, tmp_path: Path) -> None:
    text = "The terrorists came at night and the rebels fled to the market " * 30
    student = student_of(taught_folder, [0])
    lessons = Lessons(Teacher(str(taught_folder / "teacher"), student, states=False), tmp_path)
    assert lessons.learn([(text, OUTSIDE)]) == 1
    said = lessons.of(text, OUTSIDE)
    by_labeler = framing.load(taught_folder / "teacher", engine="onnx")(text)
    rebels = student.model.heads[0].names.index("rebels")
    marked = {(int(a), int(b)) for a, b in said.offsets[said.tokens[:, rebels] > 0.5]}
    assert {(m.start, m.end) for m in by_labeler.mentions if m.label == "rebels"} <= marked


def test_the_teacher_reads_no_sentence_twice(taught_folder: Path, tmp_path: Path) -> None:
    student = student_of(taught_folder, [0])
    first = lessons_for(taught_folder, student, tmp_path)
    again = Lessons(Teacher(str(taught_folder / "teacher"), student, states=False), tmp_path)
    assert again.learn([(SENTENCES[0], OUTSIDE), (SENTENCES[0], RUNNING), ("The army left", OUTSIDE)]) == 2
    for text in SENTENCES:
        np.testing.assert_array_equal(first.of(text, OUTSIDE).tokens, again.of(text, OUTSIDE).tokens)
    with pytest.raises(KeyError):
        again.of("The army never left", OUTSIDE)


def test_answers_with_states_and_without_share_a_folder(taught_folder: Path, tmp_path: Path) -> None:
    student = student_of(taught_folder, [0])
    lessons_for(taught_folder, student, tmp_path, states=True)
    plain = Lessons(Teacher(str(taught_folder / "teacher"), student, states=False), tmp_path)
    assert plain.learn((text, OUTSIDE) for text in SENTENCES) == len(SENTENCES)
    assert {plain.of(text, OUTSIDE).states.shape[1] for text in SENTENCES} == {0}


def test_a_sentence_without_tokens_teaches_nothing(taught_folder: Path, tmp_path: Path) -> None:
    student = student_of(taught_folder, [0])
    encoder = SentenceEncoder(student.tokenizer.backend_tokenizer, max_length=128)
    texts = ["\u200b" * 25, SENTENCES[0]]
    lessons = Lessons(Teacher(str(taught_folder / "teacher"), student, states=True), tmp_path)
    lessons.learn((text, OUTSIDE) for text in texts)
    dataset = ExampleDataset([Example(text, "g") for text in texts], encoder, student.model.heads, lessons=lessons)
    lesson = collate([dataset[0], dataset[1]])["targets"].lesson
    assert not lesson.tokens[0].any()
    assert not lesson.states[0].any()
    assert lesson.tokens[1].any()


def test_a_batch_of_taught_items_has_a_lesson_of_its_padded_shape(taught_folder: Path, tmp_path: Path) -> None:
    student = student_of(taught_folder, [1])
    encoder = SentenceEncoder(student.tokenizer.backend_tokenizer, max_length=128)
    examples = [Example(text, "g") for text in SENTENCES]
    lessons = lessons_for(taught_folder, student, tmp_path)
    dataset = ExampleDataset(examples, encoder, student.model.heads, lessons=lessons)
    batch = collate([dataset[index] for index in range(len(dataset))])
    lesson = batch["targets"].lesson
    rows, length = batch["input_ids"].shape
    assert lesson.tokens.shape == (rows, length, student.model.heads.width("token"))
    assert lesson.sentences.shape == (rows, student.model.heads.width("sentence"))
    assert lesson.states.shape == (rows, length, 0)
    # Its voices are shares that sum to 1 on the sentence's own tokens, and to 0 on the others.
    voice = student.model.heads.columns(student.model.heads.find("voice"))
    sums = lesson.tokens[..., voice].sum(dim=-1)
    torch.testing.assert_close(sums, batch["targets"].token_mask, atol=2e-3, rtol=0)
    plain = ExampleDataset(examples, encoder, student.model.heads)
    assert collate([plain[0]])["targets"].lesson is None


def test_what_is_said_of_a_sentence_holds_for_its_scraped_form(taught_folder: Path, tmp_path: Path) -> None:
    text = "At night, he said, the rebels' men fled to the market"
    student = student_of(taught_folder, [0])
    encoder = SentenceEncoder(student.tokenizer.backend_tokenizer, max_length=128)
    lessons = Lessons(Teacher(str(taught_folder / "teacher"), student, states=False), tmp_path)
    lessons.learn([(text, OUTSIDE)])
    (plain,) = ExampleDataset([Example(text, "g")], encoder, student.model.heads, lessons=lessons)
    (bare,) = ExampleDataset([Example(text, "g")], encoder, student.model.heads, strip_punctuation=1.0, lessons=lessons)
    stripped = Example(text, "g").without_punctuation().text

    def by_word(item: Item, read: str) -> dict[str, np.ndarray]:
        return {read[a:b]: said for (a, b), said in zip(item.offsets, item.lesson.tokens, strict=True)}

    ours, printed = by_word(bare, stripped), by_word(plain, text)
    shared = [word for word in ours if word in printed]
    assert len(shared) >= 8
    assert "," not in stripped
    for word in shared:
        np.testing.assert_array_equal(ours[word], printed[word])


# --- from the tokens of one to the tokens of another ------------------------------------------------------------------


@st.composite
def cuts(draw: st.DrawFn, length: int) -> np.ndarray:
    """Offsets of tokens of a text, gaps and all."""
    bounds = sorted(draw(st.sets(st.integers(0, length), min_size=2)))
    pairs = list(itertools.pairwise(bounds))
    kept = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    return np.array(sorted(kept), dtype=np.int64)


@given(theirs=cuts(30), ours=cuts(30), seed=st.integers(0, 99))
def test_a_token_takes_the_mean_over_its_characters(theirs: np.ndarray, ours: np.ndarray, seed: int) -> None:
    said = np.random.default_rng(seed).random((len(theirs), 3)).astype(np.float32)
    answer = Answer(theirs, said, np.zeros(2), np.zeros((len(theirs), 0))).on(ours)
    of_character = {place: said[k] for k, (a, b) in enumerate(theirs) for place in range(a, b)}
    for (start, end), taken in zip(ours, answer.tokens, strict=True):
        heard = [of_character[place] for place in range(start, end) if place in of_character]
        np.testing.assert_allclose(taken, np.mean(heard, axis=0) if heard else np.zeros(3), atol=1e-6)


def test_a_student_with_another_vocabulary_learns_from_the_teacher(taught_folder: Path, tmp_path: Path) -> None:
    """Its tokens are letters, or nearly so; its teacher's are words."""
    letters = sorted({letter for text in (*SENTENCES, *ENDS) for letter in text.lower() if letter != " "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}, do_lower_case=True)
    tokenizer.save_pretrained(tmp_path / "base")
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(tmp_path / "base")
    rows = [f"g{n}\tbody\tThe army {end}" for n, end in enumerate(ENDS * 6)]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "codebook.yaml").write_text(yaml.safe_dump(CODEBOOK))
    news = [f"{who} {end} and {e}." for who in ("The terrorists", "The army") for end in ENDS for e in ENDS]
    (tmp_path / "news.txt").write_text("\n\n".join(news))
    settings = {"teacher": taught_folder / "teacher", "unlabeled": tmp_path / "news.txt", "num_train_epochs": 8}
    finished = train(parse(arguments(tmp_path, tmp_path / "base", "student", **settings)))
    student = framing.load(finished.folder)
    assert list(student("The terrorists came at night").frames) == ["terrorists"]
    assert not student("The army came at night").frames


# --- the student ------------------------------------------------------------------------------------------------------


def test_a_smaller_student_learns_from_unlabeled_text_what_nobody_marked(taught_folder: Path, tmp_path: Path) -> None:
    rows = [f"g{n}\tbody\tThe [[rebels|rebels.author]] {end}" for n, end in enumerate(ENDS * 6)]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "codebook.yaml").write_text(yaml.safe_dump(CODEBOOK))
    (tmp_path / "news.txt").write_text("\n\n".join(f"The terrorists {end} and {e}." for end in ENDS for e in ENDS))
    settings = {"teacher": taught_folder / "teacher", "unlabeled": tmp_path / "news.txt", "layers": "1"}
    finished = train(parse(arguments(tmp_path, taught_folder / "teacher", "student", **settings)))
    model = FramingModel.from_pretrained(finished.folder)
    assert model.config.encoder.num_hidden_layers == len(model.encoder.encoder.layer) == 1
    assert list(framing.load(finished.folder)("The terrorists came at night").frames) == ["terrorists"]
    card = (finished.folder / "README.md").read_text()
    assert "as its teacher" in card
    assert "36 sentences of news that only the teacher labelled" in card


def test_the_card_of_a_mean_of_students_names_their_teacher(taught_folder: Path) -> None:
    teacher = taught_folder / "teacher"
    for name, epochs in (("one", 1), ("two", 2)):
        flags = {"teacher": teacher, "layers": "0", "num_train_epochs": epochs}
        train(parse(arguments(taught_folder, teacher, name, **flags)))
    flags = arguments(taught_folder, teacher, "mean")
    finished = average(parse([*flags, "--average", str(taught_folder / "one"), str(taught_folder / "two")]))
    card = (finished.folder / "README.md").read_text()
    assert card.count(f"with its layers 0, with `{teacher}` as its teacher") == 2


def test_kept_layers_are_those_of_the_base(taught_folder: Path) -> None:
    whole = FramingModel.from_pretrained(taught_folder / "teacher")
    kept = student_of(taught_folder, [1]).model
    wanted = whole.encoder.encoder.layer[1].state_dict()
    assert all(torch.equal(weight, wanted[name]) for name, weight in kept.encoder.encoder.layer[0].state_dict().items())


def test_unlabeled_text_is_cut_and_knows_its_quotations(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    article = 'He said: "The town was lost in the night. Nobody came to help us there." The army left.'
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        for _ in range(2):  # rows of one document share its id
            stream.write(json.dumps({"id": "a", "text": article}) + "\n")
    drawn = read_unlabeled([str(path)], 100, seed=1)
    texts = {example.text: example.state for example in drawn}
    assert set(texts) == {
        'He said: "The town was lost in the night.',
        'Nobody came to help us there."',
    }  # the third is too short to be a sentence of news
    assert texts['He said: "The town was lost in the night.'] == OUTSIDE
    assert texts['Nobody came to help us there."'].inside
    assert not any(example.spans_known or example.labels_known or example.answers for example in drawn)
    assert read_unlabeled([str(path)], 3, seed=1) == drawn[:3]


def test_what_the_model_is_validated_on_is_not_learned_from_the_teacher(taught_folder: Path, tmp_path: Path) -> None:
    flags = arguments(taught_folder, taught_folder / "teacher", "x", teacher=taught_folder / "teacher")
    split = load_split(parse(flags), Codebook.load(taught_folder / "codebook.yaml"))
    long = [e for e in split.validation if len(e.text) >= 20]
    assert long
    (tmp_path / "news.txt").write_text("\n\n".join([*(e.text for e in long), "The militants came to the market."]))
    found = load_unlabeled(parse([*flags, "--unlabeled", str(tmp_path / "news.txt")]), split)
    assert [example.text for example in found] == ["The militants came to the market."]


# --- what does not go together ----------------------------------------------------------------------------------------


def test_unlabeled_text_needs_a_teacher() -> None:
    with pytest.raises(SettingError, match="no teacher that could label it"):
        parse(["--train", "a.tsv", "--unlabeled", "news.txt", "--use_cpu", "true"])


def test_an_average_has_no_teacher() -> None:
    with pytest.raises(SettingError, match="average and teacher"):
        parse(["--train", "a.tsv", "--average", "one", "two", "--teacher", "shipped", "--use_cpu", "true"])


def test_an_average_has_the_layers_of_what_it_averages() -> None:
    with pytest.raises(SettingError, match="average and layers"):
        parse(["--train", "a.tsv", "--average", "one", "two", "--layers", "0", "1", "--use_cpu", "true"])


@pytest.mark.parametrize("layers", [[2], [1, 0], [0, 0], [-1]])
def test_layers_that_are_not_there_are_refused(taught_folder: Path, layers: list[int]) -> None:
    with pytest.raises(SettingError, match="ascending numbers from 0 to 1"):
        student_of(taught_folder, layers)


def test_a_teacher_that_does_not_know_a_label_is_refused(taught_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "codebook.yaml").write_text(yaml.safe_dump({"name": "more", "labels": ["rebels", "heroes"]}))
    base = load_base(ModelArguments(base=str(taught_folder / "teacher")), Codebook.load(tmp_path / "codebook.yaml"))
    with pytest.raises(SettingError, match="does not know 'heroes'"):
        Teacher(str(taught_folder / "teacher"), base, states=True)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"tasks": {"stance": ["pro", "con"]}}, "does not know 'pro' of 'stance'"),
        ({"voices": ["quoted", "author", "attributed", "distanced"]}, "has other names for 'voice'"),
        ({"kinds": ["body", "tweet"]}, "does not know 'tweet' of 'kind'"),
    ],
)
def test_a_teacher_with_other_heads_is_refused(taught_folder: Path, changed: dict[str, object], problem: str) -> None:
    codebook = Codebook.from_dict(CODEBOOK | changed)
    base = load_base(ModelArguments(base=str(taught_folder / "teacher")), codebook)
    with pytest.raises(SettingError, match=problem):
        Teacher(str(taught_folder / "teacher"), base, states=True)


def test_a_student_may_know_less_and_in_another_order(taught_folder: Path, tmp_path: Path) -> None:
    codebook = Codebook.from_dict({"labels": ["terrorists", "rebels"], "hedges": ["hearsay"], "kinds": "none"})
    base = load_base(ModelArguments(base=str(taught_folder / "teacher")), codebook)
    whole = student_of(taught_folder, [0])
    less, all_of_it = (lessons_for(taught_folder, student, tmp_path) for student in (base, whole))
    wanted = [whole.model.heads[0].names.index(name) for name in base.model.heads[0].names]
    wanted += [len(whole.model.heads[0].names) + number for number in range(len(codebook.voices))]
    for text in SENTENCES:
        one, other = less.of(text, OUTSIDE), all_of_it.of(text, OUTSIDE)
        np.testing.assert_array_equal(one.tokens, other.tokens[:, wanted])
        assert one.sentences.shape == (0,)


def test_states_of_another_width_are_refused_unless_left_out(taught_folder: Path) -> None:
    student = student_of(taught_folder, [0])
    config = BertConfig(**{**student.model.config.encoder.to_dict(), "hidden_size": 16, "intermediate_size": 32})
    narrow = FramingModel.from_encoder(BertModel(config, add_pooling_layer=False), student.model.config)
    narrow_student = replace(student, model=narrow)
    with pytest.raises(SettingError, match="32 dimensions, and the student's 16"):
        Teacher(str(taught_folder / "teacher"), narrow_student, states=True)
    Teacher(str(taught_folder / "teacher"), narrow_student, states=False)
