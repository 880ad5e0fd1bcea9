"""Probabilities of whole sentences, which comparisons do not read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet

from framing.codebook import Codebook
from framing.records import read_labels


def label_probabilities(files: Sequence[Path], codebook: Codebook) -> npt.NDArray[Any]:
    """float32 [sentences of all files in their order, labels of the codebook].

    Args:
        files: of records.
        codebook: by which was labelled.
    """
    names = codebook.label_names
    parts = [np.zeros((0, len(names)), dtype=np.float32)]
    for file in files:
        if file.suffix.lower() == ".parquet":
            with file.open("rb") as stream:
                struct = pyarrow.parquet.read_table(stream, columns=["probabilities"]).column("probabilities")
            for chunk in struct.chunks:
                parts.append(np.stack([np.asarray(chunk.field(name).fill_null(0)) for name in names], axis=1))
        else:
            rows = [
                [sentence.probabilities.get(name, 0.0) for name in names]
                for labels in read_labels(file, codebook=codebook)
                for sentence in labels
            ]
            parts.append(np.array(rows, dtype=np.float32).reshape(-1, len(names)))
    return np.concatenate(parts).astype(np.float32)
