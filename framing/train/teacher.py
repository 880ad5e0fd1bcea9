"""What a teacher says of training examples: a finished model reads them once, and its answers are kept beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from framing.codebook import Heads
from framing.codebook.heads import Scope
from framing.errors import SettingError
from framing.model import checkpoint
from framing.model.network import FramingModel
from framing.train.base import Base, fast_tokenizer
from framing.train.examples import Item, Taught, collate

#: Windows of like length are read together, so many at once.
_BATCH = 32


class Teacher:
    """A finished model whose answers another one learns to give.

    A student's tokens must be its teacher's, so that they can be compared one by one; its layers may be fewer, and its
    codebook may leave labels out.

    Args:
        name: ``"shipped"``, or the folder of a framing checkpoint.
        student: what is to learn from it.
        states: whether the student learns the token states too, which then must be as wide.
        device: where it reads.

    Raises:
        CheckpointNotFoundError: nothing is there.
        CheckpointError: the checkpoint is damaged.
        SettingError: teacher and student do not go together.
    """

    def __init__(self, name: str, student: Base, *, states: bool, device: torch.device | str = "cpu") -> None:
        folder = checkpoint.locate(name)
        checkpoint.verify(folder)
        self._model = FramingModel.from_pretrained(folder).eval().to(device)
        self._states = states
        if fast_tokenizer(str(folder)).get_vocab() != student.tokenizer.get_vocab():
            raise SettingError(
                f"the teacher {name!r} and the base {student.name!r} cut words into other tokens",
                expected="one vocabulary, so that token can be compared with token",
                hint=f"--base {name} --layers 0 2 4 starts from the teacher itself",
            )
        self._token_columns = _wanted_columns(name, student.model.heads, self._model.heads, "token")
        self._sentence_columns = _wanted_columns(name, student.model.heads, self._model.heads, "sentence")
        widths = student.model.encoder.config.hidden_size, self._model.encoder.config.hidden_size
        if states and widths[0] != widths[1]:
            raise SettingError(
                f"the token states of the teacher {name!r} have {widths[1]} dimensions, and the student's {widths[0]}",
                expected="states of one width",
                hint="--states_weight 0 leaves the states out",
            )

    def teach(self, items: Sequence[Item]) -> list[Item]:
        """The items, each with what the teacher says of it."""
        taught: list[Item | None] = [None] * len(items)
        by_length = sorted(range(len(items)), key=lambda index: len(items[index].input_ids))
        for first in range(0, len(by_length), _BATCH):
            batch = by_length[first : first + _BATCH]
            for index, said in zip(batch, self._read([items[i] for i in batch]), strict=True):
                taught[index] = replace(items[index], taught=said)
        return [item for item in taught if item is not None]

    @torch.inference_mode()
    def _read(self, items: Sequence[Item]) -> list[Taught]:
        batch = collate(items)
        ids, attention, quotation = (
            batch[name].to(self._model.device) for name in ("input_ids", "attention_mask", "quotation")
        )
        output = self._model(ids, attention, quotation, output_states=self._states)
        tokens = _half(_probabilities(output.tokens, self._model.heads, "token")[..., self._token_columns])
        sentences = _half(_probabilities(output.sentences, self._model.heads, "sentence")[..., self._sentence_columns])
        states = _half(output.states) if self._states else np.zeros((*ids.shape, 0), dtype=np.float16)
        # Copies, or each would keep the whole batch with its padding alive.
        return [
            Taught(tokens[row, :n].copy(), sentences[row].copy(), states[row, :n].copy())
            for row, n in enumerate(len(item.input_ids) for item in items)
        ]


def _wanted_columns(name: str, ours: Heads, theirs: Heads, scope: Scope) -> list[int]:
    """Which of the teacher's columns hold what the student's heads of a scope say, in the student's order."""
    wanted: list[int] = []
    for head in ours.of_scope(scope):
        same = theirs.find(head.name)
        missing = [n for n in head.names if same is None or n not in same.names]
        if same is None or missing:
            raise SettingError(
                f"the teacher {name!r} does not know {missing[0]!r} of {head.name!r}",
                expected=f"a teacher for everything that the codebook asks; {len(missing)} are missing",
                hint="train a checkpoint with this codebook first, and let it teach",
            )
        if head.activation != same.activation or (head.activation == "softmax" and head.names != same.names):
            raise SettingError(
                f"the teacher {name!r} has other names for {head.name!r}: {', '.join(same.names)}",
                expected=", ".join(head.names),
            )
        first = theirs.columns(same).start
        wanted += [first + same.names.index(n) for n in head.names]
    return wanted


def _probabilities(logits: torch.Tensor, heads: Heads, scope: Scope) -> torch.Tensor:
    """The probabilities of all heads of a scope, in their columns."""
    parts = [
        torch.sigmoid(logits[..., heads.columns(head)])
        if head.activation == "sigmoid"
        else logits[..., heads.columns(head)].softmax(dim=-1)
        for head in heads.of_scope(scope)
    ]
    return torch.cat(parts, dim=-1) if parts else logits


def _half(values: torch.Tensor) -> np.ndarray:
    return values.to(torch.float16).cpu().numpy()
