"""The training loss: evidence, sentence, voice, kind; marked spans and mere sentence labels in one batch.

Beside what is marked, a batch can hold what a teacher says of it: then the loss is mostly that of learning to say the
same (Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network"), in the states too (Sun et al.
2019, "Patient knowledge distillation for BERT model compression").
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch.nn import functional

from framing.model.modeling import NEGATIVE, FramingOutput

#: Target of a voice or a kind that nobody marked.
UNKNOWN = -100


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a teacher says of a batch.

    Attributes:
        labels: float [batch, length, outputs], probabilities.
        voice: float [batch, length, voices], probabilities.
        kind: float [batch, kinds], probabilities.
        states: float [batch, length, hidden], the last token states.
        state_mask: float [batch, length], 1 on tokens, special ones included, and 0 on padding.
    """

    labels: torch.Tensor
    voice: torch.Tensor
    kind: torch.Tensor
    states: torch.Tensor
    state_mask: torch.Tensor

    def to(self, device: torch.device | str, **kwargs: Any) -> Lesson:
        """All of it on another device."""
        return Lesson(*(getattr(self, field.name).to(device, **kwargs) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known about a batch. Padding and special tokens are 0 in ``token_mask``.

    Attributes:
        token_mask: float [batch, length], 1 on the sentence's own tokens.
        labels: float [batch, length, outputs], 1 on the tokens of a marked span.
        spans_known: float [batch, outputs], 1 where the example says on which tokens the output stands.
        sentence: float [batch, outputs], 1 where the sentence carries the output.
        sentence_known: float [batch, outputs], 1 where the example says whether the sentence carries it.
        voice: int64 [batch, length], voice of the token's mention, or ``UNKNOWN``.
        voice_weight: float [batch], weight of an example's voice targets.
        kind: int64 [batch], or ``UNKNOWN``.
        lesson: what a teacher says, where there is one.
    """

    token_mask: torch.Tensor
    labels: torch.Tensor
    spans_known: torch.Tensor
    sentence: torch.Tensor
    sentence_known: torch.Tensor
    voice: torch.Tensor
    voice_weight: torch.Tensor
    kind: torch.Tensor
    lesson: Lesson | None = None

    def to(self, device: torch.device | str, **kwargs: Any) -> Targets:
        """All of it on another device; accelerate calls this for whatever a batch holds."""
        moved = {
            field.name: getattr(self, field.name).to(device, **kwargs)
            for field in fields(self)
            if getattr(self, field.name) is not None
        }
        return Targets(**moved)


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the four parts; and, where a teacher speaks, of what is marked and of the teacher's states."""

    evidence: float = 1.0
    sentence: float = 0.3
    voice: float = 0.5
    kind: float = 0.2
    marks: float = 0.3
    states: float = 1.0


@dataclass(frozen=True, slots=True)
class LossParts:
    """The parts, unweighted scalars, and their weighted sum."""

    evidence: torch.Tensor
    sentence: torch.Tensor
    voice: torch.Tensor
    kind: torch.Tensor
    total: torch.Tensor


@dataclass(frozen=True, slots=True)
class LessonParts:
    """The parts of the loss against a teacher, unweighted scalars, and their weighted sum."""

    evidence: torch.Tensor
    voice: torch.Tensor
    kind: torch.Tensor
    states: torch.Tensor
    total: torch.Tensor


def framing_loss(output: FramingOutput, targets: Targets, weights: LossWeights) -> LossParts:
    """Loss of one batch.

    ``evidence`` is the binary cross-entropy of each token and output, summed over outputs, averaged over tokens,
    where spans are known. ``sentence`` is that of each sentence's largest token logit, summed over outputs, averaged
    over sentences: for examples with sentence labels only it is the whole signal, and the token with the largest
    logit gets the gradient. ``voice`` and ``kind`` are cross-entropies over what is known of them.
    """
    assert output.labels is not None
    assert output.voice is not None
    assert output.kind is not None
    evidence_terms = functional.binary_cross_entropy_with_logits(output.labels, targets.labels, reduction="none")
    counted = targets.token_mask[:, :, None] * targets.spans_known[:, None]
    evidence = (evidence_terms * counted).sum() / targets.token_mask.sum().clamp(min=1)

    largest = output.labels.masked_fill(targets.token_mask[:, :, None] == 0, NEGATIVE).amax(dim=1)
    sentence_terms = functional.binary_cross_entropy_with_logits(largest, targets.sentence, reduction="none")
    sentence = (sentence_terms * targets.sentence_known).sum() / len(largest)

    voice_terms = functional.cross_entropy(
        output.voice.flatten(0, 1), targets.voice.flatten(), ignore_index=UNKNOWN, reduction="none"
    ).view_as(targets.voice)
    voice_counted = (targets.voice != UNKNOWN) * targets.voice_weight[:, None]
    voice = (voice_terms * voice_counted).sum() / voice_counted.sum().clamp(min=1)

    kind_terms = functional.cross_entropy(output.kind, targets.kind, ignore_index=UNKNOWN, reduction="sum")
    kind = kind_terms / (targets.kind != UNKNOWN).sum().clamp(min=1)

    total = weights.evidence * evidence + weights.sentence * sentence + weights.voice * voice + weights.kind * kind
    return LossParts(evidence, sentence, voice, kind, total)


def lesson_loss(output: FramingOutput, lesson: Lesson, token_mask: torch.Tensor, weights: LossWeights) -> LessonParts:
    """How far a model is from saying what its teacher says.

    ``evidence`` is the binary cross-entropy of each token and output against the teacher's probability, summed over
    outputs, averaged over tokens. ``voice`` is the cross-entropy against the teacher's voices; a token counts as much
    as its largest label probability, for of words that carry nothing the voice is never asked. ``kind`` is averaged
    over sentences; ``states`` is the squared distance of the token states, averaged over tokens and dimensions.

    Args:
        output: of the model; with ``states`` unless their weight is 0.
        lesson: of the same batch.
        token_mask: float [batch, length], 1 on the sentence's own tokens.
        weights: ``evidence``, ``voice``, ``kind`` and ``states`` of them.
    """
    assert output.labels is not None
    assert output.voice is not None
    assert output.kind is not None
    evidence_terms = functional.binary_cross_entropy_with_logits(output.labels, lesson.labels, reduction="none")
    evidence = (evidence_terms * token_mask[:, :, None]).sum() / token_mask.sum().clamp(min=1)

    voice_terms = -(lesson.voice * functional.log_softmax(output.voice, dim=-1)).sum(dim=-1)
    asked = lesson.labels.amax(dim=-1) * token_mask
    voice = (voice_terms * asked).sum() / asked.sum().clamp(min=1)

    kind = -(lesson.kind * functional.log_softmax(output.kind, dim=-1)).sum(dim=-1).mean()

    if weights.states:
        assert output.states is not None
        distances = (output.states - lesson.states).square().mean(dim=-1)
        states = (distances * lesson.state_mask).sum() / lesson.state_mask.sum()
    else:
        states = torch.zeros_like(evidence)

    total = weights.evidence * evidence + weights.voice * voice + weights.kind * kind + weights.states * states
    return LessonParts(evidence, voice, kind, states, total)
