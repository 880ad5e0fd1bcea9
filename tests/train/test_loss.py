"""The loss against torch's own and hand-written sums, and the gradients that make evidence learnable."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from framing.codebook import Head, Heads
from framing.model.network import FramingOutput
from framing.train.loss import (
    UNKNOWN,
    AnswersTargets,
    AnswerTargets,
    ChoiceTargets,
    EvidenceTargets,
    Loss,
    LossWeights,
    Targets,
    framing_loss,
    stack,
)

#: A head of every form, in an order in which heads of tokens and of sentences alternate.
HEADS = Heads(
    (
        Head("labels", "token", ("a", "b", "c"), "sigmoid"),
        Head("kind", "sentence", ("k", "l", "m", "n", "o"), "softmax"),
        Head("voice", "token", ("v", "w", "x", "y"), "softmax"),
        Head("topics", "sentence", ("r", "s", "t"), "sigmoid"),
        Head("place", "token", ("p", "q"), "sigmoid"),
    )
)
LABELS, VOICE, PLACE = slice(0, 3), slice(3, 7), slice(7, 9)
KIND, TOPICS = slice(0, 5), slice(5, 8)


def example(batch: int = 2, length: int = 5) -> tuple[FramingOutput, Targets]:
    generator = torch.Generator().manual_seed(0)
    output = FramingOutput(
        tokens=torch.randn(batch, length, 9, generator=generator, requires_grad=True),
        sentences=torch.randn(batch, 8, generator=generator, requires_grad=True),
    )
    token_mask = torch.ones(batch, length)
    token_mask[:, 0] = token_mask[:, -1] = 0
    labels, places = torch.zeros(batch, length, 3), torch.zeros(batch, length, 2)
    labels[0, 2, 1] = places[1, 3, 0] = 1
    of = {
        "labels": EvidenceTargets(labels, torch.ones(batch, 3), labels.amax(dim=1), torch.ones(batch, 3)),
        "voice": ChoiceTargets(torch.full((batch, length), UNKNOWN), torch.ones(batch)),
        "kind": AnswerTargets(torch.tensor([2, UNKNOWN])),
        "topics": AnswersTargets(torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]), torch.tensor([1.0, 0.0])),
        "place": EvidenceTargets(places, torch.ones(batch, 2), places.amax(dim=1), torch.ones(batch, 2)),
    }
    return output, Targets(token_mask, of)


def loss_of(output: FramingOutput, targets: Targets, weights: LossWeights | None = None) -> Loss:
    return framing_loss(output, targets, HEADS, weights or LossWeights())


@pytest.mark.parametrize(("name", "columns"), [("labels", LABELS), ("place", PLACE)])
def test_evidence_is_the_mean_cross_entropy_of_the_sentences_own_tokens(name: str, columns: slice) -> None:
    output, targets = example()
    inner = slice(1, 4)
    by_torch = functional.binary_cross_entropy(
        torch.sigmoid(output.tokens[:, inner, columns]), targets.of[name].tokens[:, inner], reduction="sum"
    )
    torch.testing.assert_close(loss_of(output, targets).parts[name], by_torch / (2 * 3))


@pytest.mark.parametrize(("name", "columns"), [("labels", LABELS), ("place", PLACE)])
def test_sentence_part_reads_the_largest_token_logit(name: str, columns: slice) -> None:
    output, targets = example()
    largest = torch.sigmoid(output.tokens[:, 1:4, columns].amax(dim=1))
    by_torch = functional.binary_cross_entropy(largest, targets.of[name].sentence, reduction="sum") / 2
    torch.testing.assert_close(loss_of(output, targets).parts[f"{name}/sentence"], by_torch)


def test_sentence_labels_alone_move_only_the_strongest_token() -> None:
    output, targets = example()
    for name in ("labels", "place"):
        targets.of[name].spans_known.zero_()
    loss_of(output, targets, LossWeights(of={"voice": 0, "kind": 0}, task=0)).total.backward()
    for column, row in ((1, 0), (7, 1)):
        moved = output.tokens.grad[row, :, column].nonzero().flatten().tolist()
        assert moved == [1 + int(output.tokens[row, 1:4, column].argmax())]


def test_unknown_outputs_get_no_gradient() -> None:
    output, targets = example()
    targets.of["labels"].spans_known[:, 2] = 0
    targets.of["labels"].sentence_known[:, 2] = 0
    loss_of(output, targets).total.backward()
    assert not output.tokens.grad[:, :, 2].any()
    assert output.tokens.grad[:, 1:4, [0, 1, 7, 8]].all()


def test_special_tokens_get_no_gradient() -> None:
    output, targets = example()
    loss_of(output, targets).total.backward()
    assert not output.tokens.grad[:, [0, -1]].any()


def test_a_choice_is_the_weighted_mean_over_known_tokens() -> None:
    output, targets = example()
    voice = targets.of["voice"]
    voice.tokens[0, 2], voice.tokens[1, 1] = 3, 0
    voice.weight[1] = 0.25
    terms = functional.cross_entropy(output.tokens[[0, 1], [2, 1], VOICE], torch.tensor([3, 0]), reduction="none")
    torch.testing.assert_close(loss_of(output, targets).parts["voice"], (terms[0] + 0.25 * terms[1]) / 1.25)


def test_an_answer_leaves_out_what_is_unknown() -> None:
    output, targets = example()
    by_torch = functional.cross_entropy(output.sentences[:1, KIND], torch.tensor([2]))
    torch.testing.assert_close(loss_of(output, targets).parts["kind"], by_torch)


def test_answers_are_summed_over_names_and_averaged_over_known_sentences() -> None:
    output, targets = example()
    topics = targets.of["topics"]
    first = functional.binary_cross_entropy_with_logits(output.sentences[0, TOPICS], topics.names[0], reduction="sum")
    torch.testing.assert_close(loss_of(output, targets).parts["topics"], first)
    topics.known[1] = 1
    both = functional.binary_cross_entropy_with_logits(output.sentences[:, TOPICS], topics.names, reduction="sum")
    torch.testing.assert_close(loss_of(output, targets).parts["topics"], both / 2)


def test_the_total_weighs_each_part_by_its_head() -> None:
    output, targets = example()
    weights = LossWeights(evidence=2.0, sentence=3.0, of={"voice": 5.0, "kind": 7.0}, task=11.0)
    loss = loss_of(output, targets, weights)
    assert list(loss.parts) == ["labels", "labels/sentence", "kind", "voice", "topics", "place", "place/sentence"]
    by_hand = sum(
        factor * loss.parts[name].item()
        for name, factor in zip(loss.parts, (2.0, 3.0, 7.0, 5.0, 11.0, 2.0, 3.0), strict=True)
    )
    assert loss.total.item() == pytest.approx(by_hand, rel=1e-6)


def test_nothing_known_is_zero_and_finite() -> None:
    output, targets = example()
    for name in ("labels", "place"):
        for known in (targets.of[name].spans_known, targets.of[name].sentence_known):
            known.zero_()
    targets.of["kind"].name.fill_(UNKNOWN)
    targets.of["topics"].known.zero_()
    loss = loss_of(output, targets)
    assert {part.item() for part in loss.parts.values()} == {0.0}
    assert loss.total.item() == 0.0


def test_targets_of_several_windows_are_padded_to_the_longest() -> None:
    evidence = [EvidenceTargets(np.ones((n, 2), bool), *(np.array([True, False]),) * 3) for n in (2, 3)]
    stacked = stack(evidence, 4)
    assert stacked.tokens.tolist() == [[[1, 1]] * 2 + [[0, 0]] * 2, [[1, 1]] * 3 + [[0, 0]]]
    assert stacked.tokens.dtype == stacked.sentence.dtype == torch.float32
    assert stacked.spans_known.tolist() == [[1, 0], [1, 0]]
    choices = [ChoiceTargets(np.arange(n), np.float32(0.5)) for n in (2, 3)]
    padded = stack(choices, 4)
    assert padded.tokens.tolist() == [[0, 1, UNKNOWN, UNKNOWN], [0, 1, 2, UNKNOWN]]
    assert (padded.tokens.dtype, padded.weight.tolist()) == (torch.int64, [0.5, 0.5])
    answers = stack([AnswerTargets(np.int64(3)), AnswerTargets(np.int64(UNKNOWN))], 4)
    assert (answers.name.tolist(), answers.name.dtype) == ([3, UNKNOWN], torch.int64)
    many = stack([AnswersTargets(np.array([True, False]), np.array(True))], 4)
    assert (many.names.tolist(), many.known.tolist()) == ([[1, 0]], [1])
    moved = replace(many).to("cpu")
    assert moved.names.tolist() == many.names.tolist()
