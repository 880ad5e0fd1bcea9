"""Find, verify and read checkpoint folders. Needs neither torch nor transformers.

=====================  ==============================================================================================
``config.json``        :class:`~framing.model.configuration.FramingConfig`
``model.safetensors``  the only copy of the weights; see below
``model.onnx``         optional: the graph that the CPU engines run on those weights; holds no weights itself
``tokenizer.json``     the fast tokenizer (``tokenizer_config.json`` beside it is for transformers' AutoTokenizer)
``codebook.yaml``      the labels the model was trained on
``calibration.json``   temperatures and thresholds
``metrics.json``       quality on the validation part, with intervals
``training.yaml``      the resolved configuration of the run
``README.md``          the model card
``SHA256SUMS``         hashes of all other files, in the form that ``sha256sum --check`` reads
=====================  ==============================================================================================

**Weights** come in one of two forms, which ``config.json`` names under ``weights``:

- no entry: every number is in half precision (or in single precision, in a state that training resumes from);
- ``"int8-rows"``: every matrix of the encoder, tables of embeddings included, is int8 [rows, columns], with one scale
  for each row, float32 [rows, 1], under the matrix's name and ``_scale``. A weight is the product of its int8 number
  and the scale of its row. Vectors, heads, and matrices with short rows are in half precision.
  :mod:`framing.model.rows8` writes and reads this form; ``python -m framing.model.rows8 FROM TO`` converts a checkpoint
  in half precision.

Both forms may be split into several files, ``model-00001-of-00003.safetensors`` and so on; then
``model.safetensors.index.json`` says which file holds which weight, as for transformers' sharded models.

**Names.** :data:`framing.model.names.MODELS` lists the checkpoints that have a name. Some come with the package; a
large one has a package of its own, without code (``packages/`` in the repository).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from framing.codebook import VOICE, Codebook, Heads
from framing.errors import CheckpointCorruptedError, CheckpointError, CheckpointNotFoundError, CodebookMismatchError
from framing.model.calibration import Calibration
from framing.model.encoding import SentenceEncoder
from framing.model.names import MODELS, NAMES, SHIPPED, NamedModel

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
#: Replaces :data:`WEIGHTS` if the weights are in several files; says which file holds which weight.
INDEX = "model.safetensors.index.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
CODEBOOK = "codebook.yaml"
CALIBRATION = "calibration.json"
SUMS = "SHA256SUMS"

#: The form of weights in 8 bits with a scale for each row, as ``config.json`` names it.
INT8_ROWS = "int8-rows"
#: The entry of ``config.json`` that names the form of the weights.
FORM = "weights"
#: The name of a matrix's scales is the matrix's name with this suffix.
SCALE = "_scale"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a verified checkpoint folder holds, without the weights.

    Attributes:
        folder: where it is.
        config: ``config.json`` as read.
        codebook: the codebook that it was trained on.
        heads: the heads of the model in ``config.json``, which are those of the codebook.
        calibration: its temperatures and thresholds.
        fingerprint: SHA-256 (hex) over the names and hashes of the files that its labels depend on
            (:func:`required_files`).
    """

    folder: Path
    config: dict[str, Any]
    codebook: Codebook
    heads: Heads
    calibration: Calibration
    fingerprint: str

    @classmethod
    def load(
        cls,
        name: str | os.PathLike[str] = SHIPPED,
        *,
        codebook: Codebook | None = None,
        revision: str | None = None,
    ) -> Checkpoint:
        """Find, verify and read a checkpoint.

        Args:
            name: one of :data:`~framing.model.names.MODELS`, a folder, or a repository id of the Hugging Face hub.
            codebook: the caller's codebook; a checkpoint with another one is refused.
            revision: of a repository, as of :func:`locate`.

        Raises:
            CheckpointNotFoundError: there is no such checkpoint.
            CheckpointCorruptedError: a file is missing, differs from its recorded hash, or cannot be read.
            CheckpointError: the folder holds another kind of model, or one that a newer framing wrote.
            CodebookMismatchError: its parts do not belong together, or it was trained on another codebook.
        """
        folder = locate(name, revision)
        try:
            return cls._read(folder, verify(folder), name, codebook)
        except (TypeError, LookupError, ValueError, AttributeError, RecursionError, ArithmeticError, OSError) as error:
            raise CheckpointCorruptedError(
                f"{folder} cannot be read: {type(error).__name__}: {error}",
                expected="the files that framing-train writes, as it writes them",
                hint="copy the whole folder again, or train it with framing-train",
            ) from error

    @classmethod
    def _read(
        cls, folder: Path, fingerprint: str, name: str | os.PathLike[str], codebook: Codebook | None
    ) -> Checkpoint:
        """Read a verified folder; :meth:`load` converts the errors that malformed files cause."""
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if config.get("model_type") != "framing":
            raise CheckpointError(
                f"{folder} holds a {config.get('model_type')!r} model",
                expected="a checkpoint written by framing-train (model_type 'framing')",
                hint="fine-tune this encoder first: framing-train --base " + str(name),
            )
        _check_sizes(folder, config)
        _check_form(folder, config)
        for file in weight_files(folder):
            _check_weights(folder / file)
        heads = Heads.from_config(config)
        own = Codebook.load(folder / CODEBOOK)
        if "heads" not in config:
            own = _as_in_0_1(own, heads)
        if heads != own.heads or config.get("codebook_fingerprint") != own.fingerprint:
            raise CodebookMismatchError(
                f"the parts of {folder} do not belong together: its {CONFIG} and {CODEBOOK} name different labels or "
                "codebook versions",
                expected=f"the heads of {CODEBOOK} and its fingerprint {own.fingerprint[:12]}… in both",
                hint="use the folder as framing-train wrote it; a changed codebook needs a training of its own",
            )
        _refuse_other_codebook(folder, own, codebook)
        return cls(folder, config, own, heads, Calibration.load(folder / CALIBRATION, heads), fingerprint)

    def sentence_encoder(self) -> SentenceEncoder:
        """The tokenizer with this checkpoint's window length.

        Raises:
            CheckpointError: the tokenizer cannot be read, or has token ids that the encoder does not have.
        """
        path = self.folder / TOKENIZER
        encoder = SentenceEncoder.from_file(path, max_length=int(self.config["window_length"]))
        known = self.config["encoder"]["vocab_size"]
        # The special tokens are named with numbers of their own.
        largest = max(*encoder.special_ids, *encoder.tokenizer.get_vocab(with_added_tokens=True).values())
        if largest >= known:
            raise CheckpointCorruptedError(
                f"{path} has a token of number {largest}, and the encoder's table {known} rows",
                expected="the tokenizer that the encoder was trained with",
            )
        return encoder

    def weights(self) -> dict[str, np.ndarray]:
        """All weights by parameter name, in the stored precision; all float32 if the form is 8-bit rows."""
        from framing.model import rows8

        stored = rows8.read_stored(self.folder)
        return rows8.restored(stored) if self.config.get(FORM) == INT8_ROWS else stored


def locate(name: str | os.PathLike[str] = SHIPPED, revision: str | None = None) -> Path:
    """The folder of a checkpoint; a hub id is first downloaded into the hub's cache.

    Args:
        name: as of :meth:`Checkpoint.load`.
        revision: a branch, a tag or a commit of a repository of the hub; the main branch when ``None``.

    Raises:
        CheckpointNotFoundError: there is no such checkpoint; the message says where it was looked for.
    """
    if str(name) in MODELS:
        return _locate_named(str(name), MODELS[str(name)])
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise CheckpointNotFoundError(
            f"{folder} is a file",
            expected="a checkpoint folder",
            hint=f"name the folder that holds it: {folder.parent}",
        )
    if _looks_like_hub_id(str(name)):
        from framing.model import hub  # which reads checkpoints as this module does

        return hub.download(str(name), revision)
    raise CheckpointNotFoundError(
        f"there is no checkpoint at {folder}",
        expected=f"a folder written by framing-train, a hub id such as 'name/model', or one of {NAMES}",
        hint="check the path, or leave it out to use the shipped model",
    )


def _locate_named(name: str, model: NamedModel) -> Path:
    package = Path(__file__).parent.parent
    # An installed checkpoint is inside this package or in a package of its own; in a checkout it is in models/.
    places = [package / "shipped", package.parent / "models"]
    if model.module is not None:
        spec = find_spec(model.module)  # does not import it
        places += [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    for place in places:
        if (place / model.folder).is_dir():
            return place / model.folder
    if model.distribution is not None:
        raise CheckpointNotFoundError(
            f"the checkpoint {name!r} is not installed; it comes as a package of its own, {model.distribution}",
            expected=f"{model.folder} in that package, or in models/ of a checkout",
            hint=f"pip install {model.distribution} (in a checkout: pip install ./packages/{model.distribution})",
        )
    raise CheckpointNotFoundError(
        f"the checkpoint {name!r} is not in this installation ({package})",
        expected=f"{model.folder} in framing/shipped/ inside the package, or in models/ beside it in a checkout",
        hint="reinstall: pip install --force-reinstall framing",
    )


def _looks_like_hub_id(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and not name.startswith((".", "~")) and "\\" not in name


def verify(folder: Path) -> str:
    """Check a checkpoint folder against its SHA256SUMS.

    Returns:
        The checkpoint's fingerprint, SHA-256 in hex.

    Raises:
        CheckpointCorruptedError: a required file is missing or has no recorded hash, or a file differs from its hash.
    """
    required = required_files(folder)
    missing = [name for name in required if not (folder / name).is_file()]
    if missing:
        raise CheckpointCorruptedError(
            f"{folder} lacks {', '.join(missing)}",
            expected="a complete checkpoint: " + ", ".join(required),
            hint="copy the whole folder again, or train it with framing-train",
        )
    recorded = read_sums(folder)
    for name, digest in recorded.items():
        path = folder / name
        found = sha256(path) if path.is_file() else "missing"
        if found != digest:
            raise CheckpointCorruptedError(
                f"{path} is not what was saved: SHA-256 {found}",
                expected=digest,
                hint="copy or download the checkpoint again; after an edit on purpose, run "
                "`python -m framing.model.checkpoint FOLDER`",
            )
    unrecorded = [name for name in required if name not in recorded]
    if unrecorded:
        raise CheckpointCorruptedError(
            f"{folder / SUMS} does not record {', '.join(unrecorded)}",
            hint="copy or download the checkpoint again",
        )
    # Only files that the labels depend on: editing the model card does not change the fingerprint.
    canonical = "".join(f"{recorded[name]}  {name}\n" for name in sorted(required))
    return hashlib.sha256(canonical.encode()).hexdigest()


def required_files(folder: Path) -> tuple[str, ...]:
    """Names of the files that every checkpoint needs; its labels depend only on these.

    Raises:
        CheckpointCorruptedError: the index of its weights cannot be read.
    """
    weights = weight_files(folder)
    index = () if weights == (WEIGHTS,) else (INDEX,)
    return (CONFIG, *index, *weights, TOKENIZER, CODEBOOK, CALIBRATION)


def weight_files(folder: Path) -> tuple[str, ...]:
    """Names of the files that hold the weights of a checkpoint folder, in order.

    Raises:
        CheckpointCorruptedError: the index cannot be read, or names a path outside the folder.
    """
    path = folder / INDEX
    if (folder / WEIGHTS).is_file() or not path.is_file():  # transformers too prefers the single file
        return (WEIGHTS,)
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointCorruptedError(
            f"{path} cannot be read: {type(error).__name__}: {error}",
            expected='{"weight_map": {"name of a weight": "file that holds it", …}}',
        ) from error
    outside = [name for name in names if not _is_weight_file(name)]
    if outside or not names:
        raise CheckpointCorruptedError(f"{path} names {outside}", expected="safetensors files of the same folder")
    return tuple(names)


def _is_weight_file(name: object) -> bool:
    """Whether this is the name of a safetensors file, without a path."""
    return isinstance(name, str) and name.endswith(".safetensors") and not set(name) & set("/\\:")


def weights_hash(folder: Path, sums: Mapping[str, str]) -> str:
    """A hash of the weights of a folder: the SHA-256 of their file, or of the lines of their files in SHA256SUMS.

    Args:
        folder: a checkpoint folder.
        sums: file name -> SHA-256 in hex; has at least the weight files.
    """
    names = weight_files(folder)
    if len(names) == 1:
        return sums[names[0]]
    return hashlib.sha256("".join(f"{sums[name]}  {name}\n" for name in names).encode()).hexdigest()


def read_sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 in hex, from the folder's SHA256SUMS.

    Raises:
        CheckpointCorruptedError: the file is missing or malformed, or names a path outside the folder.
    """
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointCorruptedError(
            f"{path} cannot be read: {error}", expected="the SHA256SUMS that framing-train writes"
        ) from error
    sums = {}
    for number, line in enumerate(lines, 1):
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or "/" in name or name in ("", ".", ".."):
            raise CheckpointCorruptedError(f"{path}:{number}: {line!r}", expected="'<sha256>  <file name>'")
        sums[name] = digest
    return sums


def write_sums(folder: Path) -> None:
    """Record the SHA-256 of every file of the folder in its SHA256SUMS."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    lines = [f"{sha256(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: No published encoder has more or wider layers; opening such a model could take hours.
_MOST_LAYERS, _MOST_UNITS = 96, 1 << 14
#: Types of encoders that count positions from the padding token's id.
_COUNTS_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "roberta-prelayernorm")


def usable_positions(encoder: Mapping[str, Any]) -> int | None:
    """How many tokens an encoder can read at once, special tokens included; ``None`` if its configuration has no limit.

    RoBERTa and similar encoders do not use the first rows of their table of positions (:func:`first_position`).

    Args:
        encoder: the encoder's configuration.
    """
    positions = encoder.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:  # relative positions; some DeBERTa models have -1
        return None
    return positions - first_position(encoder)


def first_position(encoder: Mapping[str, Any]) -> int:
    """The row of an encoder's table of positions for the first token of a text.

    Args:
        encoder: the encoder's configuration.
    """
    if encoder.get("model_type") not in _COUNTS_FROM_PADDING:
        return 0
    return int(encoder.get("pad_token_id") or 0) + 1


def _check_sizes(folder: Path, config: Mapping[str, Any]) -> None:
    encoder, window = config["encoder"], config["window_length"]
    longest = usable_positions(encoder)
    if not isinstance(window, int) or window < 4 or window > (longest or 1 << 20):
        raise CheckpointCorruptedError(
            f"{folder / CONFIG}: window_length is {window!r}",
            expected=f"a number of tokens from 4 to {longest or 'some thousand'}",
        )
    for name in ("num_hidden_layers", "hidden_size", "vocab_size"):
        if type(found := encoder.get(name, 1)) is not int:  # a bool is no number of layers
            raise CheckpointCorruptedError(
                f"{folder / CONFIG}: the encoder's {name} is {found!r}", expected="a whole number"
            )
    layers, units = encoder.get("num_hidden_layers", 1), encoder.get("hidden_size", 1)
    if not (0 < layers <= _MOST_LAYERS and 0 < units <= _MOST_UNITS):
        raise CheckpointCorruptedError(
            f"{folder / CONFIG}: the encoder has {layers!r} layers of {units!r}",
            expected=f"at most {_MOST_LAYERS} layers of {_MOST_UNITS}",
        )


def _check_form(folder: Path, config: Mapping[str, Any]) -> None:
    if config.get(FORM) not in (None, INT8_ROWS):
        raise CheckpointError(
            f"{folder / CONFIG}: the weights have the form {config[FORM]!r}",
            expected=f"no entry {FORM!r}, or {INT8_ROWS!r}",
            hint="a newer framing may have written this checkpoint: pip install --upgrade framing",
        )


def _check_weights(path: Path) -> None:
    """Check that a file of weights is whole, and that no weight is NaN or infinite.

    A model with such a weight would silently find nothing.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 1 << 27:
                raise ValueError(f"a header of {length} bytes")
            tensors = json.loads(file.read(length))
        data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    except (ValueError, OverflowError, OSError) as error:
        raise CheckpointCorruptedError(f"{path} is no safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if name == "__metadata__":
            continue
        kind, (start, end) = tensor["dtype"], tensor["data_offsets"]
        if kind not in _NUMBERS:
            raise CheckpointCorruptedError(f"{path}: {name} is of the type {kind!r}", expected=", ".join(_NUMBERS))
        number, exponent = _NUMBERS[kind]
        size = math.prod(tensor["shape"]) * np.dtype(number).itemsize
        if not 0 <= start <= end <= len(data) or end - start != size:
            raise CheckpointCorruptedError(
                f"{path}: {name} of the shape {tensor['shape']} has the bytes from {start} to {end} of {len(data)}",
                expected=f"{size} bytes of the file",
                hint="copy or download the checkpoint again",
            )
        if exponent and ((data[start:end].view(number) & exponent) == exponent).any():
            raise CheckpointCorruptedError(
                f"{path}: {name} holds NaN or infinite weights",
                expected="finite numbers",
                hint="the training that wrote them went wrong; use an earlier checkpoint",
            )


#: Type in safetensors -> integer type of the same width, and the bits that are all set in NaN and infinity.
_NUMBERS = {
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F32": (np.uint32, 0x7F800000),
    "F64": (np.uint64, 0x7FF0000000000000),
    "I8": (np.uint8, 0),
    "I64": (np.uint64, 0),
}


def _as_in_0_1(codebook: Codebook, heads: Heads) -> Codebook:
    """A codebook of framing 0.1 with its voices in the order of the model, which could differ from the file's order."""
    voice = heads.find(VOICE)
    if voice is None or set(voice.names) != set(codebook.voices):
        return codebook
    return replace(codebook, voice_guides=tuple(sorted(codebook.voice_guides, key=lambda g: voice.names.index(g.name))))


def _refuse_other_codebook(folder: Path, own: Codebook, wanted: Codebook | None) -> None:
    if wanted is not None and wanted.fingerprint != own.fingerprint:
        raise CodebookMismatchError(
            f"{folder} was trained on codebook {own.name!r} version {own.version!r} ({own.fingerprint[:12]}…)",
            expected=f"codebook {wanted.name!r} version {wanted.version!r} ({wanted.fingerprint[:12]}…)",
            hint="label with this checkpoint's own codebook, or train one on yours: framing-train --codebook …",
        )


if __name__ == "__main__":
    import sys

    for argument in sys.argv[1:]:
        write_sums(Path(argument))
