"""How every command ends when something is wrong: a message without a traceback, and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.text import Text

from framing.cli._terminal import Console
from framing.errors import FramingError, FramingWarning, OutputError
from framing.files import reporting_write_errors

#: A mistake in what the user gave: a file, an option, a codebook.
EXIT_USER_ERROR = 2
#: As a shell reports a command that Ctrl-C ended (128 + SIGINT).
EXIT_INTERRUPTED = 130
#: As a shell reports a command whose reader went away (128 + SIGPIPE), as in ``framing label FILE | head``.
EXIT_BROKEN_PIPE = 141


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turn what ends a command early into a message on standard error and an exit code.

    A `FramingError` is printed, with "Error:" in red on a terminal and plainly in a pipe, and leaves with 2; Ctrl-C
    leaves with 130; a closed pipe leaves quietly with 141; a full disk is an error like any other. Everything else is
    a mistake of ours and passes through.
    Serves as a context manager and as a decorator of a command's function.

    Raises:
        typer.Exit: with the exit code, in the cases above.
    """
    try:
        with _plain_warnings():
            yield
        # What is still buffered would fail after this, where Python can only print a warning about it.
        with reporting_write_errors("standard output"):
            sys.stdout.flush()
    except FramingError as error:
        print_error(error)
        _flush_or_discard_stdout()
        raise typer.Exit(EXIT_USER_ERROR) from error
    except KeyboardInterrupt as error:
        Console(stderr=True).print("Interrupted.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from error
    except BrokenPipeError as error:
        _discard_stdout()
        raise typer.Exit(EXIT_BROKEN_PIPE) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_stdout()
        print_error(OutputError("there is no room left where the output goes", hint="free some space"))
        raise typer.Exit(EXIT_USER_ERROR) from error


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings of framing as messages, without the place in the code; those of others as Python does."""
    with warnings.catch_warnings():
        as_python_does = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            if issubclass(category, FramingWarning):
                text = Text.assemble(("Warning:", "bold yellow"), " ", str(message))
                Console(stderr=True, highlight=False).print(text, soft_wrap=True)
            else:
                as_python_does(message, category, *rest, **named)

        warnings.showwarning = show
        yield


def print_error(error: FramingError) -> None:
    """Print an error to standard error: what is wrong, what was expected, what to do next."""
    text = Text.assemble(("Error:", "bold red"), " ", error.message)
    if error.expected:
        text.append("\nExpected: ", style="bold").append(error.expected, style="not bold")
    if error.hint:
        text.append("\nNext: ", style="bold").append(error.hint, style="not bold")
    # Lines are not wrapped, so that whoever reads a log finds a message on one line.
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def _flush_or_discard_stdout() -> None:
    """Leave nothing in standard output's buffer, where it may be what the error is about."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_stdout()


def _discard_stdout() -> None:
    """Point standard output to nowhere: Python flushes it at exit, and the pipe would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
