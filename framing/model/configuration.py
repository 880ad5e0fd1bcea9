"""What a FramingModel is made of: the encoder's configuration and the names of its outputs."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from framing.errors import CheckpointError


class FramingConfig(PreTrainedConfig):
    """Configuration of a :class:`~framing.model.modeling.FramingModel`.

    Args:
        encoder: configuration of the Hugging Face encoder, with its ``model_type``. ``None`` only where transformers
            itself asks for a blank one.
        outputs: names of the label logits in order: frames, then ``hedge.<kind>``, then ``source``
            (:attr:`framing.codebook.Codebook.outputs`).
        voices, kinds: names of the voice and the kind logits in order.
        head_dropout: dropout on the token states before the heads, in training.
        window_length: tokens in a window, special tokens included; longer sentences are windowed. (transformers keeps
            the name ``max_length`` to text generation and refuses to save it here.)
        codebook_fingerprint: of the codebook that the outputs come from.
    """

    model_type = "framing"
    sub_configs = {"encoder": AutoConfig}  # noqa: RUF012 - transformers' own protocol

    def __init__(
        self,
        encoder: PreTrainedConfig | dict[str, Any] | None = None,
        outputs: tuple[str, ...] | list[str] = (),
        voices: tuple[str, ...] | list[str] = ("author", "attributed", "quoted", "distanced"),
        kinds: tuple[str, ...] | list[str] = ("headline", "caption", "body", "comment", "boilerplate"),
        head_dropout: float = 0.1,
        window_length: int = 256,
        codebook_fingerprint: str = "",
        **kwargs: Any,
    ) -> None:
        if isinstance(encoder, dict):
            settings = dict(encoder)
            model_type = settings.pop("model_type", None)
            if model_type is None:
                raise CheckpointError(
                    "the configuration's 'encoder' names no model_type",
                    expected="a Hugging Face encoder configuration, e.g. {'model_type': 'bert', …}",
                    hint="use a config.json written by framing-train",
                )
            encoder = AutoConfig.for_model(model_type, **settings)
        self.encoder = encoder
        self.outputs = list(outputs)
        self.voices = list(voices)
        self.kinds = list(kinds)
        self.head_dropout = head_dropout
        self.window_length = window_length
        self.codebook_fingerprint = codebook_fingerprint
        super().__init__(**kwargs)
