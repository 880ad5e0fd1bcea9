"""The model: one encoder pass, small heads on its token states, and evidence by construction.

A sentence's logit for a label is the largest logit of its tokens for it. What the model says of a sentence it can
therefore show in the words; and since the maximum carries the gradient, it also learns evidence from examples that
carry sentence labels only (multiple-instance learning with max pooling; Ilse et al. 2018, "Attention-based deep
multiple instance learning", compare it with other poolings).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from framing.model.configuration import FramingConfig

#: What masked-out positions get before a maximum over tokens; its sigmoid is 0 in any precision.
NEGATIVE = -30.0


@dataclass
class FramingOutput(ModelOutput):
    """Logits of one batch.

    Attributes:
        labels: float [batch, length, outputs], one logit per token and output.
        voice: float [batch, length, voices].
        kind: float [batch, kinds], read on the first token.
        states: float [batch, length, hidden], the encoder's token states that all of these are read from, if asked for.
    """

    labels: torch.Tensor | None = None
    voice: torch.Tensor | None = None
    kind: torch.Tensor | None = None
    states: torch.Tensor | None = None


class FramingModel(PreTrainedModel):
    """An encoder with label, voice and kind heads.

    ``from_pretrained`` loads the half-precision weights of a checkpoint as float32 unless ``dtype`` says otherwise;
    ``save_pretrained`` writes half precision, in safetensors only.
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
            self.encoder.pooler = None  # the heads read token states; the pooler's weights would be dead
        hidden = self.encoder.config.hidden_size
        self.quotation_embeddings = nn.Embedding(2, hidden)
        self.dropout = nn.Dropout(config.head_dropout)
        self.labels = nn.Linear(hidden, len(config.outputs))
        self.voice = nn.Linear(hidden, len(config.voices))
        self.kind = nn.Linear(hidden, len(config.kinds))
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        quotation: torch.Tensor,
        *,
        output_states: bool = False,
        **kwargs: Any,
    ) -> FramingOutput:
        """Read a batch of tokenized sentences.

        Args:
            input_ids: int64 [batch, length].
            attention_mask: int64 [batch, length], 1 on tokens and 0 on padding.
            quotation: int64 [batch, length], 1 on tokens inside quotation marks, also where the marks themselves
                stand in another sentence (:func:`framing.text.quotations.scan`).
            output_states: give the token states too.
            kwargs: what transformers' Trainer passes; not used.
        """
        embedded = self.encoder.get_input_embeddings()(input_ids) + self.quotation_embeddings(quotation)
        states = self.encoder(inputs_embeds=embedded, attention_mask=attention_mask).last_hidden_state
        read = self.dropout(states)
        return FramingOutput(
            labels=self.labels(read),
            voice=self.voice(read),
            kind=self.kind(read[:, 0]),
            states=states if output_states else None,
        )

    @classmethod
    def from_encoder(cls, encoder: PreTrainedModel, config: FramingConfig) -> FramingModel:
        """A model with fresh heads around a pretrained encoder; the encoder's weights are taken over, not copied.

        The quotation embedding starts at zero, so that the encoder's behaviour is at first its own, and the label
        bias at a logit of -4: nearly all tokens carry nearly no label.
        """
        model = cls(config)
        if hasattr(encoder, "pooler"):
            encoder.pooler = None
        model.encoder = encoder
        with torch.no_grad():
            model.quotation_embeddings.weight.zero_()
            model.labels.bias.fill_(-4.0)
        return model

    def adopt_heads(self, other: FramingModel) -> list[str]:
        """Copy what another model on the same encoder already knows: quotation, voice, kind, outputs of equal name.

        Returns:
            The names of the outputs whose weights were taken over.
        """
        shared = [name for name in self.config.outputs if name in other.config.outputs]
        with torch.no_grad():
            self.quotation_embeddings.weight.copy_(other.quotation_embeddings.weight)
            if self.config.voices == other.config.voices:
                self.voice.load_state_dict(other.voice.state_dict())
            if self.config.kinds == other.config.kinds:
                self.kind.load_state_dict(other.kind.state_dict())
            for name in shared:
                here, there = self.config.outputs.index(name), other.config.outputs.index(name)
                self.labels.weight[here].copy_(other.labels.weight[there])
                self.labels.bias[here].copy_(other.labels.bias[there])
        return shared

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> FramingModel:
        """Load a checkpoint as float32 (see :meth:`transformers.PreTrainedModel.from_pretrained`).

        Only safetensors are read, and code from a hub is never run.
        """
        if kwargs.pop("trust_remote_code", False):
            raise ValueError("trust_remote_code=True is refused; a framing checkpoint needs no code of its own")
        kwargs.setdefault("dtype", torch.float32)
        kwargs["use_safetensors"] = True
        return super().from_pretrained(*args, **kwargs)

    def save_pretrained(self, save_directory: Any, *, half_precision: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors``.

        Args:
            save_directory: folder, made if need be.
            half_precision: store float16. A state that training resumes from must not lose digits.
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
