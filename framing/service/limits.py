"""What one client may ask of the service at once. Imports nothing heavy, so that help texts can have the defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields

from framing.errors import SettingError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the service.

    Attributes:
        body: bytes of a request's body.
        documents: of one request.
        characters: of one document, markup taken off. While a document is labelled, all others wait.
        sentences: of one request. Records are many times as large as their sentences, and memory holds all of them.
        requests: for labels, in work at the same time: those that are being read, wait, are labelled, or are answered.
        seconds: from the first byte of a request to its labels.
        wait: seconds that a document waits for others, to be labelled with them.

    Raises:
        SettingError: a limit is not positive, or ``wait`` is negative or longer than ``seconds``.
    """

    body: int = 2_000_000
    documents: int = 256
    characters: int = 200_000
    sentences: int = 20_000
    requests: int = 64
    seconds: float = 60.0
    wait: float = 0.003

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value > 0 or (field.name == "wait" and value == 0)):
                raise SettingError(f"the limit {field.name} is {value}", expected="a number above 0")
        if self.wait > self.seconds:
            raise SettingError(
                f"documents wait {self.wait} s for others, and requests end after {self.seconds} s",
                expected="a shorter wait",
            )
