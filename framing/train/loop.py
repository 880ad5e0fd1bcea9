"""The training run: transformers' Trainer around the framing loss, from data to a finished checkpoint folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, Trainer, TrainerControl, set_seed
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging

from framing.codebook import Codebook
from framing.engine.batching import score as score_tokens
from framing.engine.torch import TorchEngine
from framing.errors import InputError, SettingError
from framing.evaluate.calibration import fit_calibration
from framing.evaluate.metrics import load_metric
from framing.model.calibration import Calibration
from framing.model.decoding import DecodedSentence, Decoder, TokenLogits
from framing.model.encoding import EncodedSentence, SentenceEncoder
from framing.train.base import Base, load_base
from framing.train.config import RunConfig
from framing.train.examples import (
    Example,
    ExampleDataset,
    Split,
    collate,
    hold_out,
    read_attribution,
    read_examples,
    read_unlabeled,
)
from framing.train.loss import LossWeights, framing_loss, lesson_loss
from framing.train.output import RunRecord, write_checkpoint
from framing.train.teacher import Teacher
from framing.types import Kind, Voice

#: Spans reach over neighbours with this share of their threshold; chosen on validation sentences (training/README.md).
EXTENSION = 0.4
_VOICES = tuple(Voice)
_KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a run leaves.

    Attributes:
        folder: the finished checkpoint.
        metrics: of the validation part, name -> value.
        seconds: of training, reading and saving left out.
        sentences_per_second: training sentences that went through the model in a second; None where none did.
    """

    folder: Path
    metrics: dict[str, float]
    seconds: float
    sentences_per_second: float | None


def run(config: RunConfig) -> TrainedRun:
    """Train as configured and write the checkpoint folder.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used; nothing is written then.
    """
    set_seed(config.training.seed)
    logging.disable_progress_bar()  # of loading and saving weights; the bar of the training itself is another
    codebook = Codebook.load(config.data.codebook)
    split = load_split(config, codebook)
    base = load_base(config.model, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    attribution = load_attribution(config)
    unlabeled = load_unlabeled(config, split)
    trainer = FramingTrainer(config, base, encoder, split, [*attribution, *unlabeled], codebook)
    started = time.perf_counter()
    state = trainer.train(resume_from_checkpoint=_resume_from(config))
    seconds = time.perf_counter() - started
    validation = trainer.read_validation()
    calibration = calibrate(validation, split.validation, codebook)
    folder = Path(config.training.output_dir)
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
    read = state.global_step * config.training.per_device_train_batch_size
    return TrainedRun(folder, metrics, seconds, read / seconds)


def load_split(config: RunConfig, codebook: Codebook) -> Split:
    """Training and validation examples of a configuration.

    Raises:
        FramingError: a file or a row cannot be used, or a part would be empty.
    """
    columns = {
        "text_column": config.data.text_column,
        "labels_column": config.data.labels_column,
        "group_column": config.data.group_column,
    }
    examples = read_examples(config.data.train, codebook, **columns)
    if config.data.validation:
        split = Split(tuple(examples), tuple(read_examples(config.data.validation, codebook, **columns)))
    else:
        split = hold_out(examples, config.data.validation_share, config.training.seed)
    if not split.validation or not split.train:
        raise InputError(
            f"{len(examples)} sentences in {len({e.group for e in examples})} groups leave an empty training or "
            "validation part",
            expected="several groups; a group (a document, an event) is never split",
            hint="give more data, name a group column of finer grain, or pass --validation FILE",
        )
    return split


def load_teacher(config: RunConfig, student: Base) -> Teacher | None:
    """The teacher that a configuration names.

    Raises:
        FramingError: it cannot be loaded, or it and the student do not go together.
    """
    if config.model.teacher is None:
        return None
    states = config.loss.states_weight > 0
    return Teacher(config.model.teacher, student, states=states, device=config.training.device)


def load_attribution(config: RunConfig) -> list[Example]:
    """The auxiliary examples for sources and voice, with the weight that the configuration gives their voices."""
    if not config.data.attribution:
        return []
    examples = read_attribution(config.data.attribution, config.data.attribution_sentences, config.training.seed)
    return [replace(example, voice_weight=config.loss.attribution_voice_weight) for example in examples]


def load_unlabeled(config: RunConfig, split: Split) -> list[Example]:
    """The examples that the teacher alone labels, without any sentence that the model is validated on."""
    if not config.data.unlabeled:
        return []
    held_out = {example.text for example in split.validation}
    drawn = read_unlabeled(config.data.unlabeled, config.data.unlabeled_sentences, config.training.seed)
    return [example for example in drawn if example.text not in held_out]


def _resume_from(config: RunConfig) -> str | None:
    wanted = config.training.resume_from_checkpoint
    if wanted in (None, "False", "false"):
        return None
    if wanted in (True, "True", "true"):
        found = get_last_checkpoint(config.training.output_dir) if Path(config.training.output_dir).is_dir() else None
        if found is None:
            raise SettingError(
                f"there is nothing to resume from in {config.training.output_dir}",
                expected="a checkpoint-… folder of an interrupted run",
                hint="leave out --resume_from_checkpoint to start anew",
            )
        return found
    if not Path(wanted).is_dir():
        raise SettingError(f"resume_from_checkpoint is {wanted!r}, which is no folder", expected="true, or a folder")
    return str(wanted)


@dataclass(frozen=True, slots=True)
class ReadSentences:
    """Sentences as the model read them."""

    encoded: Sequence[EncodedSentence]
    logits: TokenLogits


class FramingTrainer(Trainer):
    """transformers' Trainer with the framing loss, a learning rate for the heads, and evaluation on whole sentences.

    Args:
        config: the run.
        base: model and tokenizer.
        encoder: of the base's tokenizer.
        split: examples to train on and to validate on.
        auxiliary: training examples of which little is marked, or nothing.
        codebook: names the outputs.
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
        self.codebook = codebook
        self.validation = split.validation
        self._encoded_validation = encoder.encode(
            [e.text for e in split.validation], [e.state for e in split.validation]
        )
        self.loss_weights = LossWeights(
            evidence=config.loss.evidence_weight,
            sentence=config.loss.sentence_weight,
            voice=config.loss.voice_weight,
            kind=config.loss.kind_weight,
            marks=config.loss.marks_weight,
            states=config.loss.states_weight,
        )
        teacher = load_teacher(config, base)
        dataset = ExampleDataset(
            [*split.train, *auxiliary],
            encoder,
            codebook.outputs,
            strip_punctuation=config.data.strip_punctuation,
            teach=list if teacher is None else teacher.teach,
        )
        config.training.remove_unused_columns = False
        config.training.label_names = ["targets"]
        patience = config.training.early_stopping_patience
        super().__init__(
            model=base.model,
            args=config.training,
            train_dataset=dataset,
            eval_dataset=dataset,  # never read: `evaluate` goes over whole sentences, not windows
            data_collator=collate,
            callbacks=[EarlyStoppingCallback(patience)] if patience > 0 else [],
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
        """Batches of like length. The lengths are known here; transformers would read every item for them."""
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        return LengthGroupedSampler(self.args.train_batch_size, lengths=self.train_dataset.lengths)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The framing loss of one batch; with a teacher, mostly the distance to what it says."""
        targets = inputs["targets"]
        lesson = targets.lesson
        wants_states = lesson is not None and self.loss_weights.states > 0
        output = model(
            **{name: value for name, value in inputs.items() if name != "targets"}, output_states=wants_states
        )
        loss = framing_loss(output, targets, self.loss_weights).total
        if lesson is not None:
            taught = lesson_loss(output, lesson, targets.token_mask, self.loss_weights).total
            loss = self.loss_weights.marks * loss + taught
        return (loss, output) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Metrics of the validation part at a threshold of 0.5 for all; ``eval_score`` is what 'best' goes by."""
        read = self.read_validation()
        calibration = replace(Calibration.identity(self.codebook.outputs), extension=EXTENSION)
        texts = [example.text for example in self.validation]
        decoded = Decoder(self.codebook, calibration).decode(read.logits, read.encoded, texts)
        metrics = {
            f"{metric_key_prefix}_{name}": value
            for name, value in validate(decoded, self.validation, self.codebook).items()
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def read_validation(self) -> ReadSentences:
        """The model's logits of the validation sentences."""
        engine = TorchEngine(self.model, device=str(self.args.device), precision="fp32")
        return ReadSentences(self._encoded_validation, score_tokens(engine, self._encoded_validation))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the state to resume from: full precision, or a resumed run would not equal an uninterrupted one."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder, state_dict=state_dict, half_precision=False)


def validate(decoded: Sequence[DecodedSentence], examples: Sequence[Example], codebook: Codebook) -> dict[str, float]:
    """Quality of decoded sentences by our ``evaluate`` metrics; ``score`` is the mean of those that apply.

    Sentence-labelled examples have frames only; marked ones also spans, voices and hedges.
    """
    known = [i for i, e in enumerate(examples) if e.labels_known.issuperset(codebook.label_names)]
    frames = load_metric("frames_f1").compute(
        predictions=[[int(label in decoded[i].frames) for label in codebook.label_names] for i in known],
        references=[[int(label in examples[i].labels) for label in codebook.label_names] for i in known],
    )
    metrics = {"frames_macro_f1": frames["macro_f1"], "frames_micro_f1": frames["micro_f1"]}
    marked = [i for i, e in enumerate(examples) if e.marked is not None]
    if marked:
        metrics |= _validate_marked([decoded[i] for i in marked], [examples[i] for i in marked], codebook)
    metrics["score"] = float(np.mean([value for value in metrics.values() if not np.isnan(value)]))
    return metrics


def _validate_marked(
    decoded: Sequence[DecodedSentence], examples: Sequence[Example], codebook: Codebook
) -> dict[str, float]:
    labels = set(codebook.label_names)
    found = [
        [{"label": m.label, "start": m.start, "end": m.end, "voice": str(m.voice)} for m in sentence.mentions]
        for sentence in decoded
    ]
    wanted = [
        [
            {"label": tag.name, "start": span.start, "end": span.end, "voice": str(tag.voice)}
            for span in example.marked.spans
            for tag in span.tags
            if tag.name in labels and tag.voice is not None
        ]
        for example in examples
        if example.marked is not None
    ]

    def without_voice(sentences: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        return [[{k: v for k, v in span.items() if k != "voice"} for span in spans] for spans in sentences]

    spans = load_metric("spans_f1").compute(predictions=without_voice(found), references=without_voice(wanted))
    voiced = load_metric("mention_voice_f1").compute(predictions=found, references=wanted)
    hedging = {f"hedge.{kind}" for kind in codebook.hedge_kinds} - {"hedge.approximation"}
    hedged = load_metric("hedged_f1").compute(
        predictions=[int(any(h.kind != "approximation" for h in sentence.hedges)) for sentence in decoded],
        references=[int(bool(hedging & example.labels)) for example in examples],
    )
    return {"span_f1": spans["f1"], "mention_voice_f1": voiced["f1"], "hedged_f1": hedged["f1"]}


def calibrate(read: ReadSentences, examples: Sequence[Example], codebook: Codebook) -> Calibration:
    """Temperatures and thresholds from the validation part.

    An output that no validation example speaks of (sentence labels say nothing of hedges) keeps temperature 1 and
    threshold 0.5.
    """
    outputs = codebook.outputs
    starts = read.logits.starts
    filled = np.flatnonzero(np.diff(starts))
    peaks = np.full((len(examples), len(outputs)), -np.inf)
    peaks[filled] = np.maximum.reduceat(read.logits.labels, starts[filled], axis=0)
    truth = np.array([[name in e.labels for name in outputs] for e in examples])
    known = np.array([[name in e.labels_known for name in outputs] for e in examples])
    usable = np.flatnonzero(np.diff(starts) > 0)
    covered = np.flatnonzero(known[usable].all(axis=0))
    voice_logits, voice_targets = _voice_pairs(read, examples)
    kinds = np.array([-1 if e.kind is None else _KINDS.index(e.kind) for e in examples])
    with_kind = usable[kinds[usable] >= 0]
    fitted = fit_calibration(
        tuple(outputs[k] for k in covered),
        label_logits=peaks[np.ix_(usable, covered)],
        label_targets=truth[np.ix_(usable, covered)],
        voice_logits=voice_logits,
        voice_targets=voice_targets,
        kind_logits=read.logits.kind[with_kind],
        kind_targets=kinds[with_kind],
        extension=EXTENSION,
    )
    temperatures, thresholds = np.ones(len(outputs)), np.full(len(outputs), 0.5)
    temperatures[covered], thresholds[covered] = fitted.temperatures, fitted.thresholds
    return replace(fitted, outputs=outputs, temperatures=temperatures, thresholds=thresholds)


def _voice_pairs(read: ReadSentences, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Mean voice logits of each marked mention, float [mentions, voices], and its voice, int64 [mentions]."""
    logits, targets = [], []
    for example, encoded, start in zip(examples, read.encoded, read.logits.starts.tolist(), strict=False):
        for mention in example.voices:
            touched = (encoded.offsets[:, 0] < mention.end) & (encoded.offsets[:, 1] > mention.start)
            if touched.any():
                logits.append(read.logits.voice[start : start + len(encoded)][touched].mean(axis=0))
                targets.append(_VOICES.index(mention.voice))
    return np.array(logits).reshape(-1, len(_VOICES)), np.array(targets, dtype=np.int64)
