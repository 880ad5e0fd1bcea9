"""Processes of a job that end when the process that started them does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """From now on, end this process quietly as soon as its parent has ended, however that came.

    A parent that is killed can tell nobody, and a process that labels would notice at its next word to it only. What
    this process leaves half-written is cleared away by whoever does its unit next.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="framing-parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)  # nothing is cleaned up, nothing is printed; on Windows too
