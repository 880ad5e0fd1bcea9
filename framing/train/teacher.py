"""What a teacher says of training examples: a finished model reads them once, and its answers are kept beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from framing.errors import SettingError
from framing.model import checkpoint
from framing.model.modeling import FramingModel
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
        ours, theirs = student.model.config, self._model.config
        if fast_tokenizer(str(folder)).get_vocab() != student.tokenizer.get_vocab():
            raise SettingError(
                f"the teacher {name!r} and the base {student.name!r} cut words into other tokens",
                expected="one vocabulary, so that token can be compared with token",
                hint=f"--base {name} --layers 0 2 4 starts from the teacher itself",
            )
        if missing := [output for output in ours.outputs if output not in theirs.outputs]:
            raise SettingError(
                f"the teacher {name!r} does not know {missing[0]!r}",
                expected=f"a teacher for every output of the codebook; {len(missing)} are missing",
                hint="train a checkpoint with this codebook first, and let it teach",
            )
        if (ours.voices, ours.kinds) != (theirs.voices, theirs.kinds):
            raise SettingError(
                f"the teacher {name!r} has other voices or kinds", expected=f"{ours.voices} {ours.kinds}"
            )
        widths = student.model.encoder.config.hidden_size, self._model.encoder.config.hidden_size
        if states and widths[0] != widths[1]:
            raise SettingError(
                f"the token states of the teacher {name!r} have {widths[1]} dimensions, and the student's {widths[0]}",
                expected="states of one width",
                hint="--states_weight 0 leaves the states out",
            )
        self._wanted = [theirs.outputs.index(output) for output in ours.outputs]

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
        labels = _half(torch.sigmoid(output.labels[:, :, self._wanted]))
        voice, kind = _half(output.voice.softmax(dim=-1)), _half(output.kind.softmax(dim=-1))
        states = _half(output.states) if self._states else np.zeros((*ids.shape, 0), dtype=np.float16)
        # Copies, or each would keep the whole batch with its padding alive.
        return [
            Taught(labels[row, :n].copy(), voice[row, :n].copy(), kind[row].copy(), states[row, :n].copy())
            for row, n in enumerate(len(item.input_ids) for item in items)
        ]


def _half(values: torch.Tensor) -> np.ndarray:
    return values.to(torch.float16).cpu().numpy()
