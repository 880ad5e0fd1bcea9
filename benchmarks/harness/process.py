"""Starts workers, asks them, and says why one failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import ROOT
from benchmarks.harness.corpus import Corpus
from benchmarks.harness.protocol import Request, SystemSpec
from framing.errors import FramingError, MissingExtraError

#: The module that serves all kinds of systems.
WORKER = "benchmarks.harness.worker"
#: Every pool of threads that a system might have listens to one of these.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_SHOWN_LINES = 5


class WorkerProcess:
    """A process that answers each line of JSON with another. Close it, or use it in a ``with`` block.

    Args:
        name: for messages.
        arguments: of Python, ``-m`` and the module among them; modules of the checkout are found.
        threads: to which all thread pools are held; each library's own choice when ``None``.
    """

    def __init__(self, name: str, *arguments: str, threads: int | None = None) -> None:
        self.name = name
        pools = {} if threads is None else dict.fromkeys(_THREAD_VARIABLES, str(threads))
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        settings = {"TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(paths)}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **settings, **pools},
            text=True,
            encoding="utf-8",
        )

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message without waiting for the answer.

        Raises:
            FramingError: the process ended; the message says what it printed last.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("it ended") from None

    def receive(self) -> Any:
        """Wait for an answer.

        Raises:
            MissingExtraError: a package that it needs is not installed.
            FramingError: it failed; the message names it and says why.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failure("it ended")
        reply = json.loads(line)
        if "answer" in reply:
            return reply["answer"]
        if reply["missing"]:
            raise MissingExtraError(f"system {self.name!r}: {reply['error']}")
        raise self._failure(reply["error"])

    def close(self) -> None:
        """End the process: its input ends, and it is killed if that does not end it within seconds."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self.close()

    def _failure(self, reason: str) -> FramingError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)  # so that there is an exit code if it is about to end
        code = self._process.poll()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        ended = "" if code is None else f" (exit code {code})"
        printed = " | ".join(lines[-_SHOWN_LINES:])
        return FramingError(
            f"system {self.name!r} failed{ended}: {reason}",
            expected="a system that runs on this machine",
            hint=f"it printed last: {printed}" if printed else None,
        )


class SystemProcess(WorkerProcess):
    """One system, being measured in a process of its own.

    Args:
        spec: the system.
        checkpoint: folder of the model.
        corpus: what it will be asked to label.
        worker: module that serves the system's kind, see :func:`benchmarks.harness.worker.serve`.

    Attributes:
        spec, corpus: as given.
        same_weights, description: what the system says of itself once it is :meth:`ready`.
    """

    def __init__(self, spec: SystemSpec, checkpoint: Path, corpus: Corpus, *, worker: str = WORKER) -> None:
        # The limit runs threads of single-threaded products.
        super().__init__(spec.name, "-m", worker, threads=1 if spec.kind == "gemm" else spec.threads)
        self.spec = spec
        self.corpus = corpus
        self.same_weights = False
        self.description: dict[str, Any] = {}
        opening = {"spec": spec.to_dict(), "checkpoint": str(checkpoint.resolve()), "sentences": corpus.sentences}
        self.send({"request": Request.OPEN, **opening})

    def ready(self) -> Self:
        """Wait until the system is loaded.

        Raises:
            MissingExtraError: a package that it needs is not installed.
            FramingError: it cannot be loaded; the message names it and says why.
        """
        answer = self.receive()
        self.same_weights, self.description = answer["same_weights"], answer["description"]
        return self

    def ask(self, request: Request, **arguments: Any) -> Any:
        """Have something done and wait for it.

        Raises:
            FramingError: it failed; the message names the system and says why.
        """
        self.send({"request": request, **arguments})
        return self.receive()
