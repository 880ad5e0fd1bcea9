"""Bodies of requests to documents, and labels to bodies of answers.

A body that is no JSON of the form that is asked for is refused as a whole. A document that cannot be used is set aside,
with the reason, as ``framing label`` does with a row, and the others are labelled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from framing.errors import FramingError, InputError, ServiceError, did_you_mean
from framing.reading.documents import Ids, document_of
from framing.reading.encodings import clean, visible
from framing.service.batcher import Outcome
from framing.service.limits import Limits
from framing.text.sentences import split
from framing.types import COLUMNS, Document, DocumentLabels, Rejected

#: Code points of an id, an outlet, a date or a title. Each record repeats the first three.
LONGEST_LINE = 1000
_LINES = ("title", "id", "outlet", "published")
_KEYS = ("text", *_LINES)
#: The source of a page may be this many times as long as a text: to take the text from it is work too.
_MARKUP = 3
#: What may end a sentence; a text with fewer of them than sentences are allowed need not be cut to be counted.
_ENDS = ".!?…。！？؟।\n\r"
_SHOWN = 80
_FAULT = "framing failed to label it, which is a fault of framing; the log of the service says more"

_LINE = {
    "anyOf": [{"type": "string", "maxLength": LONGEST_LINE}, {"type": "number"}, {"type": "null"}],
}
_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "description": "Plain text, or the HTML of a page."},
        "title": {**_LINE, "description": "The headline, where the text does not begin with it."},
        "id": {**_LINE, "description": "Else the place in the request, from 0."},
        "outlet": {**_LINE, "description": "Who publishes it."},
        "published": {**_LINE, "description": "The date."},
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks to have labelled.

    Attributes:
        documents: those that can be used, cleaned of control characters and lone surrogates.
        places: of each, its place in the request, from 0.
        rejected: place -> why the document there cannot be used.
        is_one: the body is a document itself, and no list of documents.
    """

    documents: Sequence[Document]
    places: Sequence[int]
    rejected: Mapping[int, FramingError]
    is_one: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the documents of a request.

    Attributes:
        labels: of the documents that could be labelled, in order.
        rejected: the others.
    """

    labels: Sequence[DocumentLabels]
    rejected: Sequence[Rejected]

    @property
    def json(self) -> bytes:
        """The answer in JSON: ``{"records": […], "rejected": […]}``."""
        records = [record for labels in self.labels for record in labels.to_dict()]
        return to_json({"records": records, "rejected": [one.to_dict() for one in self.rejected]})


def to_json(value: Any) -> bytes:
    """JSON in UTF-8; in ASCII where a lone surrogate, which UTF-8 does not have, needs an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


# --- requests ---------------------------------------------------------------------------------------------------------


def asked_in_json(body: bytes, limits: Limits, language: str) -> Asked:
    """The documents of a body in JSON.

    Args:
        body: ``{"text": …}``, or ``{"documents": [{"text": …}, …]}``.
        limits: of a request.
        language: of the codebook, by whose rules sentences are counted.

    Raises:
        ServiceError: the body is no such JSON, or there is too much in it.
    """
    value = _json(body)
    if not isinstance(value, dict):
        raise _wrong(f"the body is {_kind(value)}")
    if ("text" in value) == ("documents" in value):
        found = "both 'text' and 'documents'" if "text" in value else "neither 'text' nor 'documents'"
        raise _wrong(f"the body has {found}")
    if "text" in value:
        return _asked([value], limits, language, is_one=True)
    if unknown := [key for key in value if key != "documents"]:
        raise _wrong(f"the body has the key {_shown(unknown[0])} beside 'documents'")
    items = value["documents"]
    if not isinstance(items, list):
        raise _wrong(f"'documents' is {_kind(items)}", expected="a list of objects with the key 'text'")
    if not items:
        raise _wrong("'documents' is an empty list", expected="at least one document")
    return _asked(items, limits, language, is_one=False)


def asked_in_form(body: bytes, limits: Limits, language: str) -> tuple[Asked, dict[str, str]]:
    """The document of a form's fields ``text`` and ``title``, and these fields.

    Args:
        body: as browsers send it: ``application/x-www-form-urlencoded``.
        limits, language: see :func:`asked_in_json`.

    Raises:
        ServiceError: the body is no form, or there is too much in it.
    """
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise ServiceError(f"the form cannot be read: {error}", status=400, hint="use the form of the page") from error
    given = {name: clean(fields.get(name, [""])[0]).replace("\r\n", "\n") for name in ("text", "title")}
    item = {"text": given["text"], "title": given["title"].strip() or None}
    return _asked([item], limits, language, is_one=True), given


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _no_json("it is nested too deeply") from error
    except ValueError as error:
        raise _no_json(str(error)) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _no_json(reason: str) -> ServiceError:
    return ServiceError(
        f"the body is no JSON: {reason}", status=400, expected="JSON in UTF-8", hint='send {"text": "…"}'
    )


def _wrong(message: str, expected: str | None = None) -> ServiceError:
    return ServiceError(
        message,
        status=422,
        expected=expected or 'an object with "text", or with "documents"',
        hint='send {"text": "…"}, or {"documents": [{"text": "…"}, …]}; GET /openapi.json has the form',
    )


def _asked(items: Sequence[Any], limits: Limits, language: str, *, is_one: bool) -> Asked:
    if len(items) > limits.documents:
        raise ServiceError(
            f"{len(items):,} documents in one request",
            status=413,
            expected=f"at most {limits.documents:,}",
            hint="send them in several requests, or use framing label or framing batch",
        )
    documents, places = [], []
    rejected: dict[int, FramingError] = {}
    ids = Ids()
    for place, item in enumerate(items):
        try:
            name = "the document" if is_one else f"documents[{place}]"
            documents.append(_document(item, place, ids, name, limits.characters))
            places.append(place)
        except FramingError as error:
            rejected[place] = error
    _check_sentences(documents, limits, language)
    return Asked(documents, places, rejected, is_one)


def _document(item: Any, place: int, ids: Ids, name: str, most: int) -> Document:
    """A document of an object of JSON.

    Raises:
        InputError: it cannot be used.
        ServiceError: it has more than ``most`` characters.
    """
    if not isinstance(item, dict):
        raise InputError(f"{name} is {_kind(item)}", expected="an object with the key 'text'")
    if unknown := [key for key in item if key not in _KEYS]:
        raise InputError(
            f"{name} has the key {_shown(unknown[0])}",
            expected="the keys " + ", ".join(_KEYS),
            hint=did_you_mean(unknown[0][:_SHOWN], _KEYS) or "leave it out",
        )
    for key in _LINES:
        value = item.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise InputError(f"{key!r} of {name} is {_kind(value)}", expected="a string, a number or null")
    text = item.get("text")
    if not isinstance(text, str):
        found = f"is {_kind(text)}" if "text" in item else "is missing"
        raise InputError(f"'text' of {name} {found}", expected="a string")
    cleaned = {key: clean(value) if isinstance(value, str) else value for key, value in item.items()}
    if not cleaned["text"].strip():
        raise InputError(f"'text' of {name} is empty", expected="a text with words in it")
    _check_length(name, cleaned["text"], most * _MARKUP, most)
    document = document_of(cleaned, place)
    _check_length(name, document.text, most, most)
    for key in _LINES:  # a page of HTML says some of them itself
        if (length := len(getattr(document, key) or "")) > LONGEST_LINE:
            raise InputError(f"{key!r} of {name} has {length:,} characters", expected=f"at most {LONGEST_LINE:,}")
    ids.add(document.id)
    return document


def _check_length(name: str, text: str, allowed: int, most: int) -> None:
    if len(text) > allowed:
        raise ServiceError(
            f"{name} has {len(text):,} characters",
            status=413,
            expected=f"at most {most:,}, and {_MARKUP} times as many in the source of a page",
            hint="send the text in parts, or use framing label",
        )


def _check_sentences(documents: Collection[Document], limits: Limits, language: str) -> None:
    ends = sum(sum(map(document.text.count, _ENDS)) for document in documents)
    if ends < limits.sentences:
        return
    sentences = sum(sum(1 for _ in split(document.text, language)) for document in documents)
    if sentences > limits.sentences:
        raise ServiceError(
            f"{sentences:,} sentences in one request",
            status=413,
            expected=f"at most {limits.sentences:,}",
            hint="send the text in parts, or use framing label",
        )


def _kind(value: Any) -> str:
    """What a value of JSON is."""
    if isinstance(value, bool | None):
        return {None: "null", True: "true", False: "false"}[value]
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a string"}
    return names.get(type(value), "a number")


def _shown(key: str) -> str:
    return repr(visible(key if len(key) <= _SHOWN else key[:_SHOWN] + "…"))


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(asked: Asked, outcomes: Sequence[Outcome]) -> Answer:
    """What became of the documents.

    Args:
        asked: the request.
        outcomes: of its documents, in order.

    Raises:
        ServiceError: there are no labels at all: 422 where the documents cannot be used, 500 where framing failed.
    """
    failed: dict[int, Exception] = dict(asked.rejected)
    labels = []
    for place, outcome in zip(asked.places, outcomes, strict=True):
        if isinstance(outcome, Exception):
            failed[place] = outcome
        else:
            labels.append(outcome)
    if not labels:
        raise _nothing_usable(asked, failed)
    rejected = [Rejected(f"documents[{place}]", _reason(failed[place]), row=place + 1) for place in sorted(failed)]
    return Answer(labels, rejected)


def _reason(error: Exception) -> str:
    return visible(error.reason) if isinstance(error, FramingError) else _FAULT


def _nothing_usable(asked: Asked, failed: Mapping[int, Exception]) -> ServiceError:
    first = failed[min(failed)]
    if not isinstance(first, FramingError):
        return ServiceError(_FAULT, status=500, hint="leave the document out, and tell the developers")
    message = visible(first.message)
    if not asked.is_one:
        message = f"none of {len(failed):,} documents can be used; the first: {message}"
    hint = first.hint or "mend the document, or leave it out"
    status = first.status if isinstance(first, ServiceError) and asked.is_one else 422
    return ServiceError(message, status=status, expected=first.expected, hint=hint)


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


def request_schema(limits: Limits) -> dict[str, Any]:
    """The JSON Schema of a request for labels."""
    many = {
        "type": "object",
        "required": ["documents"],
        "properties": {
            "documents": {"type": "array", "minItems": 1, "maxItems": limits.documents, "items": _DOCUMENT},
        },
        "additionalProperties": False,
    }
    return {"anyOf": [_DOCUMENT, many]}


def answer_schema(tasks: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of an answer, by the names that records have.

    Args:
        tasks: of the codebook; those of sentences and words are keys of a record too.
    """
    columns = [*COLUMNS, *tasks]
    record = {
        "type": "object",
        "description": "One sentence: a line of what framing label writes as JSONL.",
        "required": list(COLUMNS),
        "properties": {name: {} for name in columns},
        "additionalProperties": False,
    }
    rejected = {
        "type": "object",
        "description": "A document that cannot be used; row counts from 1.",
        "required": ["where", "reason", "value", "row"],
        "properties": {
            "where": {"type": "string"},
            "reason": {"type": "string"},
            "value": {"type": "string"},
            "row": {"type": "integer"},
        },
    }
    return {
        "type": "object",
        "required": ["records", "rejected"],
        "properties": {
            "records": {"type": "array", "items": record},
            "rejected": {"type": "array", "items": rejected},
        },
    }


#: The JSON Schema of what is said of an error.
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "message", "next"],
            "properties": {
                "status": {"type": "integer"},
                "message": {"type": "string"},
                "expected": {"type": "string"},
                "next": {"type": "string"},
            },
        }
    },
}


def error_json(error: ServiceError) -> bytes:
    """An error in JSON: ``{"error": {"status": …, "message": …, "expected": …, "next": …}}``."""
    said = {"status": error.status, "message": error.message, "expected": error.expected, "next": error.hint}
    return to_json({"error": {key: value for key, value in said.items() if value is not None}})
