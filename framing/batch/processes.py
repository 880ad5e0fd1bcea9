"""Processes of a job: how they are started, and that they end when the process that started them does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any


@dataclass(frozen=True, slots=True)
class Child:
    """A process and the connection to it."""

    process: SpawnProcess
    connection: Connection

    @classmethod
    def start(cls, target: Callable[..., None], *arguments: Any) -> Child:
        """Start a process that runs ``target(connection, *arguments)``.

        It is not forked, as a forked process can use neither the GPU that its parent has used nor its threads; and it
        is no daemon, which may start no process of its own.
        """
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=target, args=(there, *arguments))
        process.start()
        there.close()
        return cls(process, here)

    def exit_code(self) -> int:
        """Wait for the end of the process, and close the connection."""
        self.connection.close()
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode


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
