"""Rows that kill: a unit over which processes have died is tried in a process of its own, to find the rows at fault.

An error of the model is an exception, and so is a panic of the tokenizer: :mod:`framing.batch.work` catches it and sets
the row aside. A crash of native code (a segmentation fault) or the kernel's killer ends the process without a word, and
the job would end at the same row each time that it is started again.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self

from framing.batch.processes import Child, end_with_parent
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
        self._child: Child | None = None

    def death(self, documents: Sequence[Document]) -> str | None:
        """How the process died over documents; ``None`` if it lives."""
        child = self._child = self._child or Child.start(_process, self._loading, self._sentences)
        try:
            child.connection.send(documents)
            child.connection.recv()
        except (EOFError, ConnectionError):
            self._child = None
            code = child.exit_code()
            return signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.exit_code()


def _process(connection: Connection, loading: dict[str, Any], sentences: bool) -> None:
    """What runs in the process: labels what it is sent and says when it has."""
    end_with_parent()
    # It ends with whoever sends, and at Ctrl-C, of which the sender hears as well.
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
                pass  # the process lives: the worker meets the error again, and sets the row aside with it
            connection.send(None)
