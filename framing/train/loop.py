"""The training run: transformers' Trainer around the framing loss, from data to a finished checkpoint folder."""

from __future__ import annotations

import copy
import json
import random
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, set_seed
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from transformers.utils import logging

from framing.codebook import KIND, VOICE, Codebook
from framing.decoding.decoder import Decoder
from framing.engine.batching import compute_logits
from framing.engine.torch import TorchEngine
from framing.errors import CodebookMismatchError, DivergenceError, FramingWarning, InputError, SettingError
from framing.model import checkpoint
from framing.model.encoding import SentenceEncoder
from framing.train.base import Base, load_base
from framing.train.config import RunConfig
from framing.train.examples import (
    Example,
    ExampleDataset,
    Split,
    collate,
    columns_of,
    hold_out,
    read_attribution,
    read_configured,
    read_examples,
    read_unlabeled,
)
from framing.train.inspection import Plan, spoiling, suspicions
from framing.train.lessons import Lessons
from framing.train.loss import LossWeights, framing_loss, lesson_loss
from framing.train.output import check_storable, write_checkpoint
from framing.train.record import RunRecord
from framing.train.teacher import Teacher
from framing.train.validation import ReadSentences, calibrate, validate
from framing.train.weak import EXAMPLE_COPIES, from_codebook, weak_examples

#: Steps that are timed to say how long a run takes.
_TIMED_STEPS = 4
#: What transformers writes into the folder of a saved state; :data:`_STATE` last of all.
_STATE, _OPTIMIZER, _SCHEDULER = "trainer_state.json", "optimizer.pt", "scheduler.pt"


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a run leaves.

    Attributes:
        folder: the finished checkpoint.
        metrics: of the validation part, name -> value.
        seconds: of training, reading and saving left out.
        sentences_per_second: training sentences that went through the model in a second; None where none did.
        published: address of the commit on the hub; None where it was not asked for.
    """

    folder: Path
    metrics: dict[str, float]
    seconds: float
    sentences_per_second: float | None
    published: str | None = None


def run(config: RunConfig, split: Split | None = None) -> TrainedRun:
    """Train as configured and write the checkpoint folder.

    Of several processes (``torchrun``), each trains on its part of every batch, and the first one writes.

    Args:
        config: the run.
        split: what to train and validate on; left out, as the configuration says.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used; nothing is written then.
        DivergenceError: the loss became NaN or infinite; a finished checkpoint in the folder stays as it was.
    """
    set_seed(config.training.seed)
    logging.disable_progress_bar()  # of loading and saving weights; the bar of the training itself is another
    codebook = Codebook.load(config.data.codebook)
    resumed = _resume_from(config, codebook)
    split = split or load_split(config, codebook)
    if config.training.process_index == 0:
        for found in spoiling(split, codebook, is_taught=config.model.teacher is not None):
            warnings.warn(found.message, FramingWarning, stacklevel=2)
    if not any(example.labels or example.answers for example in split.validation):
        # No state is better than another by such sentences, and the first would be taken for the best.
        config.training.load_best_model_at_end, config.training.early_stopping_patience = False, 0
    base = load_base(config.model, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    attribution = load_attribution(config, codebook)
    unlabeled = load_unlabeled(config, split)
    config.training.settle_epochs(len(split.train) + len(attribution) + len(unlabeled))
    trainer = FramingTrainer(config, base, encoder, split, [*attribution, *unlabeled], codebook)
    started = time.perf_counter()
    if resumed is None and trainer.is_world_process_zero():
        _remove_states(Path(config.training.output_dir))
    trainer.train(resume_from_checkpoint=resumed)
    seconds = time.perf_counter() - started
    folder = Path(config.training.output_dir)
    metrics: dict[str, float] = {}
    if trainer.is_world_process_zero():
        validation = trainer.read_validation()
        calibration = calibrate(validation, split.validation, codebook)
        metrics = write_checkpoint(
            RunRecord(
                config,
                codebook,
                base,
                split,
                calibration,
                attribution=len(attribution),
                unlabeled=len(unlabeled),
                log=trainer.state.log_history,
                seconds=seconds,
            ),
            model=trainer.model,
            decoded=Decoder(codebook, calibration).decode(
                validation.logits, validation.encoded, [e.text for e in split.validation]
            ),
            folder=folder,
        )
    # The others wait for the folder, which their callers may read.
    metrics = _of_first_process(metrics)
    return TrainedRun(folder, metrics, seconds, trainer.sentences_read * config.training.world_size / seconds)


def _of_first_process(value: Any) -> Any:
    """What the first process has, in all of them; it waits for the first."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    told = [value]
    torch.distributed.broadcast_object_list(told)
    return told[0]


def plan(config: RunConfig) -> Plan:
    """What :func:`run` would do, how long each step takes here, and what is suspicious in the data; writes nothing.

    The model is built and trained for a few steps on sentences of the run, then thrown away. A teacher is not asked.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used.
    """
    set_seed(config.training.seed)
    codebook = Codebook.load(config.data.codebook)
    split = load_split(config, codebook)
    base = load_base(config.model, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    batch = config.training.per_device_train_batch_size
    auxiliary = len(load_attribution(config, codebook)) + len(load_unlabeled(config, split))
    sentences = len(split.train) + auxiliary
    each = batch * config.training.gradient_accumulation_steps * config.training.world_size
    steps = config.training.steps_of(sentences)
    with tempfile.TemporaryDirectory() as scratch:
        timed = replace(config, training=copy.copy(config.training), model=replace(config.model, teacher=None))
        timed.training.output_dir, timed.training.max_steps = scratch, 1 + _TIMED_STEPS
        timed.training.eval_strategy = timed.training.save_strategy = "no"
        timed.training.load_best_model_at_end = False
        clock = _StepClock()
        drawn = random.Random(config.training.seed).sample(
            split.train, min(len(split.train), each * (1 + _TIMED_STEPS))
        )
        trainer = FramingTrainer(timed, base, encoder, Split(tuple(drawn), split.validation[:1]), [], codebook)
        trainer.add_callback(clock)
        trainer.train()
    groups = len({example.group for example in (*split.train, *split.validation)})
    return Plan(sentences, len(split.validation), groups, steps, clock.per_step, suspicions(split, codebook))


class _StepClock(TrainerCallback):
    """When steps end. The time to the end of the first is left out: it allocates memory and loads kernels."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())

    @property
    def per_step(self) -> float:
        """Seconds; the median, because another program may take a core for a moment."""
        return float(np.median(np.diff(self.ends)))


def load_split(config: RunConfig, codebook: Codebook) -> Split:
    """Training and validation examples of a configuration.

    Raises:
        FramingError: a file or a row cannot be used, or a part would be empty.
    """
    if config.from_codebook_alone:
        data = config.data
        examples = weak_examples(codebook, data.unlabeled, data.unlabeled_sentences, config.training.seed)
    else:
        examples = read_configured(config.data, codebook)
    if config.data.validation:
        split = Split(
            tuple(examples), tuple(read_examples(config.data.validation, codebook, **columns_of(config.data)))
        )
    else:
        split = hold_out(examples, config.data.validation_share, config.split_seed)
    if not split.validation or not split.train:
        raise InputError(
            f"{len(examples)} sentences in {len({e.group for e in examples})} groups leave an empty training or "
            "validation part",
            expected="several groups; a group (a document, an event) is never split",
            hint="give more data, name a group column of finer grain, or pass --validation FILE",
        )
    if config.model.teacher is None and not any(example.labels or example.answers for example in split.train):
        raise InputError(
            f"none of the {len(split.train)} training sentences is marked or carries a label",
            expected=f"labels of the codebook in the column {config.data.labels_column!r} of a table, or inline markup",
            hint="name the column of the labels with --labels_column",
        )
    if config.from_codebook_alone:
        split = replace(split, train=(*split.train, *EXAMPLE_COPIES * tuple(from_codebook(codebook))))
    return split


def load_lessons(config: RunConfig, student: Base, examples: Sequence[Example]) -> Lessons | None:
    """What the teacher that a configuration names says of the examples; it reads those that it has not read before.

    Raises:
        FramingError: it cannot be loaded, or it and the student do not go together.
    """
    if config.model.teacher is None:
        return None
    teacher = Teacher(
        config.model.teacher, student, states=config.loss.states_weight > 0, device=config.training.device
    )
    is_first = config.training.process_index == 0
    # Of several processes the first has the teacher read; the others find its answers on the disk.
    with config.training.main_process_first(local=False, desc="the teacher reads"):
        lessons = Lessons(teacher, Path(config.model.lessons or Path(config.training.output_dir) / "lessons"))
        with Progress(console=Console(stderr=True), disable=config.training.disable_tqdm or not is_first) as bar:
            reading = bar.add_task("the teacher reads", total=len(examples))
            lessons.learn(
                ((example.text, example.state) for example in examples),
                on_progress=lambda read: bar.advance(reading, read),
            )
    return lessons


def load_attribution(config: RunConfig, codebook: Codebook) -> list[Example]:
    """The auxiliary examples for sources and voice, with the weight that the configuration gives their voices."""
    if not config.data.attribution:
        return []
    examples = read_attribution(
        config.data.attribution, config.data.attribution_sentences, config.training.seed, codebook
    )
    return [replace(example, choice_weight=config.loss.attribution_voice_weight) for example in examples]


def load_unlabeled(config: RunConfig, split: Split) -> list[Example]:
    """The examples that the teacher alone labels, without any sentence that the model is validated on."""
    if not config.data.unlabeled or config.from_codebook_alone:
        return []
    held_out = {example.text for example in split.validation}
    drawn = read_unlabeled(config.data.unlabeled, config.data.unlabeled_sentences, config.training.seed)
    return [example for example in drawn if example.text not in held_out]


def _resume_from(config: RunConfig, codebook: Codebook) -> str | None:
    """The saved state to go on from, or ``None`` where the run starts anew.

    Raises:
        SettingError: there is no whole state to go on from; or the run is to start anew, and the folder has the states
            of one that has not ended.
        CodebookMismatchError: the state is of another codebook.
    """
    wanted = config.training.resume_from_checkpoint
    folder = Path(config.training.output_dir)
    if wanted in (None, "False", "false"):
        _refuse_unfinished(folder)
        return None
    if wanted in (True, "True", "true"):
        states = _whole_states(folder)
        if not states:
            raise SettingError(
                f"there is nothing to resume from in {folder}",
                expected=f"a whole {PREFIX_CHECKPOINT_DIR}-… folder of an interrupted run",
                hint="leave out --resume_from_checkpoint to start anew",
            )
        state = states[-1]
    elif not _is_whole(state := Path(wanted)):
        raise SettingError(
            f"resume_from_checkpoint is {wanted!r}, which holds no whole state of a run",
            expected=f"true, or a folder with {checkpoint.WEIGHTS}, {_OPTIMIZER}, {_SCHEDULER} and {_STATE}",
        )
    trained_for = json.loads((state / checkpoint.CONFIG).read_text(encoding="utf-8")).get("codebook_fingerprint")
    if trained_for != codebook.fingerprint:
        raise CodebookMismatchError(
            f"{state} was trained for another codebook than {codebook.name!r} as it is now",
            expected=f"fingerprint {codebook.fingerprint[:12]}…, not {str(trained_for)[:12]}…",
            hint="undo the change of the codebook; or start anew with it, in another --output_dir",
        )
    return str(state)


def _is_whole(state: Path) -> bool:
    """Whether the saving of a state came to its end; a run may have been killed in the midst of it."""
    try:
        json.loads((state / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all((state / name).is_file() for name in (checkpoint.CONFIG, checkpoint.WEIGHTS, _OPTIMIZER, _SCHEDULER))


def _states(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if path.is_dir())


def _whole_states(folder: Path) -> list[Path]:
    """The states that a run can go on from, in the order in which they were saved."""
    whole = [state for state in _states(folder) if _is_whole(state)]
    return sorted(whole, key=lambda state: ((state / _STATE).stat().st_mtime, len(state.name), state.name))


def _refuse_unfinished(folder: Path) -> None:
    """Refuse to start anew where the work of a run that was interrupted would be lost."""
    states = _whole_states(folder)
    finished = folder / checkpoint.SUMS
    if states and not (finished.is_file() and finished.stat().st_mtime >= (states[-1] / _STATE).stat().st_mtime):
        raise SettingError(
            f"{folder} holds the state of a run that has not ended: {states[-1].name}",
            expected="--resume_from_checkpoint true, which goes on from it, or another --output_dir",
            hint=f"to start anew in this folder, remove its {PREFIX_CHECKPOINT_DIR}-… folders",
        )


def _remove_states(folder: Path) -> None:
    """Remove what a finished run went on from, so that nobody takes it for a state of the run that starts now."""
    for state in list(_states(folder)):
        shutil.rmtree(state)


class _Order(Sampler[int]):
    """In which order items are read in an epoch: drawn from the seed and the epoch alone.

    So every process has the same order, and a run that resumes in the midst of an epoch has it too; transformers'
    sampler by length draws from the global generator, whose state at the epoch's beginning is gone by then.

    Args:
        dataset: which epoch it is, and how long its items are.
        batch_size: sentences that the model reads at once, over all processes; items of like length are put together.
            ``None`` for an order without regard to length.
        seed: of the order.
    """

    def __init__(self, dataset: ExampleDataset, batch_size: int | None, seed: int) -> None:
        self._dataset = dataset
        self._batch_size = batch_size
        self._seed = seed

    def __len__(self) -> int:
        return len(self._dataset)

    def __iter__(self) -> Iterator[int]:
        seed = int(np.random.SeedSequence((self._seed, self._dataset.epoch)).generate_state(1)[0])
        generator = torch.Generator().manual_seed(seed)
        if self._batch_size is None:
            return iter(torch.randperm(len(self), generator=generator).tolist())
        return iter(get_length_grouped_indices(self._dataset.lengths, self._batch_size, generator=generator))


class _Epochs(TrainerCallback):
    """Tells a dataset which epoch begins; in a resumed run the first is not 0."""

    def __init__(self, dataset: ExampleDataset) -> None:
        self._dataset = dataset

    def on_epoch_begin(self, args: Any, state: TrainerState, *_: Any, **__: Any) -> None:
        self._dataset.epoch = int(state.epoch or 0)


class FramingTrainer(Trainer):
    """transformers' Trainer with the framing loss, a learning rate for the heads, and evaluation on whole sentences.

    Args:
        config: the run.
        base: model and tokenizer.
        encoder: of the base's tokenizer.
        split: examples to train on and to validate on.
        auxiliary: training examples of which little is marked, or nothing.
        codebook: declares the heads.

    Attributes:
        sentences_read: that went through the model in this process to train it, each as often as it did.
    """

    # Set by transformers' own __init__, whose types mypy does not read.
    optimizer: torch.optim.Optimizer | None
    control: TrainerControl

    def __init__(
        self,
        config: RunConfig,
        base: Base,
        encoder: SentenceEncoder,
        split: Split,
        auxiliary: Sequence[Example],
        codebook: Codebook,
    ) -> None:
        self.run_config = config
        self.sentences_read = 0
        self.codebook = codebook
        self.validation = split.validation
        self._encoded_validation = encoder.encode(
            [e.text for e in split.validation], [e.state for e in split.validation]
        )
        self.loss_weights = LossWeights(
            evidence=config.loss.evidence_weight,
            sentence=config.loss.sentence_weight,
            of={VOICE: config.loss.voice_weight, KIND: config.loss.kind_weight},
            task=config.loss.task_weight,
            marks=config.loss.marks_weight,
            states=config.loss.states_weight,
        )
        examples = [*split.train, *auxiliary]
        dataset = ExampleDataset(
            examples,
            encoder,
            codebook.heads,
            strip_punctuation=config.data.strip_punctuation,
            lessons=load_lessons(config, base, examples),
            mask_evidence=config.data.mask_evidence,
            seed=config.training.seed,
        )
        config.training.remove_unused_columns = False
        config.training.label_names = ["targets"]
        validates = config.training.eval_strategy != "no"
        patience = config.training.early_stopping_patience if validates else 0
        super().__init__(
            model=base.model,
            args=config.training,
            train_dataset=dataset,
            eval_dataset=dataset,  # never read: `evaluate` goes over whole sentences, not windows
            data_collator=collate,
            callbacks=[_Epochs(dataset), *([EarlyStoppingCallback(patience)] if patience > 0 else [])],
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW as configured, with ``head_learning_rate`` for everything outside the encoder."""
        if self.optimizer is None:
            trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
            decayed = set(self.get_decay_parameter_names(self.model))
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            groups = [
                {
                    "params": [
                        p for n, p in trained if n.startswith("encoder.") == in_encoder and (n in decayed) == is_decayed
                    ],
                    "lr": self.args.learning_rate if in_encoder else self.args.head_learning_rate,
                    "weight_decay": self.args.weight_decay if is_decayed else 0.0,
                }
                for in_encoder in (True, False)
                for is_decayed in (True, False)
            ]
            self.optimizer = kind([group for group in groups if group["params"]], **settings)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        """Batches of like length, or at random. Any other strategy is transformers'."""
        strategy = self.args.train_sampling_strategy
        if strategy not in ("group_by_length", "random"):
            return super()._get_train_sampler(train_dataset)
        at_once = self.args.train_batch_size * self.args.world_size
        return _Order(self.train_dataset, at_once if strategy == "group_by_length" else None, self.args.seed)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The framing loss of one batch; with a teacher, mostly the distance to what it says."""
        targets = inputs["targets"]
        self.sentences_read += len(inputs["input_ids"])
        lesson = targets.lesson
        wants_states = lesson is not None and self.loss_weights.states > 0
        output = model(
            **{name: value for name, value in inputs.items() if name != "targets"}, output_states=wants_states
        )
        loss = framing_loss(output, targets, self.codebook.heads, self.loss_weights).total
        if lesson is not None:
            taught = lesson_loss(output, lesson, targets.token_mask, self.codebook.heads, self.loss_weights)
            loss = self.loss_weights.marks * loss + taught.total
        if not torch.isfinite(loss):
            raise DivergenceError(
                f"the loss is {loss.item()} in step {self.state.global_step + 1} of {self.state.max_steps}",
                expected="a finite number; training has gone astray",
                hint=self._calmer(),
            )
        return (loss, output) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Metrics of the validation part, calibrated on it as the end will be; ``eval_score`` is what 'best' goes by.

        Early on no probability may reach one half, and at such a threshold all epochs would look alike.

        Raises:
            DivergenceError: the weights can no longer be stored.
        """
        check_storable(self.model, f"after step {self.state.global_step}", self._calmer())
        read = self.read_validation()
        calibration = calibrate(read, self.validation, self.codebook)
        texts = [example.text for example in self.validation]
        decoded = Decoder(self.codebook, calibration).decode(read.logits, read.encoded, texts)
        metrics = {
            f"{metric_key_prefix}_{name}": value
            for name, value in validate(decoded, self.validation, self.codebook).items()
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _calmer(self) -> str:
        """What to try when training goes astray."""
        encoder, heads = self.args.learning_rate, self.args.head_learning_rate
        rates = f"--learning_rate ({encoder:g}) or --head_learning_rate ({heads:g})"
        instead = "; --bf16 instead of --fp16" if self.args.fp16 else ""
        return f"lower {rates}, or raise --warmup_steps ({self.args.warmup_steps:g}){instead}"

    def read_validation(self) -> ReadSentences:
        """The model's logits of the validation sentences."""
        engine = TorchEngine(self.model, device=str(self.args.device), precision="fp32")
        return ReadSentences(self._encoded_validation, compute_logits(engine, self._encoded_validation))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the state to resume from: full precision, or a resumed run would not equal an uninterrupted one."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder, state_dict=state_dict, half_precision=False)
