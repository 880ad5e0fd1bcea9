"""The model: one pass of an encoder, and small heads on its token states.

A sentence's logit for a label is the largest logit of its tokens, so every label of a sentence has words as evidence.
The gradient goes through the maximum, so the model learns evidence also from examples with only sentence labels
(multiple-instance learning with max pooling; Ilse et al. 2018, "Attention-based deep multiple instance learning",
compare it with other poolings).
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from framing.codebook import Head, Heads
from framing.codebook.heads import Scope
from framing.errors import CheckpointCorruptedError, FramingError
from framing.model import rows8
from framing.model.checkpoint import FORM, INT8_ROWS, locate
from framing.model.configuration import FramingConfig

#: Arguments of ``from_pretrained`` that say where to find the files of a hub repository.
_WHERE = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
#: The logit of masked positions in a maximum over tokens; its sigmoid is practically 0.
NEGATIVE = -30.0


@dataclass
class FramingOutput(ModelOutput):
    """Logits of one batch; :meth:`framing.codebook.Heads.columns` says which columns a head has.

    Attributes:
        tokens: float [batch, length, token width], from the heads that read every token.
        sentences: float [batch, sentence width], from the heads that read the first token.
        states: float [batch, length, hidden], the encoder's token states, before dropout; ``None`` unless asked for.
    """

    tokens: torch.Tensor | None = None
    sentences: torch.Tensor | None = None
    states: torch.Tensor | None = None


class FramingModel(PreTrainedModel):
    """An encoder with the heads of a codebook.

    ``from_pretrained`` loads the weights of a checkpoint, stored in half precision or in rows of 8 bits, as float32
    unless ``dtype`` says otherwise; ``save_pretrained`` writes half precision by default, in safetensors only.

    Attributes:
        heads: the heads of the model; ``model.layer(head)`` is the linear layer of a head.
    """

    config_class = FramingConfig
    base_model_prefix = "framing"
    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: FramingConfig) -> None:
        super().__init__(config)
        if config.encoder is None:
            raise ValueError("FramingConfig.encoder is None; expected the configuration of a Hugging Face encoder")
        self.encoder = AutoModel.from_config(config.encoder)
        if hasattr(self.encoder, "pooler"):
            self.encoder.pooler = None  # the heads read token states, so a pooler would be useless
        hidden = self.encoder.config.hidden_size
        self.quotation_embeddings = nn.Embedding(2, hidden)
        self.dropout = nn.Dropout(config.head_dropout)
        self.heads = Heads.from_list(config.heads)
        for head in self.heads:
            self.add_module(head.module, nn.Linear(hidden, len(head.names)))
        self.post_init()

    def layer(self, head: Head) -> nn.Linear:
        """The linear layer of a head."""
        layer: nn.Linear = getattr(self, head.module)
        return layer

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        quotation: torch.Tensor,
        *,
        output_states: bool = False,
        **kwargs: Any,
    ) -> FramingOutput:
        """Compute the logits of a batch of tokenized sentences.

        Args:
            input_ids: int64 [batch, length].
            attention_mask: int64 [batch, length], 1 on tokens and 0 on padding.
            quotation: int64 [batch, length], 1 on tokens inside quotation marks, also if the marks themselves stand in
                another sentence (:func:`framing.text.quotations.scan`).
            output_states: return the token states too.
            kwargs: arguments from transformers' Trainer; not used.
        """
        embedded = self.encoder.get_input_embeddings()(input_ids) + self.quotation_embeddings(quotation)
        states = self.encoder(inputs_embeds=embedded, attention_mask=attention_mask).last_hidden_state
        read = self.dropout(states)
        return FramingOutput(
            tokens=self._joined(read, "token"),
            sentences=self._joined(read[:, 0], "sentence"),
            states=states if output_states else None,
        )

    def _joined(self, states: torch.Tensor, scope: Scope) -> torch.Tensor:
        """The logits of all heads of a scope side by side; float [..., width]."""
        logits = [self.layer(head)(states) for head in self.heads.of_scope(scope)]
        return torch.cat(logits, dim=-1) if logits else states.new_zeros((*states.shape[:-1], 0))

    @classmethod
    def from_encoder(cls, encoder: PreTrainedModel, config: FramingConfig) -> FramingModel:
        """A model with new heads on a pretrained encoder; it uses the encoder itself, not a copy.

        The quotation embedding starts at zero, so the encoder at first behaves as before. The biases of sigmoid heads
        on tokens start at -4, because most tokens have no label.
        """
        model = cls(config)
        if hasattr(encoder, "pooler"):
            encoder.pooler = None
        model.encoder = encoder
        with torch.no_grad():
            model.quotation_embeddings.weight.zero_()
            for head in model.heads:
                if (head.scope, head.activation) == ("token", "sigmoid"):
                    model.layer(head).bias.fill_(-4.0)
        return model

    def adopt_heads(self, other: FramingModel) -> list[str]:
        """Copy from another model on the same encoder: its quotation embedding, and the heads that both models have.

        For a sigmoid head, the names that both have are copied. The names of a softmax head compete, so it is copied
        only if all names are equal.

        Returns:
            The names of sigmoid heads that were copied.
        """
        shared: list[str] = []
        with torch.no_grad():
            self.quotation_embeddings.weight.copy_(other.quotation_embeddings.weight)
            for head in self.heads:
                theirs = other.heads.find(head.name)
                if theirs is None or theirs.activation != head.activation:
                    continue
                here, there = self.layer(head), other.layer(theirs)
                if head.activation == "softmax":
                    if head.names == theirs.names:
                        here.load_state_dict(there.state_dict())
                    continue
                names = [name for name in head.names if name in theirs.names]
                rows, from_rows = [head.names.index(n) for n in names], [theirs.names.index(n) for n in names]
                here.weight[rows] = there.weight[from_rows]
                here.bias[rows] = there.bias[from_rows]
                shared += names
        return shared

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str] | None, *args: Any, **kwargs: Any
    ) -> FramingModel:
        """Load a checkpoint as float32 (see :meth:`transformers.PreTrainedModel.from_pretrained`).

        Only safetensors are read, and code from a hub is never run. A model loaded from weights in 8 bits is like any
        other: if saved again, it is saved in half precision.

        Raises:
            CheckpointCorruptedError: the folder has not all weights of its configuration, or cannot be read.
            ValueError: ``trust_remote_code`` is true.
        """
        if kwargs.pop("trust_remote_code", False):
            raise ValueError("trust_remote_code=True is refused; a framing checkpoint needs no code of its own")
        kwargs.setdefault("dtype", torch.float32)
        kwargs["use_safetensors"] = True
        wants_report = kwargs.pop("output_loading_info", False)
        source = pretrained_model_name_or_path
        try:
            model, report = cls._loaded(source, *args, **kwargs, output_loading_info=True)
        except (FramingError, OSError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # transformers and torch raise many kinds of errors for what a folder can hold
            raise CheckpointCorruptedError(
                f"{source} cannot be loaded: {type(error).__name__}: {error}",
                expected="the weights and the configuration that framing-train writes, as it writes them",
                hint="copy the whole folder again, or train it with framing-train",
            ) from error
        # transformers would go on with random numbers in their place.
        if missing := sorted(report["missing_keys"]):
            raise CheckpointCorruptedError(
                f"{source} lacks {len(missing)} weights of its configuration, {missing[0]} among them",
                expected="all of them",
                hint="copy the whole folder again, or train it with framing-train",
            )
        return (model, report) if wants_report else model  # type: ignore[return-value]  # as transformers does

    @classmethod
    def _loaded(cls, source: str | os.PathLike[str] | None, *args: Any, **kwargs: Any) -> Any:
        config = kwargs.get("config")
        if source is not None and config is None:
            where = {name: kwargs[name] for name in _WHERE if name in kwargs}
            config = FramingConfig.from_pretrained(source, **where)
        if source is None or getattr(config, FORM, None) != INT8_ROWS:
            return super().from_pretrained(source, *args, **kwargs)
        weights = rows8.read(locate(source))
        state = {name: torch.from_numpy(array) for name, array in weights.items()}
        config = copy.deepcopy(config)
        delattr(config, FORM)
        return super().from_pretrained(None, *args, **kwargs | {"config": config, "state_dict": state})

    def save_pretrained(self, save_directory: Any, *, half_precision: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors``.

        Args:
            save_directory: the folder; created if it does not exist.
            half_precision: store float16. Set it to false for a state from which training resumes.
            kwargs: see :meth:`transformers.PreTrainedModel.save_pretrained`.
        """
        state = kwargs.pop("state_dict", None) or self.state_dict()
        if not half_precision:
            super().save_pretrained(save_directory, state_dict=state, **kwargs)
            return
        halved = {
            name: tensor.detach().to(torch.float16) if tensor.is_floating_point() else tensor
            for name, tensor in state.items()
        }
        super().save_pretrained(save_directory, state_dict=halved, **kwargs)


AutoConfig.register("framing", FramingConfig)
AutoModel.register(FramingConfig, FramingModel)
