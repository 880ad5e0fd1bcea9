"""How every command ends when something is wrong: a message without a traceback, and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.text import Text

from framing.cli._terminal import Console, prepare_streams
from framing.errors import FramingError, FramingWarning, OutputError
from framing.files import reporting_write_errors

#: A mistake in what the user gave: a file, an option, a codebook.
EXIT_USER_ERROR = 2
#: As a shell reports a command that Ctrl-C ended (128 + SIGINT).
EXIT_INTERRUPTED = 130
#: As a shell reports a command whose reader went away (128 + SIGPIPE), as in ``framing label FILE | head``.
EXIT_BROKEN_PIPE = 141
#: What the system says of standard output: the disk behind it is full, it is closed, its device is gone.
_OUTPUT_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO))


def run_process(command: Callable[[], int | None]) -> NoReturn:
    """Run a command as this process and leave with its exit code.

    Args:
        command: gives its exit code, or leaves by itself as typer does.
    """
    prepare_streams()
    try:
        with reporting_errors():
            code = command()
    except typer.Exit as leaving:
        code = leaving.exit_code
    except SystemExit as leaving:
        # Typer's help and version leave with 1 when their reader is gone.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        _discard_stdout()
        code = EXIT_BROKEN_PIPE
    sys.exit(code)


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turn what ends a command early into a message on standard error and an exit code.

    A `FramingError` is printed, with "Error:" in red on a terminal and plainly in a pipe, and leaves with 2; Ctrl-C
    leaves with 130; a pipe whose reader is gone leaves quietly with 141; a standard output that is closed, or behind
    which the disk is full, is an error like any other. Everything else is a mistake of ours and passes through.
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
        # One of a file names it. Files that framing writes are reported where they are written.
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        _discard_stdout()
        print_error(
            OutputError(f"standard output cannot be written: {error.strerror}", hint="send it to a place with room")
        )
        raise typer.Exit(EXIT_USER_ERROR) from error


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings of framing as messages, each once, without the place in the code; others as Python does."""
    said: set[str] = set()
    with warnings.catch_warnings():
        as_python_does = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            if issubclass(category, FramingWarning):
                if str(message) in said:
                    return
                said.add(str(message))
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
