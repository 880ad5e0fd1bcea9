"""How every command ends when something is wrong: a message without a traceback, and an exit code."""

from __future__ import annotations

import errno
import os
import signal
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
from framing.reading.encodings import visible

#: The user's mistake: a wrong file, option or codebook.
EXIT_USER_ERROR = 2
#: Ctrl-C ended the command; shells use the same code (128 + SIGINT).
EXIT_INTERRUPTED = 130
#: The reader of the pipe has gone, as in ``framing label FILE | head``; shells use the same code (128 + SIGPIPE).
EXIT_BROKEN_PIPE = 141
#: In the message of Python's tempfile.
_NO_TEMPORARY_FOLDER = "No usable temporary directory"
#: Warnings that are printed: a corpus may give cause for one with every row.
_MOST_WARNINGS = 20
#: Errors of writing to standard output: its disk is full, it is closed, its device is gone.
_OUTPUT_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO))

#: What the operating system says of a name that nobody else has reported: no permission, too long, links in a circle.
_PATH_ERRORS = frozenset(
    (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EROFS, errno.EIO, errno.EMFILE)
)


def run_process(command: Callable[[], int | None]) -> NoReturn:
    """Run a command as this process and leave with its exit code.

    Args:
        command: returns its exit code, or exits by itself, as typer does.
    """
    prepare_streams()
    _end_tidily()
    try:
        with reporting_errors():
            code = command()
    except typer.Exit as leaving:
        code = leaving.exit_code
    except SystemExit as leaving:
        # Typer's help and version exit with 1 when their reader has gone.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        _discard_stdout()
        code = EXIT_BROKEN_PIPE
    sys.exit(code)


def _end_tidily() -> None:
    """Let signals that end the process clear away what is half-written, as Ctrl-C does: SIGTERM, and SIGHUP."""

    def end(number: int, frame: object) -> NoReturn:
        Console(stderr=True).print(f"Ended by {signal.Signals(number).name}.", style="yellow")
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, end)


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turn what ends a command early into a message on standard error and an exit code.

    A `FramingError` is printed ("Error:" is red on a terminal), and the exit code is 2; the same holds for an error of
    writing to standard output, such as a full disk, and for a name that may not be used or is too long. Ctrl-C exits
    with 130; a pipe whose reader has gone exits silently with 141. Any other exception is a fault of framing and passes
    through. Use it as a context manager, or as a decorator of a command.

    Raises:
        typer.Exit: with the exit code, in the cases above.
    """
    try:
        with _plain_warnings():
            yield
        # Flush now: an error while Python exits could not be reported.
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
        # An error of a file has a filename.
        if error.filename is not None and error.errno in _PATH_ERRORS:
            print_error(FramingError(f"{visible(os.fsdecode(error.filename))} cannot be used: {error.strerror}"))
            _flush_or_discard_stdout()
            raise typer.Exit(EXIT_USER_ERROR) from error
        if error.filename is None and error.errno == errno.ENOENT and _NO_TEMPORARY_FOLDER in str(error):
            print_error(
                FramingError("there is no folder for temporary files", hint="let TMPDIR name one that has room")
            )
            raise typer.Exit(EXIT_USER_ERROR) from error
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        _discard_stdout()
        print_error(
            OutputError(f"standard output cannot be written: {error.strerror}", hint="send it to a place with room")
        )
        raise typer.Exit(EXIT_USER_ERROR) from error


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning of framing once, as a plain message, as far as they are not many; Python prints the others."""
    said: set[str] = set()
    with warnings.catch_warnings():
        as_python_does = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            if issubclass(category, FramingWarning):
                if str(message) in said or len(said) > _MOST_WARNINGS:
                    return
                said.add(str(message))
                shown = str(message) if len(said) <= _MOST_WARNINGS else "there are more warnings, which are not shown"
                text = Text.assemble(("Warning:", "bold yellow"), " ", shown)
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
    # Lines are not wrapped, so that a message stays on one line of a log.
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def _flush_or_discard_stdout() -> None:
    """Empty the buffer of standard output; the error may be about standard output itself."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_stdout()


def _discard_stdout() -> None:
    """Redirect standard output to the null device: Python flushes it at exit, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
