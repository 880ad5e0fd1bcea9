"""The configuration of a FramingModel: its encoder and its heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from framing.codebook import Heads
from framing.errors import CheckpointError


class FramingConfig(PreTrainedConfig):
    """Configuration of a :class:`~framing.model.network.FramingModel`.

    Args:
        encoder: configuration of the Hugging Face encoder, with its ``model_type``. ``None`` only because transformers
            itself makes blank configurations.
        heads: :class:`~framing.codebook.Heads`, or the list in which they are stored.
        head_dropout: dropout on the token states before the heads, in training.
        window_length: tokens in a window, special tokens included; longer sentences are cut into windows.
            (transformers reserves the name ``max_length`` for text generation and refuses to save it here.)
        codebook_fingerprint: the fingerprint of the codebook that declares the heads.
        kwargs: for transformers; and ``outputs``, ``voices`` and ``kinds``, which named the heads in framing 0.1.

    Raises:
        CheckpointError: ``encoder`` has no ``model_type``.
    """

    model_type = "framing"
    sub_configs = {"encoder": AutoConfig}  # noqa: RUF012 - transformers' own protocol

    def __init__(
        self,
        encoder: PreTrainedConfig | dict[str, Any] | None = None,
        heads: Iterable[Mapping[str, Any]] | Heads = (),
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
        if "outputs" in kwargs:
            heads = Heads.from_config({name: kwargs.pop(name) for name in ("outputs", "voices", "kinds")})
        self.encoder = encoder
        self.heads = heads.to_list() if isinstance(heads, Heads) else [dict(head) for head in heads]
        self.head_dropout = head_dropout
        self.window_length = window_length
        self.codebook_fingerprint = codebook_fingerprint
        super().__init__(**kwargs)
