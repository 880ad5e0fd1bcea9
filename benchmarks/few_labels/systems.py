"""The systems: those of :mod:`benchmarks.human.systems` that say which labels a sentence carries, and SetFit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.few_labels.drawing import labels_of
from benchmarks.human.measures import Found
from benchmarks.human.systems import (
    LONGEST,
    Finder,
    Task,
    encoder_folder,
    train_auto_sequence,
    train_framing,
    train_lexicon,
    train_tfidf,
)
from framing.errors import MissingExtraError
from framing.evaluate.scoring import Array


def train_setfit(task: Task) -> Finder:
    """SetFit (Tunstall et al. 2022): the encoder learns which sentences share a label, then one regression a label.

    The library of its authors with its defaults. Of ``task.settings``, ``head_params`` are the regression's, and
    ``most_steps`` the steps of the optimizer at most; without them, it passes once over as many pairs as :func:`pairs`
    says. The rest are its TrainingArguments.

    Raises:
        MissingExtraError: ``setfit`` is not installed.
    """
    try:
        from setfit import SetFitModel, Trainer, TrainingArguments
    except ImportError as error:
        raise MissingExtraError("setfit is not installed", hint="pip install setfit") from error
    from datasets import Dataset

    settings = dict(task.settings)
    most_steps, head = settings.pop("most_steps"), settings.pop("head_params", {})
    targets = table(task)
    model = SetFitModel.from_pretrained(
        encoder_folder(task.base), multi_target_strategy="one-vs-rest", device="cpu", head_params=head
    )
    arguments = TrainingArguments(
        output_dir=str(task.folder / "setfit"),
        seed=task.seed,
        max_length=LONGEST,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        show_progress_bar=False,
        **settings,
    )
    arguments.max_steps = min(most_steps, math.ceil(pairs(targets) / arguments.embedding_batch_size))
    texts = [sentence.text for sentence in task.train.sentences]
    Trainer(
        model=model, args=arguments, train_dataset=Dataset.from_dict({"text": texts, "label": targets.tolist()})
    ).train()

    def find(sentences: Sequence[str]) -> list[Found]:
        said = np.asarray(model.predict(list(sentences), as_numpy=True, use_labels=False), dtype=bool)
        return [Found(frozenset(n for n, yes in zip(task.sentences, row, strict=True) if yes), {}) for row in said]

    return find


def pairs(targets: Array) -> int:
    """Pairs that SetFit passes over: all of two sentences, each with itself too, those of the rarer sort repeated.

    Args:
        targets: int64 [sentences, labels]; a pair is of one sort if the two share a label, else of the other.
    """
    shared = np.triu(targets @ targets.T > 0).sum()
    return 2 * int(max(shared, len(targets) * (len(targets) + 1) // 2 - shared))


def table(task: Task) -> Array:
    """Which labels the training sentences carry: int64 [sentences, labels]."""
    carried = [labels_of(sentence, task.sentences) for sentence in task.train.sentences]
    return np.array([[label in one for label in task.sentences] for one in carried], dtype=np.int64)


#: System -> how it learns.
TRAINERS: Mapping[str, Callable[[Task], Finder]] = {
    "lexicon": train_lexicon,
    "tfidf": train_tfidf,
    "auto_sequence": train_auto_sequence,
    "setfit": train_setfit,
    "framing": train_framing,
}
