"""The training loss, head by head; marked spans and mere sentence labels in one batch.

What is known about a head's answer has one of four forms, by the head's scope and activation:

=================  ============================  ====================================================================
head               targets                       loss
=================  ============================  ====================================================================
token, sigmoid     :class:`EvidenceTargets`      binary cross-entropy of tokens, and of each sentence's largest logit
token, softmax     :class:`ChoiceTargets`        cross-entropy of the tokens of which a choice is known
sentence, softmax  :class:`AnswerTargets`        cross-entropy of sentences
sentence, sigmoid  :class:`AnswersTargets`       binary cross-entropy of sentences
=================  ============================  ====================================================================

Beside what is marked, a batch can hold what a teacher says of it: then the loss is mostly that of learning to say the
same (Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network"), in the states too (Sun et al.
2019, "Patient knowledge distillation for BERT model compression").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch.nn import functional

from framing.codebook import KIND, VOICE, Head, Heads
from framing.model.network import NEGATIVE, FramingOutput

#: Target of a choice or an answer that nobody marked.
UNKNOWN = -100
#: The name of the sentence part of a head's loss, behind that of the head.
SENTENCE, STATES = "sentence", "states"

Form = TypeVar("Form", bound="HeadTargets")


@dataclass(frozen=True, slots=True)
class HeadTargets:
    """What is known about one head: arrays of one window of ``n`` tokens, or tensors of a batch (:func:`stack`)."""

    def to(self: Form, device: torch.device | str, **kwargs: Any) -> Form:
        """All of it on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device, **kwargs) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class EvidenceTargets(HeadTargets):
    """Of a head that marks tokens.

    Attributes:
        tokens: bool [n, names] (batch: float [batch, length, names]), the tokens of a marked span.
        spans_known: bool [names], whether it is known on which tokens the name stands.
        sentence: bool [names], whether the sentence carries the name.
        sentence_known: bool [names], whether that is known.
    """

    tokens: Any
    spans_known: Any
    sentence: Any
    sentence_known: Any


@dataclass(frozen=True, slots=True)
class ChoiceTargets(HeadTargets):
    """Of a head that chooses one name for tokens.

    Attributes:
        tokens: int64 [n], the place of the name, or :data:`UNKNOWN`.
        weight: float [], how much the window's tokens count.
    """

    tokens: Any
    weight: Any


@dataclass(frozen=True, slots=True)
class AnswerTargets(HeadTargets):
    """Of a head that chooses one name for a sentence: int64 [], its place, or :data:`UNKNOWN`."""

    name: Any


@dataclass(frozen=True, slots=True)
class AnswersTargets(HeadTargets):
    """Of a head that chooses names for a sentence.

    Attributes:
        names: bool [names], the right ones.
        known: bool [], whether that is known.
    """

    names: Any
    known: Any


def stack(targets: Sequence[Form], length: int) -> Form:
    """The targets of several windows as tensors of a batch; what has one value a token is padded to ``length``."""
    stacked = {}
    for entry in fields(targets[0]):
        arrays = [np.asarray(getattr(target, entry.name)) for target in targets]
        if entry.name == "tokens":
            padding = UNKNOWN if arrays[0].dtype == np.int64 else 0
            arrays = [_padded(array, length, padding) for array in arrays]
        tensor = torch.from_numpy(np.stack(arrays))
        stacked[entry.name] = tensor if tensor.dtype == torch.int64 else tensor.float()
    return type(targets[0])(**stacked)


def _padded(array: np.ndarray, length: int, padding: int) -> np.ndarray:
    padded = np.full((length, *array.shape[1:]), padding, dtype=array.dtype)
    padded[: len(array)] = array
    return padded


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a teacher says of a batch, in the columns of the student's heads.

    Attributes:
        tokens: float [batch, length, token width], probabilities.
        sentences: float [batch, sentence width], probabilities.
        states: float [batch, length, hidden], the last token states; hidden is 0 where they are not learned.
    """

    tokens: torch.Tensor
    sentences: torch.Tensor
    states: torch.Tensor

    def to(self, device: torch.device | str, **kwargs: Any) -> Lesson:
        """All of it on another device."""
        return Lesson(*(getattr(self, field.name).to(device, **kwargs) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known about a batch.

    Attributes:
        token_mask: float [batch, length], 1 on the sentence's own tokens, 0 on padding and special tokens.
        of: head's name -> what is known of its answer.
        lesson: what a teacher says, where there is one.
    """

    token_mask: torch.Tensor
    of: Mapping[str, HeadTargets]
    lesson: Lesson | None = None

    def to(self, device: torch.device | str, **kwargs: Any) -> Targets:
        """All of it on another device; accelerate calls this for whatever a batch holds."""
        return Targets(
            self.token_mask.to(device, **kwargs),
            {name: target.to(device, **kwargs) for name, target in self.of.items()},
            self.lesson and self.lesson.to(device, **kwargs),
        )


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the parts.

    Attributes:
        evidence, sentence: of tokens and of sentences, for heads that mark tokens.
        of: head's name -> weight, of the others; ``task`` where a head is not named.
        task: of a head that ``of`` does not name.
        marks, states: where a teacher speaks, of what is marked (beside 1 for the teacher), and of the token states.
    """

    evidence: float = 1.0
    sentence: float = 0.3
    of: Mapping[str, float] = field(default_factory=lambda: {VOICE: 0.5, KIND: 0.2})
    task: float = 0.5
    marks: float = 0.3
    states: float = 1.0

    def of_part(self, part: str, heads: Heads) -> float:
        """The weight of a part of :class:`Loss`."""
        name, _, sub = part.partition("/")
        if name == STATES:
            return self.states
        head = heads.find(name)
        if head is not None and (head.scope, head.activation) == ("token", "sigmoid"):
            return self.sentence if sub else self.evidence
        return self.of.get(name, self.task)


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and its parts.

    Attributes:
        parts: unweighted scalars: the head's name, or ``<head>/sentence`` for the sentence part of one that marks
            tokens, or ``states``.
        total: their weighted sum.
    """

    parts: Mapping[str, torch.Tensor]
    total: torch.Tensor

    @classmethod
    def of(cls, parts: Mapping[str, torch.Tensor], heads: Heads, weights: LossWeights) -> Loss:
        """Add up."""
        return cls(parts, torch.stack([weights.of_part(name, heads) * part for name, part in parts.items()]).sum())


def framing_loss(output: FramingOutput, targets: Targets, heads: Heads, weights: LossWeights) -> Loss:
    """Loss of one batch against what is marked.

    Of a head that marks tokens, the first part is the binary cross-entropy of each token and name, summed over names,
    averaged over tokens, where spans are known; the part ``/sentence`` is that of each sentence's largest token logit,
    summed over names, averaged over sentences: for examples with sentence labels only it is the whole signal, and the
    token with the largest logit gets the gradient. The other heads have cross-entropies over what is known.
    """
    parts: dict[str, torch.Tensor] = {}
    for head in heads:
        known, logits = targets.of[head.name], _logits(output, head, heads)
        if isinstance(known, EvidenceTargets):
            parts[head.name] = _evidence(logits, known, targets.token_mask)
            parts[f"{head.name}/{SENTENCE}"] = _sentence(logits, known, targets.token_mask)
        elif isinstance(known, ChoiceTargets):
            parts[head.name] = _choice(logits, known)
        elif isinstance(known, AnswerTargets):
            terms = functional.cross_entropy(logits, known.name, ignore_index=UNKNOWN, reduction="sum")
            parts[head.name] = terms / (known.name != UNKNOWN).sum().clamp(min=1)
        elif isinstance(known, AnswersTargets):
            terms = functional.binary_cross_entropy_with_logits(logits, known.names, reduction="none").sum(dim=-1)
            parts[head.name] = (terms * known.known).sum() / known.known.sum().clamp(min=1)
    return Loss.of(parts, heads, weights)


def lesson_loss(
    output: FramingOutput, lesson: Lesson, token_mask: torch.Tensor, heads: Heads, weights: LossWeights
) -> Loss:
    """How far a model is from saying what its teacher says.

    Of a head that marks tokens, the binary cross-entropy of each token and name against the teacher's probability,
    summed over names, averaged over tokens. Of one that chooses for tokens, the cross-entropy against the teacher's
    choice; a token counts as much as the largest probability that it is marked, because the choice is only read on
    marked tokens. Heads of sentences are averaged over sentences. ``states`` is the squared distance of the token
    states, averaged over tokens and dimensions.

    Args:
        output: of the model; with ``states`` unless their weight is 0.
        lesson: of the same batch.
        token_mask: float [batch, length], 1 on the sentence's own tokens.
        heads: of the model.
        weights: of the parts.
    """
    marked = [lesson.tokens[..., heads.columns(h)] for h in heads.of_scope("token") if h.activation == "sigmoid"]
    asked = torch.cat(marked, dim=-1).amax(dim=-1) * token_mask if marked else token_mask
    parts: dict[str, torch.Tensor] = {}
    for head in heads:
        logits = _logits(output, head, heads)
        said = (lesson.tokens if head.scope == "token" else lesson.sentences)[..., heads.columns(head)]
        if head.activation == "sigmoid":
            terms = functional.binary_cross_entropy_with_logits(logits, said, reduction="none").sum(dim=-1)
            parts[head.name] = _mean(terms, token_mask if head.scope == "token" else torch.ones_like(terms))
        else:
            terms = -(said * functional.log_softmax(logits, dim=-1)).sum(dim=-1)
            parts[head.name] = _mean(terms, asked if head.scope == "token" else torch.ones_like(terms))
    if weights.states:
        assert output.states is not None
        parts[STATES] = _mean((output.states - lesson.states).square().mean(dim=-1), token_mask)
    return Loss.of(parts, heads, weights)


def _logits(output: FramingOutput, head: Head, heads: Heads) -> torch.Tensor:
    logits = output.tokens if head.scope == "token" else output.sentences
    assert logits is not None
    return logits[..., heads.columns(head)]


def _evidence(logits: torch.Tensor, known: EvidenceTargets, token_mask: torch.Tensor) -> torch.Tensor:
    terms = functional.binary_cross_entropy_with_logits(logits, known.tokens, reduction="none")
    counted = token_mask[:, :, None] * known.spans_known[:, None]
    return (terms * counted).sum() / token_mask.sum().clamp(min=1)


def _sentence(logits: torch.Tensor, known: EvidenceTargets, token_mask: torch.Tensor) -> torch.Tensor:
    largest = logits.masked_fill(token_mask[:, :, None] == 0, NEGATIVE).amax(dim=1)
    terms = functional.binary_cross_entropy_with_logits(largest, known.sentence, reduction="none")
    return (terms * known.sentence_known).sum() / len(largest)


def _choice(logits: torch.Tensor, known: ChoiceTargets) -> torch.Tensor:
    terms = functional.cross_entropy(
        logits.flatten(0, 1), known.tokens.flatten(), ignore_index=UNKNOWN, reduction="none"
    ).view_as(known.tokens)
    return _mean(terms, (known.tokens != UNKNOWN) * known.weight[:, None])


def _mean(terms: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The weighted mean, with a sum of weights of at least 1."""
    return (terms * weights).sum() / weights.sum().clamp(min=1)
