"""The loss against hand-written sums, and the gradients that make evidence learnable."""

import pytest
import torch
from torch.nn import functional

from framing.model.modeling import FramingOutput
from framing.train.loss import UNKNOWN, LossWeights, Targets, framing_loss


def example(batch: int = 2, length: int = 5, outputs: int = 3) -> tuple[FramingOutput, Targets]:
    generator = torch.Generator().manual_seed(0)
    output = FramingOutput(
        labels=torch.randn(batch, length, outputs, generator=generator, requires_grad=True),
        voice=torch.randn(batch, length, 4, generator=generator, requires_grad=True),
        kind=torch.randn(batch, 5, generator=generator, requires_grad=True),
    )
    token_mask = torch.ones(batch, length)
    token_mask[:, 0] = token_mask[:, -1] = 0
    labels = torch.zeros(batch, length, outputs)
    labels[0, 2, 1] = 1
    targets = Targets(
        token_mask=token_mask,
        labels=labels,
        spans_known=torch.ones(batch, outputs),
        sentence=labels.amax(dim=1),
        sentence_known=torch.ones(batch, outputs),
        voice=torch.full((batch, length), UNKNOWN),
        voice_weight=torch.ones(batch),
        kind=torch.tensor([2, UNKNOWN]),
    )
    return output, targets


def test_evidence_is_the_mean_cross_entropy_of_the_sentences_own_tokens() -> None:
    output, targets = example()
    inner = slice(1, 4)
    by_hand = functional.binary_cross_entropy(
        torch.sigmoid(output.labels[:, inner]), targets.labels[:, inner], reduction="sum"
    ) / (2 * 3)
    torch.testing.assert_close(framing_loss(output, targets, LossWeights()).evidence, by_hand)


def test_sentence_part_reads_the_largest_token_logit() -> None:
    output, targets = example()
    by_hand = (
        functional.binary_cross_entropy(
            torch.sigmoid(output.labels[:, 1:4].amax(dim=1)), targets.sentence, reduction="sum"
        )
        / 2
    )
    torch.testing.assert_close(framing_loss(output, targets, LossWeights()).sentence, by_hand)


def test_sentence_labels_alone_move_only_the_strongest_token() -> None:
    output, targets = example()
    targets.spans_known.zero_()
    framing_loss(output, targets, LossWeights(voice=0, kind=0)).total.backward()
    moved = output.labels.grad[0, :, 1].nonzero().flatten().tolist()
    assert moved == [1 + int(output.labels[0, 1:4, 1].argmax())]


def test_unknown_outputs_get_no_gradient() -> None:
    output, targets = example()
    targets.spans_known[:, 2] = 0
    targets.sentence_known[:, 2] = 0
    framing_loss(output, targets, LossWeights()).total.backward()
    assert not output.labels.grad[:, :, 2].any()
    assert output.labels.grad[:, 1:4, 0].all()


def test_special_tokens_get_no_label_gradient() -> None:
    output, targets = example()
    framing_loss(output, targets, LossWeights()).total.backward()
    assert not output.labels.grad[:, [0, -1]].any()


def test_voice_is_the_weighted_mean_over_known_tokens() -> None:
    output, targets = example()
    targets.voice[0, 2], targets.voice[1, 1] = 3, 0
    targets.voice_weight[1] = 0.25
    terms = functional.cross_entropy(output.voice[[0, 1], [2, 1]], torch.tensor([3, 0]), reduction="none")
    by_hand = (terms[0] + 0.25 * terms[1]) / 1.25
    torch.testing.assert_close(framing_loss(output, targets, LossWeights()).voice, by_hand)


def test_kind_leaves_out_what_is_unknown() -> None:
    output, targets = example()
    by_hand = functional.cross_entropy(output.kind[:1], torch.tensor([2]))
    torch.testing.assert_close(framing_loss(output, targets, LossWeights()).kind, by_hand)


def test_nothing_known_is_zero_and_finite() -> None:
    output, targets = example()
    for known in (targets.spans_known, targets.sentence_known):
        known.zero_()
    targets.kind.fill_(UNKNOWN)
    assert framing_loss(output, targets, LossWeights()).total.item() == pytest.approx(0.0)
