"""Weights in 8 bits with a scale for each row: a checkpoint of half the size.

A matrix [rows, columns] is stored as whole numbers from -127 to 127 and one scale for each row; a weight is the product
of its number and its row's scale. Of several scales for a row, the one with the smallest squared error is taken, which
may clip the largest weights. (Symmetric quantization by channel: Krishnamoorthi 2018, "Quantizing deep convolutional
networks for efficient inference", section 3; scales clipped by the squared error: Banner et al. 2019, "Post training
4-bit quantization of convolutional networks for rapid-deployment".) Nothing is computed in 8 bits: every engine
converts the weights to single or half precision when it opens them.

:mod:`framing.model.checkpoint` describes the files. To convert a checkpoint in half precision::

    python -m framing.model.rows8 FROM TO

Needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framing.errors import CheckpointCorruptedError, CheckpointError, SettingError
from framing.model import onnx_graph
from framing.model.checkpoint import (
    CONFIG,
    FORM,
    GRAPH,
    INDEX,
    INT8_ROWS,
    SCALE,
    SUMS,
    WEIGHTS,
    verify,
    weight_files,
    write_sums,
)

#: The largest whole number that stands for a weight.
LARGEST = 127
#: In bytes. Git hosts warn about files over 50 MB.
LARGEST_FILE = 48_000_000
#: The fewest numbers in a row; for shorter rows, the scales would take too much of the space that is saved.
SHORTEST_ROW = 32
#: The shares of a row's largest weight that are tried as the end of its range.
_ENDS = np.linspace(1.0, 0.6, 17)
#: How many numbers of a matrix are converted at once; this takes some 200 MB.
_AT_ONCE = 1 << 23


@dataclass(frozen=True, slots=True)
class Rows8:
    """A matrix in 8 bits.

    Attributes:
        numbers: int8 [rows, columns], from -127 to 127.
        scales: float32 [rows, 1], positive.
    """

    numbers: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> Rows8:
        """Convert a matrix, with the best scale for each row by the squared error.

        Args:
            matrix: float [rows, columns], finite.
        """
        step = max(1, _AT_ONCE // matrix.shape[1])
        parts = [_nearest(matrix[first : first + step].astype(np.float32)) for first in range(0, len(matrix), step)]
        return cls(np.concatenate([part.numbers for part in parts]), np.concatenate([part.scales for part in parts]))

    def matrix(self) -> np.ndarray:
        """The matrix in single precision: float32 [rows, columns]."""
        return self.numbers.astype(np.float32) * self.scales


def _nearest(matrix: np.ndarray) -> Rows8:
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    largest[largest < 1e-30] = 1.0  # a row of zeros has no range; any scale will do
    best = _with_scales(matrix, largest / np.float32(LARGEST))
    least = _error(matrix, best)
    for end in _ENDS[1:]:
        found = _with_scales(matrix, largest * np.float32(end / LARGEST))
        error = _error(matrix, found)
        better = error < least
        best.numbers[better], best.scales[better], least[better] = (
            found.numbers[better],
            found.scales[better],
            error[better],
        )
    return best


def _with_scales(matrix: np.ndarray, scales: np.ndarray) -> Rows8:
    numbers = np.clip(np.rint(matrix / scales), -LARGEST, LARGEST)
    return Rows8(numbers.astype(np.int8), scales.astype(np.float32))


def _error(matrix: np.ndarray, rows: Rows8) -> np.ndarray:
    """Squared error of each row; float32 [rows]."""
    difference = rows.matrix()
    difference -= matrix
    error: np.ndarray = np.einsum("ij,ij->i", difference, difference)
    return error


def fits(name: str, weight: np.ndarray) -> bool:
    """Whether a weight is stored in 8 bits: an encoder matrix with rows of at least :data:`SHORTEST_ROW` numbers."""
    return name.startswith("encoder.") and weight.ndim == 2 and weight.shape[1] >= SHORTEST_ROW


def stored_form(weights: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Weights as this form stores them, name by name; the scales of a matrix follow it. Other weights are float16.

    Args:
        weights: float, by parameter name.
    """
    for name, weight in weights.items():
        if fits(name, weight):
            rows = Rows8.of(weight)
            yield name, rows.numbers
            yield name + SCALE, rows.scales
        else:
            yield name, weight.astype(np.float16)


def restored(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights by parameter name, all float32, from their stored form.

    Raises:
        CheckpointCorruptedError: a matrix in 8 bits has no scale for each of its rows.
    """
    in_8_bits = {name for name, array in stored.items() if array.dtype == np.int8}
    for name in in_8_bits:
        scale = stored.get(name + SCALE)
        if scale is None or stored[name].ndim != 2 or scale.shape != (len(stored[name]), 1):
            raise CheckpointCorruptedError(
                f"{name} is int8 {list(stored[name].shape)}, and its scales are "
                f"{'missing' if scale is None else list(scale.shape)}",
                expected=f"{name}{SCALE} of float32 [rows, 1]",
                hint="copy or download the checkpoint again",
            )
    scales = {name + SCALE for name in in_8_bits}
    return {
        name: Rows8(array, stored[name + SCALE]).matrix() if name in in_8_bits else array.astype(np.float32)
        for name, array in stored.items()
        if name not in scales
    }


def read_stored(folder: Path) -> dict[str, np.ndarray]:
    """All arrays in the weight files of a checkpoint folder, by name, as stored."""
    from safetensors.numpy import load_file

    return {name: array for file in weight_files(folder) for name, array in load_file(folder / file).items()}


def read(folder: Path) -> dict[str, np.ndarray]:
    """The weights of a checkpoint folder of this form: float32, by parameter name.

    Raises:
        CheckpointCorruptedError: a matrix in 8 bits has no scale for each of its rows.
    """
    return restored(read_stored(folder))


def write(weights: Mapping[str, np.ndarray], folder: Path, *, largest_file: int = LARGEST_FILE) -> tuple[str, ...]:
    """Write the weight files of a folder in this form, and note the form in its ``config.json``.

    Args:
        weights: float, by parameter name.
        folder: holds a ``config.json``. Its weight files are replaced; write its graph and its SHA256SUMS afterwards.
        largest_file: in bytes; more weights than that are spread over several files of about one size. No tensor is
            split.

    Returns:
        Names of the weight files.
    """
    from safetensors.numpy import save

    groups = _spread(dict(stored_form(weights)), largest_file)
    for old in (*folder.glob("model-*-of-*.safetensors"), folder / WEIGHTS, folder / INDEX):
        old.unlink(missing_ok=True)
    width = len(groups)
    names = (
        [f"model-{number:05}-of-{width:05}.safetensors" for number in range(1, width + 1)] if width > 1 else [WEIGHTS]
    )
    for name, group in zip(names, groups, strict=True):
        # safetensors' save_file makes files that only their owner may read, whatever the umask.
        (folder / name).write_bytes(save(group, metadata={"format": "pt"}))
    if width > 1:
        index = {
            "metadata": {"total_size": sum(array.nbytes for group in groups for array in group.values())},
            "weight_map": {key: name for name, group in zip(names, groups, strict=True) for key in group},
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8")) | {FORM: INT8_ROWS}
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return tuple(names)


def _spread(arrays: Mapping[str, np.ndarray], largest: int) -> list[dict[str, np.ndarray]]:
    """Arrays, in order, in as few groups as a largest size allows; all groups have about one size."""
    total = sum(array.nbytes for array in arrays.values())
    # A file has a header besides its numbers.
    share = total / -(-total // (largest * 15 // 16))
    groups: list[dict[str, np.ndarray]] = [{}]
    taken = 0
    for name, array in arrays.items():
        # The middle of an array decides which group it goes to.
        if groups[-1] and taken + array.nbytes / 2 > share * len(groups):
            groups.append({})
        groups[-1][name] = array
        taken += array.nbytes
    return groups


def convert(source: Path, target: Path) -> tuple[str, ...]:
    """Convert a checkpoint folder in half precision to this form.

    The graph and SHA256SUMS are written again; all other files are copied.

    Args:
        source: a valid checkpoint folder.
        target: the new folder; it must be empty if it exists.

    Returns:
        Names of the weight files.

    Raises:
        SettingError: the target is a file, or a folder that is not empty.
        CheckpointError: the source is not valid, or already has this form.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingError(f"{target} exists", expected="a new or an empty folder", hint="name another, or remove it")
    verify(source)
    if json.loads((source / CONFIG).read_text(encoding="utf-8")).get(FORM) == INT8_ROWS:
        raise CheckpointError(f"{source} has its weights in 8 bits already", expected="weights in half precision")
    left_out = {SUMS, GRAPH, INDEX, *weight_files(source)}
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and path.name not in left_out:
            shutil.copy(path, target / path.name)
    names = write(read_stored(source), target)
    onnx_graph.write(target)
    write_sums(target)
    return names


def _report(target: Path, names: Iterable[str]) -> str:
    sizes = [f"  {name}  {(target / name).stat().st_size / 1e6:.1f} MB" for name in names]
    return "\n".join([f"{target}: weights in 8 bits with a scale for each row", *sizes])


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m framing.model.rows8", description="Store the weights of a checkpoint in 8 bits."
    )
    parser.add_argument("source", type=Path, metavar="FROM", help="a checkpoint folder in half precision")
    parser.add_argument("target", type=Path, metavar="TO", help="the new folder")
    arguments = parser.parse_args()
    print(_report(arguments.target, convert(arguments.source, arguments.target)))
