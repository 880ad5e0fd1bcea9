"""A finished model that reads sentences so that another one can learn to say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from framing.codebook import Heads
from framing.codebook.heads import Scope
from framing.errors import SettingError
from framing.model import checkpoint
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import Window
from framing.model.network import FramingModel
from framing.text.quotations import QuotationState
from framing.train.base import Base
from framing.train.lessons import Answer

#: Tokens in a batch, padding included.
_TOKEN_BUDGET = 2048


class Teacher:
    """A finished model whose answers another one learns to give.

    The two may have encoders of any kind: answers are carried over by character (:mod:`framing.train.lessons`). The
    student's codebook may leave labels out.

    Args:
        name: ``"shipped"``, or the folder of a framing checkpoint.
        student: what is to learn from it.
        states: whether the student learns the token states too, which then must be as wide.
        device: where it reads.

    Attributes:
        name: the beginning of the checkpoint's fingerprint, and whether states are read.
        token_columns, sentence_columns: the teacher's columns that hold what the student's heads say, in their order.

    Raises:
        CheckpointNotFoundError: nothing is there.
        CheckpointError: the checkpoint is damaged.
        SettingError: teacher and student do not go together.
    """

    def __init__(self, name: str, student: Base, *, states: bool, device: torch.device | str = "cpu") -> None:
        found = Checkpoint.load(name)
        self.name = found.fingerprint[:16] + ("-states" if states else "")
        self.token_columns = _wanted_columns(name, student.model.heads, found.heads, "token")
        self.sentence_columns = _wanted_columns(name, student.model.heads, found.heads, "sentence")
        self._encoder = found.sentence_encoder()
        self._model = FramingModel.from_pretrained(checkpoint.locate(name)).eval().to(device)
        self._states = states
        widths = student.model.encoder.config.hidden_size, self._model.encoder.config.hidden_size
        if states and widths[0] != widths[1]:
            raise SettingError(
                f"the token states of the teacher {name!r} have {widths[1]} dimensions, and the student's {widths[0]}",
                expected="states of one width",
                hint="--states_weight 0 leaves the states out",
            )

    def read(self, texts: Sequence[str], states: Sequence[QuotationState]) -> list[Answer]:
        """What the model says of sentences, in half precision and in all its columns.

        Args:
            texts: sentences of any length.
            states: the quotation state in which each of them starts.
        """
        sentences = list(self._encoder.encode(texts, states))
        windows = [(number, window) for number, s in enumerate(sentences) for window in s.windows]
        said: list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = [[] for _ in sentences]
        for index, answer in sorted(self._read([window for _, window in windows])):
            said[windows[index][0]].append(answer)
        return [
            Answer(
                sentence.offsets,
                sentence.merge([tokens for tokens, _, _ in parts]),
                parts[0][1],
                sentence.merge([token_states for _, _, token_states in parts]),
            )
            for sentence, parts in zip(sentences, said, strict=True)
        ]

    @torch.inference_mode()
    def _read(self, windows: Sequence[Window]) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        """Of each window its index, and its tokens' answers, its sentence's and its tokens' states."""
        by_length = sorted(range(len(windows)), key=lambda index: -len(windows[index]))
        while by_length:
            size = max(1, _TOKEN_BUDGET // len(windows[by_length[0]]))
            batch, by_length = by_length[:size], by_length[size:]
            ids, mask, quotation = (torch.zeros(len(batch), len(windows[batch[0]]), dtype=torch.long) for _ in range(3))
            for row, window in enumerate(windows[index] for index in batch):
                ids[row, : len(window)] = torch.from_numpy(window.ids)
                quotation[row, : len(window)] = torch.from_numpy(window.quotation)
                mask[row, : len(window)] = 1
            inputs = (values.to(self._model.device) for values in (ids, mask, quotation))
            output = self._model(*inputs, output_states=self._states)
            tokens = _half(_probabilities(output.tokens, self._model.heads, "token"))
            sentences = _half(_probabilities(output.sentences, self._model.heads, "sentence"))
            states = _half(output.states) if self._states else np.zeros((*ids.shape, 0), dtype=np.float16)
            for row, index in enumerate(batch):
                n = len(windows[index])
                yield index, (tokens[row, :n], sentences[row], states[row, :n])


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
