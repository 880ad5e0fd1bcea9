"""Rows that kill: a unit over which processes have died is tried in a process of its own, to find the rows at fault.

An error of the model, a panic of the tokenizer too, is an exception, which :mod:`framing.batch.work` sets aside with
its row. A crash of native code (a segmentation fault, the kernel's killer) ends the process and tells nothing; without
this the job would end at the same row each time that it is started again.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self

from framing.batch.processes import end_with_parent
from framing.labeler import Labeler, load
from framing.types import Document

#: A sentence that every model can label.
KNOWN_GOOD = "The army left the town."
#: Documents that are tried together; one that kills is found by halving.
_GROUP = 256


def deadly(labeler: Labeler, documents: Sequence[Document], *, sentences: bool) -> dict[int, str]:
    """Find the documents over which a process dies each time, down to each alone.

    Args:
        labeler: the processes load what it has loaded, on the same device.
        documents: labelled once, as a unit of work is.
        sentences: each is one sentence.

    Returns:
        Place of each such document to how the process died, such as ``"SIGSEGV"``. Empty where nothing can be told,
        because a process dies over a harmless sentence, too: for want of memory for a second model, say.
    """
    loading = {
        "checkpoint": str(labeler.checkpoint.folder),
        "engine": labeler.engine.name,
        "device": labeler.engine.device,
        "precision": labeler.engine.precision,
    }
    if not documents:
        return {}
    harmless = [Document(KNOWN_GOOD)]
    found: dict[int, str] = {}
    todo = deque((start, min(start + _GROUP, len(documents))) for start in range(0, len(documents), _GROUP))
    with _Trial(loading, sentences) as trial:
        if trial.death(harmless):
            return {}
        while todo:
            start, stop = todo.popleft()
            death = trial.death(documents[start:stop])
            if death is None:
                continue
            if stop - start > 1:
                middle = (start + stop) // 2
                todo.extendleft([(middle, stop), (start, middle)])
            elif trial.death(harmless):
                return {}
            else:
                found[start] = death
    return found


class _Trial:
    """Labels documents in a process that may die, and is then replaced."""

    def __init__(self, loading: dict[str, Any], sentences: bool) -> None:
        self._loading = loading
        self._sentences = sentences
        self._process: Any = None
        self._connection: Connection | None = None

    def death(self, documents: Sequence[Document]) -> str | None:
        """How the process died over documents; ``None`` if it lives."""
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            self._connection.send(documents)
            self._connection.recv()
        except (EOFError, ConnectionError):
            return self._bury()
        return None

    def _start(self) -> None:
        # Not forked: a forked process cannot use the GPU that its parent has used, nor its threads.
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_process, args=(there, self._loading, self._sentences))
        self._process.start()
        there.close()

    def _bury(self) -> str:
        assert self._connection is not None
        self._connection.close()
        self._connection = None
        self._process.join()
        code: int = self._process.exitcode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._connection is not None:
            self._process.kill()
            self._bury()


def _process(connection: Connection, loading: dict[str, Any], sentences: bool) -> None:
    """What runs in the process: labels what it is sent and says when it has."""
    end_with_parent()
    # The end of whoever sends, and Ctrl-C, of which he has heard as well.
    with suppress(EOFError, KeyboardInterrupt), load(**loading) as labeler:
        while True:
            documents = connection.recv()
            try:
                if sentences:
                    labeler([document.text for document in documents])
                else:
                    deque(labeler.documents(documents), maxlen=0)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                pass  # no death: the worker meets it again, and sets the row aside with the error
            connection.send(None)
