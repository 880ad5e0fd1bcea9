"""The task ``framing`` among transformers' pipelines; importing this module registers it.

::

    import framing.integrations.transformers
    from transformers import pipeline

    label = pipeline("framing", model="outputs/my-model")  # without a model: the shipped one
    label("The army liberated the town from terrorists, state TV claimed.")["frames"]

The records are those of :class:`framing.Labeler`, which does the work: sentences are batched by length, and windowed
where they are long. For labelling on a CPU without torch, and on a GPU in half precision, use :func:`framing.load`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from framing.engine.torch import TorchEngine
from framing.errors import CheckpointError, SettingError
from framing.labeler import Labeler
from framing.model.checkpoint import SUMS, Checkpoint, locate, read_sums
from framing.model.network import FramingModel

#: The name of the task.
TASK = "framing"


class FramingPipeline(Pipeline):
    """Labels sentences; made by ``pipeline("framing", model=…)``.

    Args:
        model: loaded from a checkpoint folder or the hub, so that its codebook and thresholds are known.
        kwargs: see :class:`transformers.Pipeline`. ``dtype`` may be ``"auto"`` or ``torch.float32``; it computes in
            single precision.

    Attributes:
        labeler: what labels.

    Raises:
        CheckpointError: the model is no framing model, or does not come from a checkpoint.
        SettingError: another ``dtype`` is asked for.
    """

    # The labeler reads tokenizer.json itself.
    _load_tokenizer = False
    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False

    def __init__(self, model: FramingModel, **kwargs: Any) -> None:
        if not isinstance(model, FramingModel):
            raise CheckpointError(
                f"the model is a {type(model).__name__}",
                expected="a checkpoint that framing-train wrote",
                hint="fine-tune the encoder first: framing-train --base …",
            )
        if kwargs.get("dtype") not in (None, "auto", torch.float32):
            raise SettingError(
                f"dtype is {kwargs['dtype']}",
                expected="'auto' or torch.float32",
                hint="framing.load(engine='torch', precision='bf16') computes in half precision",
            )
        super().__init__(model=model.float(), **kwargs)
        if not model.name_or_path:
            raise CheckpointError(
                "the model comes from no folder, so that its codebook and thresholds are unknown",
                expected="a model that FramingModel.from_pretrained loaded",
            )
        checkpoint = Checkpoint.load(model.name_or_path)
        self.labeler = Labeler(checkpoint, TorchEngine(model, device=str(model.device), precision="fp32"))

    def __call__(self, inputs: Any, *, num_workers: int | None = None, batch_size: int | None = None) -> Any:
        """Label sentences that have nothing to do with each other.

        Args:
            inputs: one sentence; a list or tuple of them; or anything else that gives sentences one after the other (a
                generator, a :class:`~transformers.pipelines.pt_utils.KeyDataset`), which is read as it is needed.
            num_workers, batch_size: not used; the engine makes batches of like length by itself.

        Returns:
            The record of the one sentence (:meth:`framing.SentenceLabels.to_dict`), a list of records, or an iterator.

        Raises:
            InputError: an item is no string.
        """
        if isinstance(inputs, str | list | tuple):
            return self.labeler(inputs).to_dict()
        return self._stream(inputs)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Write the checkpoint folder as it was loaded: weights, codebook, thresholds, tokenizer and card.

        Args:
            save_directory: made if need be.
            kwargs: not used.
        """
        source, target = self.labeler.checkpoint.folder, Path(save_directory)
        target.mkdir(parents=True, exist_ok=True)
        for name in (*read_sums(source), SUMS):
            shutil.copyfile(source / name, target / name)

    def _stream(self, sentences: Iterable[str]) -> Iterator[dict[str, Any]]:
        index = 0
        left = iter(sentences)
        while group := list(islice(left, self.labeler.engine.look_ahead)):
            for record in self.labeler(group).to_dict():
                yield record | {"index": index}
                index += 1

    # transformers asks these four of every pipeline; `__call__` goes past them, because what batches is the engine.

    def _sanitize_parameters(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {}, {}, {}

    def preprocess(self, input_: str) -> dict[str, str]:
        """The sentence, as it is."""
        return {"sentence": input_}

    def _forward(self, input_tensors: dict[str, str]) -> dict[str, Any]:
        return self.labeler(input_tensors["sentence"]).to_dict()

    def postprocess(self, model_outputs: dict[str, Any]) -> dict[str, Any]:
        """The record, as it is."""
        return model_outputs


PIPELINE_REGISTRY.register_pipeline(
    TASK,
    pipeline_class=FramingPipeline,
    pt_model=AutoModel,
    default={"model": (str(locate()), "main")},
    type="text",
)
