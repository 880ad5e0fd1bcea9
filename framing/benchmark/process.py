"""A worker as its parent sees it: started, asked, and heard out when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from framing.benchmark.protocol import Request, SystemSpec
from framing.benchmark.sentences import Corpus
from framing.errors import FramingError, MissingExtraError

#: The module that serves the systems that come with the package.
OWN_WORKER = "framing.benchmark.worker"
#: Every pool of threads that a system might have listens to one of these.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_SHOWN_LINES = 5


class SystemProcess:
    """One system, being measured in a process of its own. Close it, or use it in a ``with`` block.

    Args:
        spec: the system.
        checkpoint: folder of the model.
        corpus: what it will be asked to label.
        worker: module that serves the system's kind, see :func:`framing.benchmark.worker.serve`.
        folder: where the process runs; here when ``None``.

    Attributes:
        spec, corpus: as given.
        same_weights, description: what the system says of itself once it is :meth:`ready`.
    """

    def __init__(
        self,
        spec: SystemSpec,
        checkpoint: Path,
        corpus: Corpus,
        *,
        worker: str = OWN_WORKER,
        folder: Path | None = None,
    ) -> None:
        self.spec = spec
        self.corpus = corpus
        self.same_weights = False
        self.description: dict[str, Any] = {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(spec),
            cwd=folder,
            text=True,
            encoding="utf-8",
        )
        self._send(Request.OPEN, spec=spec.to_dict(), checkpoint=str(checkpoint.resolve()), sentences=corpus.sentences)

    def ready(self) -> Self:
        """Wait until the system is loaded.

        Raises:
            MissingExtraError: a package that it needs is not installed.
            FramingError: it cannot be loaded; the message names it and says why.
        """
        answer = self._receive()
        self.same_weights, self.description = answer["same_weights"], answer["description"]
        return self

    def ask(self, request: Request, **arguments: Any) -> Any:
        """Have something done and wait for it.

        Raises:
            FramingError: it failed; the message names the system and says why.
        """
        self._send(request, **arguments)
        return self._receive()

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            with suppress(OSError):
                self._send(Request.CLOSE)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self.close()

    def _send(self, request: Request, **arguments: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"request": request, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("it ended") from None

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failure("it ended")
        reply = json.loads(line)
        if "answer" in reply:
            return reply["answer"]
        if reply["missing"]:
            raise MissingExtraError(f"system {self.spec.name!r}: {reply['error']}")
        raise self._failure(reply["error"])

    def _failure(self, reason: str) -> FramingError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)  # so that there is an exit code if it is about to end
        code = self._process.poll()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        ended = "" if code is None else f" (exit code {code})"
        printed = " | ".join(lines[-_SHOWN_LINES:])
        return FramingError(
            f"system {self.spec.name!r} failed{ended}: {reason}",
            expected="a system that runs on this machine",
            hint=f"it printed last: {printed}" if printed else None,
        )


def _environment(spec: SystemSpec) -> dict[str, str]:
    """This process's, with all thread pools held to what the system is declared to use."""
    threads = 1 if spec.kind == "gemm" else spec.threads  # the limit runs threads of single-threaded products
    pools = {} if threads is None else dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return {**os.environ, "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1", **pools}
