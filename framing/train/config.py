"""Everything that a training run can be told, as dataclasses, and how a recipe and flags become them."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import HfArgumentParser, TrainingArguments
from transformers.trainer_utils import HubStrategy, IntervalStrategy, SaveStrategy

from framing.errors import SettingError, UnreadableFileError
from framing.model.names import NAMES

# HfArgumentParser reads field types at run time, hence the plain ``X | None`` forms and ``list[str]``.


@dataclass
class DataArguments:
    """What the model learns from."""

    train: list[str] = field(
        default_factory=list,
        metadata={
            "help": "training data: files or globs; .tsv with inline markup, or .csv/.jsonl/.parquet with columns"
        },
    )
    validation: list[str] = field(
        default_factory=list,
        metadata={"help": "validation data of the same forms; left out, a share of the training groups is held out"},
    )
    validation_share: float = field(
        default=0.1, metadata={"help": "share of the groups held out where no validation data is named"}
    )
    split_seed: int | None = field(
        default=None,
        metadata={"help": "which groups are held out; left out, the run's seed says so. Runs to be averaged need one"},
    )
    codebook: str = field(
        default="armed_conflict", metadata={"help": "name of a built-in codebook, or the path of a codebook YAML file"}
    )
    text_column: str = field(default="text", metadata={"help": "column of the sentence in .csv/.jsonl/.parquet"})
    labels_column: str = field(
        default="labels", metadata={"help": "column of the sentence's labels: a list, or one string with ';' between"}
    )
    group_column: str = field(
        default="group", metadata={"help": "column that says which sentences belong together (a document, an event)"}
    )
    attribution: list[str] = field(
        default_factory=list,
        metadata={
            "help": "PolNeAR-style .jsonl(.gz) files: extra training for sources and voice (see training/README.md)"
        },
    )
    attribution_sentences: int = field(
        default=4000, metadata={"help": "how many attribution sentences to draw, anew for each run seed"}
    )
    unlabeled: list[str] = field(
        default_factory=list,
        metadata={
            "help": "text of any kind that framing reads (articles, tables, folders): the teacher labels it, or, "
            "with no --train, the words of the codebook do"
        },
    )
    unlabeled_sentences: int = field(
        default=12000,
        metadata={"help": "how many unlabeled sentences to draw, anew for each run seed; the corpus is streamed"},
    )
    mask_evidence: float = field(
        default=0.0,
        metadata={
            "help": "probability that a training sentence hides the words that are marked, so that their context is "
            "learned (0.3 was no better than 0 for a model from a codebook alone)"
        },
    )
    strip_punctuation: float = field(
        default=0.1,
        metadata={
            "help": "probability that a training sentence is seen without commas and apostrophes, as scraped text is"
        },
    )


@dataclass
class ModelArguments:
    """What the model starts from."""

    base: str = field(
        default="shipped",
        metadata={
            "help": f"encoder to start from: {NAMES}, a folder, or a hub id; a framing checkpoint gives its heads too"
        },
    )
    average: list[str] = field(
        default_factory=list,
        metadata={"help": "do not train: average these finished checkpoints' weights, and fit thresholds to the mean"},
    )
    layers: list[int] = field(
        default_factory=list,
        metadata={"help": "layers of the base's encoder to keep, from 0, for a smaller model; left out, all of them"},
    )
    teacher: str | None = field(
        default=None,
        metadata={
            "help": f"{NAMES}, or a framing checkpoint of any encoder, whose answers the model learns (distillation)"
        },
    )
    lessons: str | None = field(
        default=None,
        metadata={
            "help": "folder that keeps what teachers say, for other runs to read; left out, 'lessons' in the output_dir"
        },
    )
    head_dropout: float = field(default=0.1, metadata={"help": "dropout on the token states before the heads"})
    encoder_dropout: float = field(default=0.1, metadata={"help": "dropout inside the encoder"})
    freeze_embeddings: bool = field(
        default=False, metadata={"help": "leave the word embeddings as they are in the base; faster on a CPU"}
    )
    license: str | None = field(
        default=None,
        metadata={"help": "licence that the card names, as the hub writes it (apache-2.0, cc-by-4.0, …)"},
    )
    window_length: int = field(default=256, metadata={"help": "tokens in a window; longer sentences are windowed"})


@dataclass
class LossArguments:
    """How the parts of the loss are weighed."""

    evidence_weight: float = field(default=1.0, metadata={"help": "weight of the token loss, where spans are marked"})
    sentence_weight: float = field(
        default=0.3, metadata={"help": "weight of the sentence loss on the largest token logit"}
    )
    voice_weight: float = field(default=0.5, metadata={"help": "weight of the voice loss"})
    kind_weight: float = field(default=0.2, metadata={"help": "weight of the kind loss"})
    task_weight: float = field(default=0.5, metadata={"help": "weight of the loss of each task of the codebook"})
    attribution_voice_weight: float = field(
        default=0.3,
        metadata={"help": "weight of a token's voice from attribution data, beside 1 for a marked mention's"},
    )
    marks_weight: float = field(
        default=0.3, metadata={"help": "weight of what is marked in the data, beside 1 for what a teacher says of it"}
    )
    states_weight: float = field(
        default=0.0, metadata={"help": "weight of the distance to the teacher's last token states, of the same width"}
    )


#: Passes over the training data where nobody says how many, and the least steps of the optimizer then.
EPOCHS, LEAST_STEPS = 6, 200


@dataclass
class FramingTrainingArguments(TrainingArguments):
    """transformers' TrainingArguments with defaults that suit small encoders on sentences."""

    output_dir: str = field(
        default="outputs/framing-model", metadata={"help": "folder that gets the trained checkpoint"}
    )
    learning_rate: float = field(default=2e-4, metadata={"help": "peak learning rate of the encoder"})
    head_learning_rate: float = field(default=1e-3, metadata={"help": "peak learning rate of the heads"})
    num_train_epochs: float = field(
        default=0.0,
        metadata={"help": f"passes over the data; 0: {EPOCHS}, or as many as make {LEAST_STEPS} steps, to the last"},
    )
    per_device_train_batch_size: int = field(default=32, metadata={"help": "sentences in a batch"})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "sentences in an evaluation batch"})
    warmup_steps: float = field(default=0.1, metadata={"help": "warm-up: a share of all steps if below 1, else steps"})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "learning-rate schedule"})
    adam_beta2: float = field(default=0.98, metadata={"help": "AdamW's second beta"})
    weight_decay: float = field(default=0.01, metadata={"help": "AdamW's weight decay"})
    optim: str = field(default="adamw_torch_fused", metadata={"help": "optimizer"})
    train_sampling_strategy: str = field(default="group_by_length", metadata={"help": "how batches are drawn"})
    eval_strategy: str = field(default="epoch", metadata={"help": "when to evaluate on the validation part"})
    save_strategy: str = field(default="epoch", metadata={"help": "when to save for --resume_from_checkpoint"})
    save_total_limit: int | None = field(default=2, metadata={"help": "saved states to keep"})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "end with the best validated epoch"})
    metric_for_best_model: str | None = field(default="eval_score", metadata={"help": "what 'best' goes by"})
    greater_is_better: bool | None = field(default=True, metadata={"help": "whether more of it is better"})
    early_stopping_patience: int = field(
        default=3, metadata={"help": "evaluations without improvement before training stops; 0 never stops early"}
    )
    logging_steps: float = field(default=25, metadata={"help": "steps between log lines"})
    report_to: str | None = field(default="none", metadata={"help": "experiment trackers"})
    seed: int = field(default=13, metadata={"help": "seed of everything random"})
    dataloader_pin_memory: bool = field(default=False, metadata={"help": "set on a GPU"})
    use_cpu: bool = field(default=False, metadata={"help": "train on the CPU, whatever else the machine has"})
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "a resumed run stops early when the uninterrupted one would have"}
    )
    push_to_hub: bool = field(
        default=False, metadata={"help": "at the end, upload the finished checkpoint to the Hugging Face hub"}
    )
    hub_model_id: str | None = field(
        default=None,
        metadata={"help": "repository for --push_to_hub, user/name; left out, the name of the output_dir"},
    )

    def __post_init__(self) -> None:
        # Without an accelerator, transformers takes bfloat16 only from those who ask for the CPU.
        self.is_on_cpu_for_bf16 = self.bf16 and not self.use_cpu and not torch.accelerator.is_available()
        self.use_cpu = self.use_cpu or self.is_on_cpu_for_bf16
        super().__post_init__()

    def steps_of(self, sentences: int) -> int:
        """Optimizer steps of a training on so many sentences."""
        if self.max_steps > 0:
            return self.max_steps
        each = self.per_device_train_batch_size * self.gradient_accumulation_steps * self.world_size
        of_epoch = max(1, math.ceil(sentences / each))
        return math.ceil(self.num_train_epochs * of_epoch) or max(EPOCHS * of_epoch, LEAST_STEPS)

    def settle_epochs(self, sentences: int) -> None:
        """Decide how many passes are made over so many sentences, where nobody said so.

        A few dozen steps teach an encoder nothing: so few sentences are passed more often, and validated
        :data:`EPOCHS` times. As few validation sentences cannot say which of the states is best, the last one is taken.
        """
        if self.num_train_epochs > 0 or self.max_steps > 0:
            return
        steps = self.steps_of(sentences)
        self.num_train_epochs = float(EPOCHS)
        if steps > self.steps_of(sentences):
            self.num_train_epochs *= steps / self.steps_of(sentences)
            self.load_best_model_at_end, self.early_stopping_patience = False, 0
            between = math.ceil(steps / EPOCHS)
            if self.eval_strategy == "epoch":
                self.eval_strategy, self.eval_steps = IntervalStrategy.STEPS, between
            if self.save_strategy == "epoch":
                self.save_strategy, self.save_steps = SaveStrategy.STEPS, between


@dataclass
class JudgingArguments:
    """How the training itself is judged."""

    dry_run: bool = field(
        default=False,
        metadata={"help": "train nothing: say what would happen, how long here, and what is suspicious in the data"},
    )
    cross_validate: int = field(
        default=0,
        metadata={"help": "first train this many times, each without one part of the groups, and score on those parts"},
    )
    n_seeds: int = field(
        default=1, metadata={"help": "train with so many seeds, from 'seed' on, into seed-… in the output_dir"}
    )


#: Fields that transformers or the loop fill in by themselves, or that are nobody's business.
_DERIVED = {"label_names", "remove_unused_columns", "do_eval", "debug", "hub_token", "push_to_hub_token", "report_to"}
#: Where a model is published is no part of how it was made; a recipe that is run again must not publish again.
_PUBLISHING = {name for name in inspect.get_annotations(TrainingArguments) if name.startswith(("push_", "hub_"))} | {
    "push_to_hub"
}


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The resolved configuration of a run."""

    data: DataArguments
    model: ModelArguments
    loss: LossArguments
    training: FramingTrainingArguments
    judging: JudgingArguments = field(default_factory=JudgingArguments)

    @property
    def split_seed(self) -> int:
        """Which groups are held out; see :func:`framing.train.examples.hold_out`."""
        return self.training.seed if self.data.split_seed is None else self.data.split_seed

    @property
    def from_codebook_alone(self) -> bool:
        """Whether nothing is marked, and the words of the codebook are looked for in unlabelled text instead."""
        return not self.data.train and bool(self.data.unlabeled)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of everything that was set or differs from transformers' defaults; reads back as a recipe."""
        # Those whose defaults are ours: a value left out would come back as our default, not as transformers'.
        ours = set(inspect.get_annotations(FramingTrainingArguments))
        plain = _transformers_defaults()
        training = {
            name: value
            for name, value in self.training.to_dict().items()
            if name in _settable() - _DERIVED - _PUBLISHING
            and (name in ours or (name in plain and value != plain[name]))
        }
        if self.training.is_on_cpu_for_bf16:  # another machine may have an accelerator
            training.pop("use_cpu", None)
        parts = (dataclasses.asdict(self.data), dataclasses.asdict(self.model), dataclasses.asdict(self.loss), training)
        return {name: value for part in parts for name, value in part.items() if _is_plain(value)}

    def to_yaml(self) -> str:
        """The configuration as a recipe that :func:`parse` reads."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def parse(arguments: Sequence[str]) -> RunConfig:
    """Read ``[RECIPE] [--flag value …]``: a YAML or JSON file first, flags override it.

    Raises:
        UnreadableFileError: the recipe is missing or not YAML/JSON.
        SettingError: a key or flag is unknown, or a value does not fit.
    """
    arguments = list(arguments)
    recipe = _read_recipe(Path(arguments.pop(0))) if arguments and not arguments[0].startswith("-") else {}
    parser = _Parser(
        (DataArguments, ModelArguments, LossArguments, FramingTrainingArguments, JudgingArguments), prog="framing-train"
    )
    _check_keys(recipe, parser)
    try:
        recipe_flags = [flag for name, value in recipe.items() for flag in as_flags(name, value)]
        data, model, loss, training, judging = parser.parse_args_into_dataclasses(
            [*recipe_flags, *arguments], look_for_args_file=False
        )
    except ValueError as error:
        raise SettingError(str(error), hint="framing-train --help lists every setting") from error
    config = RunConfig(data, model, loss, training, judging)
    _check_values(config)
    return config


class _Parser(HfArgumentParser):
    """Raises instead of leaving the process, and refuses abbreviated flags."""

    def __init__(self, types: tuple[type, ...], **kwargs: Any) -> None:
        super().__init__(types, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> Any:
        raise SettingError(message, hint="framing-train --help lists every setting")


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise UnreadableFileError(
            f"the recipe {path} cannot be read: {error}", expected="a YAML or JSON file of settings"
        ) from error
    if not isinstance(data, dict):
        raise SettingError(f"the recipe {path} holds a {type(data).__name__}", expected="a mapping of settings")
    return data


def _check_keys(recipe: dict[str, Any], parser: argparse.ArgumentParser) -> None:
    known = {action.dest for action in parser._actions}
    for key in recipe:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            raise SettingError(
                f"unknown setting {key!r} in the recipe",
                expected="a setting that framing-train --help lists",
                hint=f"did you mean {close[0]!r}?" if close else None,
            )


def as_flags(name: str, value: Any) -> list[str]:
    """A recipe's entry as the flags that say the same, so that both go through one parser and one set of checks."""
    if value is None:
        return []
    if isinstance(value, list):
        return [f"--{name}", *map(str, value)] if value else []
    if isinstance(value, dict):
        return [f"--{name}", json.dumps(value)]
    return [f"--{name}", str(value)]


def _check_values(config: RunConfig) -> None:
    if not config.data.train and not config.data.unlabeled:
        raise SettingError(
            "no training data is named",
            expected="--train FILE …, or --unlabeled TEXT … for a codebook whose words are looked for",
            hint="framing-train --train my_sentences.tsv",
        )
    if config.from_codebook_alone and (config.model.teacher or config.model.average):
        raise SettingError(
            "a teacher or an average is named, and no --train",
            expected="marked sentences to validate on, or the codebook and unlabelled text alone",
        )
    for name, value, low, high in (
        ("validation_share", config.data.validation_share, 0.0, 0.9),
        ("strip_punctuation", config.data.strip_punctuation, 0.0, 1.0),
        ("mask_evidence", config.data.mask_evidence, 0.0, 1.0),
        ("head_dropout", config.model.head_dropout, 0.0, 0.9),
        ("encoder_dropout", config.model.encoder_dropout, 0.0, 0.9),
    ):
        if not low <= value <= high:
            raise SettingError(f"{name} is {value}", expected=f"a number between {low} and {high}")
    if config.data.train and config.data.unlabeled and config.model.teacher is None:
        raise SettingError(
            "unlabeled text is named, and no teacher that could label it",
            expected="--teacher shipped, or a checkpoint folder",
        )
    for setting, chosen in (("teacher", config.model.teacher), ("layers", config.model.layers)):
        if config.model.average and chosen:
            raise SettingError(
                f"average and {setting} ({chosen!r}) are both set",
                expected="one of them: an average trains nothing, and has the layers of what it averages",
            )
    if config.judging.cross_validate < 0 or config.judging.cross_validate == 1:
        raise SettingError(f"cross_validate is {config.judging.cross_validate}", expected="2 parts or more; 0 for none")
    if config.judging.n_seeds < 1:
        raise SettingError(f"n_seeds is {config.judging.n_seeds}", expected="1 or more")
    several = config.judging.cross_validate or config.judging.n_seeds > 1
    if several and (config.model.average or config.training.resume_from_checkpoint):
        raise SettingError(
            "cross_validate or n_seeds is set, and average or resume_from_checkpoint too", expected="one of them"
        )
    _check_publishing(config)
    if config.judging.cross_validate and (config.from_codebook_alone or config.data.validation):
        raise SettingError(
            "cross_validate is set, and the data is no single set of marked sentences",
            expected="--train alone: its groups are what is left out in turn",
        )
    if config.model.window_length < 16:
        raise SettingError(f"window_length is {config.model.window_length}", expected="at least 16 tokens")


def _check_publishing(config: RunConfig) -> None:
    training = config.training
    if training.hub_model_id is not None and not training.push_to_hub:
        raise SettingError(
            f"hub_model_id is {training.hub_model_id!r}, and nothing is to be uploaded", expected="--push_to_hub too"
        )
    if training.push_to_hub and config.judging.n_seeds > 1:
        raise SettingError(
            "push_to_hub and n_seeds are both set",
            expected="one of them: of several models, none is the one to publish",
            hint="push the one that you choose: framing.load(FOLDER).push_to_hub(NAME)",
        )
    if training.push_to_hub and training.hub_strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
        raise SettingError(
            f"hub_strategy is {training.hub_strategy.value!r}",
            expected="end: the finished checkpoint is uploaded, and no state of the optimizer",
            hint="leave out --hub_strategy",
        )


def _transformers_defaults() -> dict[str, Any]:
    return {f.name: f.default for f in dataclasses.fields(TrainingArguments) if f.default is not dataclasses.MISSING}


def _settable() -> set[str]:
    return {f.name for f in dataclasses.fields(FramingTrainingArguments) if f.init}


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, list, type(None)))
