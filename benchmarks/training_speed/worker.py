"""One variant in a process of its own: ``python -m benchmarks.training_speed.worker``.

It trains with the trainer of ``framing-train``. The first line of standard input is the request, a JSON object; the
process answers once everything is loaded. Then it waits for a line before each pass over the sentences, and answers
after it with the time that it took (:class:`Pass`), so that several variants can take turns. A request with
:data:`FLOOR` runs the model's matrix products instead.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import torch
from transformers import TrainerCallback

from benchmarks.harness.worker import claim_standard_output
from framing.codebook import Codebook
from framing.model.encoding import SentenceEncoder
from framing.speed import ModelShape
from framing.train.base import load_base
from framing.train.config import RunConfig, parse
from framing.train.examples import Example, Split, collate, read_examples
from framing.train.loop import FramingTrainer

#: Key of a request for matrix products, and of them among the measurements.
FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the sentences.

    Attributes:
        seconds, cpu_seconds: that it took.
        sentences: that went through the model.
        tokens, slots: of them, without and with padding; 0 where not counted.
    """

    seconds: float
    cpu_seconds: float
    sentences: int
    tokens: int = 0
    slots: int = 0

    @property
    def speed(self) -> float:
        """Sentences a second."""
        return self.sentences / self.seconds


class Stopwatch(TrainerCallback):
    """Makes the trainer wait before each epoch, and reports the time of the epoch after it.

    Args:
        wait: returns when the next epoch may begin.
        report: is told of each.
        sentences: in an epoch.
    """

    def __init__(self, wait: Callable[[], object], report: Callable[[Pass], None], sentences: int) -> None:
        self.wait, self.report, self.sentences = wait, report, sentences
        self.tokens = self.slots = 0

    def count(self, mask: torch.Tensor) -> None:
        """Count the tokens of a batch by its attention mask, int64 [batch, length]."""
        self.tokens += int(mask.sum())
        self.slots += mask.numel()

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """Wait, then start the clocks."""
        self.wait()
        self.tokens = self.slots = 0
        self._started, self._cpu = time.perf_counter(), time.process_time()

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Stop the clocks."""
        seconds, cpu = time.perf_counter() - self._started, time.process_time() - self._cpu
        self.report(Pass(seconds, cpu, self.sentences, self.tokens, self.slots))


def train(
    config: RunConfig, sentences: int, warm_up: int, wait: Callable[[], object], report: Callable[[Pass], None]
) -> None:
    """Train for ``config.training.num_train_epochs`` passes over so many sentences, evenly spread over the data."""
    codebook = Codebook.load(config.data.codebook)
    examples = spread(read_examples(config.data.train, codebook), sentences)
    base = load_base(config.model, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    stopwatch = Stopwatch(wait, report, len(examples))

    class CountingTrainer(FramingTrainer):
        def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
            stopwatch.count(inputs["attention_mask"])
            return super().compute_loss(model, inputs, *args, **kwargs)

    trainer = CountingTrainer(config, base, encoder, Split(tuple(examples), tuple(examples[:1])), [], codebook)
    trainer.add_callback(stopwatch)
    warm(trainer, warm_up)
    trainer.train()


def warm(trainer: FramingTrainer, steps: int) -> None:
    """Compute the gradients of the longest batch, so that memory and threads are there when the clock starts."""
    dataset = trainer.train_dataset
    longest = sorted(range(len(dataset)), key=lambda i: -dataset.lengths[i])[: trainer.args.train_batch_size]
    for _ in range(steps):
        trainer.compute_loss(trainer.model, collate([dataset[i] for i in longest])).backward()
        trainer.model.zero_grad()


def spread(examples: list[Example], count: int) -> list[Example]:
    """So many of the examples, evenly spread; all where there are fewer."""
    return [examples[i * len(examples) // count] for i in range(count)] if count < len(examples) else examples


def products(shape: ModelShape, tokens: int) -> Callable[[], None]:
    """The matrix products of one training step's linear layers, without padding: forward, and the two of backward."""
    sizes = [*shape.products, (shape.hidden, shape.outputs)]
    weights = [torch.randn(of, to) for of, to in sizes]
    inputs = {of: torch.randn(tokens, of) for of in {of for of, _ in sizes}}
    gradients = {to: torch.randn(tokens, to) for to in {to for _, to in sizes}}

    def step() -> None:
        for weight in weights:
            of, to = weight.shape
            torch.mm(inputs[of], weight)
            torch.mm(gradients[to], weight.T)
            torch.mm(inputs[of].T, gradients[to])

    return step


def run_floor(request: dict[str, Any], wait: Callable[[], object], report: Callable[[Pass], None]) -> None:
    """Time the products of as many steps as a pass has."""
    step = products(ModelShape(**request["shape"]), request["tokens"])
    step()
    for _ in range(request["rounds"]):
        wait()
        started, cpu = time.perf_counter(), time.process_time()
        for _ in range(request["steps"]):
            step()
        report(Pass(time.perf_counter() - started, time.process_time() - cpu, request["sentences"]))


def main() -> None:
    """Do what is asked."""
    answers = claim_standard_output()
    request = json.loads(sys.stdin.readline())
    torch.set_num_threads(request["threads"])
    asked = _asked(sys.stdin, answers)

    def report(found: Pass) -> None:
        print(json.dumps({"answer": asdict(found)}), file=answers, flush=True)

    with tempfile.TemporaryDirectory(prefix="framing-speed-") as folder:
        if FLOOR in request:
            run_floor(request[FLOOR], asked.__next__, report)
        else:
            config = parse([*request["arguments"], "--output_dir", folder])
            train(config, request["sentences"], request["warm_up_steps"], asked.__next__, report)


def _asked(lines: TextIO, answers: TextIO) -> Iterator[None]:
    """Yields once for each line that the parent writes; ends the process when the parent is gone."""
    print(json.dumps({"answer": "ready"}), file=answers, flush=True)
    for _ in lines:
        yield
    raise SystemExit(1)


if __name__ == "__main__":
    main()
