"""The errors that users of framing can meet, in one tree.

    FramingError
    ├── CodebookError             a codebook file does not say what it must
    ├── MarkupError               an inline-marked sentence cannot be parsed
    ├── InputError                text or a file given to be labelled is unusable
    │   ├── UnreadableFileError   missing, binary, truncated, undecodable
    │   │   └── EmptyFileError    nothing in it
    │   ├── ColumnError           a table lacks the column it was asked for
    │   └── EstimatorInputError   what scikit-learn's estimators were given is unusable; a ValueError too
    ├── CheckpointError           a checkpoint folder is unusable
    │   ├── CheckpointNotFoundError
    │   ├── CheckpointCorruptedError
    │   └── CodebookMismatchError
    ├── SettingError              an option, keyword or configuration value is wrong
    ├── DivergenceError           a training's loss or weights are no numbers any more
    ├── OutputError               a result cannot be written
    ├── UnitRunnerError           a machine of a cluster could not do its part of a batch job
    ├── WorkerDiedError           processes of a batch job died over the same rows again and again
    ├── JobIncompleteError        a batch job ended before all of its units were done
    ├── ServiceError              the service refuses a request
    └── MissingExtraError         an optional dependency is not installed

Every error says three things: what is wrong (with the value), what was expected, and what to do next.
Commands print them without a traceback and leave with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word closest to a mistyped one, or ``None`` if none comes near."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {matches[0]!r}?" if matches else None


class FramingError(Exception):
    """Base of every error that framing raises on purpose.

    Args:
        message: what is wrong, with the offending value in it.
        expected: what would have been right.
        hint: what to do next.
    """

    def __init__(self, message: str, *, expected: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.hint = hint

    @property
    def reason(self) -> str:
        """The error in one line, for the list of rows that were set aside."""
        return self.message + (f"; expected {self.expected}" if self.expected else "")

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        if self.hint:
            parts.append(f"Next: {self.hint}")
        return "\n".join(parts)


class CodebookError(FramingError):
    """A codebook does not follow the form; the message names the file and the key or line."""


class MarkupError(FramingError):
    """An inline-marked sentence cannot be parsed; the message names the column."""


class InputError(FramingError):
    """Text or a file handed in for labelling cannot be used."""


class UnreadableFileError(InputError):
    """A file is missing, binary, truncated, or in no encoding that was tried."""


class EmptyFileError(UnreadableFileError):
    """A file has nothing in it."""


class ColumnError(InputError):
    """A table lacks a column that was asked for or that is needed."""


class EstimatorInputError(InputError, ValueError):
    """What an estimator of :mod:`framing.sklearn` was given cannot be used; scikit-learn expects a ``ValueError``."""


class CheckpointError(FramingError):
    """A checkpoint folder cannot be used."""


class CheckpointNotFoundError(CheckpointError):
    """There is no checkpoint at the place that was named."""


class CheckpointCorruptedError(CheckpointError):
    """A file of a checkpoint is missing or differs from its recorded SHA-256."""


class CodebookMismatchError(CheckpointError):
    """A checkpoint was trained on another codebook, or another version of it, than the one it is used with."""


class SettingError(FramingError):
    """An option, keyword argument or configuration value is unknown or out of range."""


class DivergenceError(FramingError):
    """The loss or the weights of a training have become NaN, infinite, or too large to be stored."""


class OutputError(FramingError):
    """A result cannot be written where it was asked for."""


class UnitRunnerError(FramingError):
    """What an actor of a cluster ran into, told by the job that it belongs to."""


class WorkerDiedError(FramingError):
    """Processes of a batch job died over the same rows, one after the other; the units that are done are kept."""


class JobIncompleteError(FramingError):
    """A batch job ended with units that are not done; those that are done are kept."""


class ServiceError(FramingError):
    """The service (``framing serve``) refuses a request.

    Args:
        message, expected, hint: as of :class:`FramingError`.
        status: of the answer in HTTP, 400 to 599.
        retry_after: seconds after which it is worth to ask again; ``None`` where that does not help.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        retry_after: int | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, hint=hint)
        self.status = status
        self.retry_after = retry_after


class MissingExtraError(FramingError):
    """An optional dependency is needed; the hint names the extra that installs it."""


class FramingWarning(UserWarning):
    """Something in the input is left out or read otherwise than its form promises; the work goes on."""
