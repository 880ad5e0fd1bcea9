"""The application: what is answered on which path. It runs in any ASGI server; :mod:`framing.service.run` is ours.

Bodies are checked by :mod:`framing.service.bodies`, whose messages say what to do next, and not by models of pydantic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import framing
from framing.errors import FramingError, ServiceError
from framing.labeler import Labeler
from framing.service import metrics as prometheus
from framing.service.batcher import Batcher, Outcome
from framing.service.bodies import (
    ERROR_SCHEMA,
    Answer,
    Asked,
    answer,
    answer_schema,
    asked_in_form,
    asked_in_json,
    error_json,
    request_schema,
    to_json,
)
from framing.service.limits import Limits
from framing.service.metrics import Metrics
from framing.service.page import page_html
from framing.types import Document

T = TypeVar("T")

#: What is this large (bytes, or code points) is parsed and written on another thread; less is done sooner here.
_LARGE = 20_000
#: A body that is too large is read up to this many times what is allowed, so that its sender comes to read the answer.
_READ_IN_VAIN = 4
_PATHS = frozenset(("/", "/label", "/codebook", "/health", "/metrics", "/openapi.json"))
_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
#: Status of the answer to a client that has gone; nobody reads it.
_GONE = 499


def create_app(labeler: Labeler, limits: Limits | None = None) -> FastAPI:
    """The application.

    Args:
        labeler: what labels; the application does not close it.
        limits: what one client may ask for; those of :class:`Limits` when ``None``.

    Returns:
        An ASGI application. It labels while its lifespan lasts, and at its end finishes what it has taken.
    """
    service = _Service(labeler, limits or Limits())
    app = FastAPI(
        title="framing",
        version=framing.__version__,
        description="Who names it how, in whose voice, and how sure: framing and hedging in news.",
        docs_url=None,  # these two pages load scripts from elsewhere
        redoc_url=None,
        lifespan=service.lifespan,
        exception_handlers={
            FramingError: _on_framing_error,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
            Exception: _on_fault,
        },
    )
    app.add_middleware(_Watch, metrics=service.metrics)
    tasks = [task.name for task in labeler.codebook.tasks if task.scope != "mention"]
    errors = (400, 408, 413, 415, 422, 500, 503, 504)
    asked = {"required": True, "content": {_JSON: {"schema": request_schema(service.limits)}}}
    app.post(
        "/label",
        summary="Label one document, or several",
        responses={200: _told("Records", answer_schema(tasks)), **_errors(*errors)},
        openapi_extra={"requestBody": asked},
    )(service.label)
    for path, endpoint, summary in (
        ("/codebook", service.codebook, "Labels, definitions, contrasts"),
        ("/health", service.health, "Which model labels, and whether it is ready"),
    ):
        told = {200: _told(summary, {"type": "object"}), **_errors(503)}
        app.get(path, summary=summary, responses=told)(endpoint)
    counted = {"description": "Counters", "content": {"text/plain": {"schema": {"type": "string"}}}}
    app.get("/metrics", summary="Counters for Prometheus", responses={200: counted}, response_class=Response)(
        service.counts
    )
    app.get("/", include_in_schema=False)(service.page)
    app.post("/", include_in_schema=False)(service.marked_page)
    return app


def _told(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _told(HTTPStatus(status).phrase, ERROR_SCHEMA) for status in statuses}


class _Service:
    """The endpoints. All of them run on the thread of the event loop; documents are labelled on the batcher's."""

    def __init__(self, labeler: Labeler, limits: Limits) -> None:
        self.limits = limits
        self.metrics = Metrics()
        self._labeler = labeler
        self._batcher = Batcher(labeler, self.metrics, wait=limits.wait)
        self._language = labeler.codebook.language
        self._in_work = 0

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Label from here on; at the end, finish what was taken."""
        # The first call loads what cuts sentences, and the engine takes its memory; no request should wait for that.
        await asyncio.to_thread(lambda: list(self._labeler.documents(["The service begins."])))
        self._batcher.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._batcher.close)

    # --- what is asked ------------------------------------------------------------------------------------------------

    async def label(self, request: Request) -> Response:
        """Label documents.

        `{"text": …}` or `{"documents": [{"text": …}, …]}`, each document with `title`, `id`, `outlet` and `published`
        where they are known. The answer has one record for each sentence. A document that cannot be used is in
        `rejected`, with the reason, and the others are labelled.
        """
        _check_type(request, _JSON)

        def read(body: bytes) -> Asked:
            return asked_in_json(body, self.limits, self._language)

        with self._place():
            found = await self.labelled(request, read)
            content = await _here_or_there(_size(found), lambda: found.json)
        return Response(content, media_type=_JSON)

    async def codebook(self) -> Response:
        """The codebook of the model, complete, in the form of its YAML file."""
        book = self._labeler.codebook
        return Response(to_json({"fingerprint": book.fingerprint, **book.to_dict()}), media_type=_JSON)

    async def health(self) -> Response:
        """Which model labels where, and whether it is ready; 503 where it is not."""
        if not self._batcher.is_ready:
            raise ServiceError("the service is not ready", status=503, retry_after=5, hint="ask again in a moment")
        known = self._labeler.describe()
        model = {"model": known.pop("checkpoint"), "hash": known.pop("fingerprint")}
        return Response(to_json({"ready": True, "version": framing.__version__, **model, **known}), media_type=_JSON)

    async def counts(self) -> Response:
        """Counters in the text format of Prometheus."""
        written = self.metrics.text(queue=self._in_work, queue_limit=self.limits.requests)
        return Response(written, media_type=prometheus.CONTENT_TYPE)

    async def page(self) -> Response:
        """The page, empty."""
        return self._page()

    async def marked_page(self, request: Request) -> Response:
        """The page, with the article that was sent and its marks."""
        given: dict[str, str] = {}

        def read(body: bytes) -> Asked:
            asked, fields = asked_in_form(body, self.limits, self._language)
            given.update(fields)
            return asked

        try:
            _check_type(request, _FORM)
            _check_site(request)
            with self._place():
                found = await self.labelled(request, read)
                return await _here_or_there(_size(found), lambda: self._page(given=given, labels=found.labels[0]))
        except FramingError as error:
            known = _as_service_error(error)
            page = self._page(given=given, error=known)
            page.status_code = known.status
            page.headers.update(_retry(known))
            return page

    def _page(self, **what: Any) -> Response:
        model = self._labeler.checkpoint.folder.name
        return Response(page_html(self._labeler.codebook, model, **what), media_type=_HTML)

    # --- the work -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place among the requests in work.

        Raises:
            ServiceError: all are taken.
        """
        if self._in_work >= self.limits.requests:
            seconds = self._batcher.seconds_waiting
            raise ServiceError(
                f"the service is busy with {self._in_work} requests",
                status=503,
                retry_after=seconds,
                hint=f"ask again in {seconds} s, or send several documents in one request",
            )
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1

    async def labelled(self, request: Request, read: Callable[[bytes], Asked]) -> Answer:
        """Read a request and have its documents labelled.

        Raises:
            ServiceError: the body is too large or wrong, no document can be used, or time is up.
        """
        body_is_read = False
        try:
            async with asyncio.timeout(self.limits.seconds):
                body = await _body(request, self.limits.body)
                body_is_read = True
                asked = await _here_or_there(len(body), lambda: read(body))
                return answer(asked, await self.outcomes(asked.documents))
        except TimeoutError as error:
            limit = f"{self.limits.seconds:g} s"
            if not body_is_read:
                raise ServiceError(
                    f"the body did not come within {limit}", status=408, hint="send it again, or less of it"
                ) from error
            raise ServiceError(
                f"the documents were not labelled within {limit}",
                status=504,
                hint="send fewer or shorter documents in one request, or use framing label",
            ) from error

    async def outcomes(self, documents: Sequence[Document]) -> list[Outcome]:
        """What becomes of documents; if nobody waits for it any more, those that are left are not labelled."""
        return await asyncio.wrap_future(self._batcher.submit(documents)) if documents else []


async def _body(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        ServiceError: it is too large.
    """
    too_large = ServiceError(
        f"the body has more than {most:,} bytes",
        status=413,
        expected=f"at most {most:,}",
        hint="send fewer or shorter documents in one request, or use framing label",
    )
    length = request.headers.get("content-length", "")
    if "expect" in request.headers and length.isdecimal() and (len(length) > 15 or int(length) > most):
        raise too_large  # the client asked before it sends
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most * _READ_IN_VAIN:
            break
        if size > most:
            chunks.clear()
        else:
            chunks.append(chunk)
    if size > most:
        raise too_large
    return b"".join(chunks)


def _check_type(request: Request, expected: str) -> None:
    """Refuse other types of bodies, which a page of any site may have a browser send here.

    Raises:
        ServiceError: it is another one, or compressed.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != expected:
        raise ServiceError(
            f"the content type is {given[:80]!r}",
            status=415,
            expected=expected,
            hint=f"send the header Content-Type: {expected}",
        )
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise ServiceError(
            f"the content encoding is {coding[:80]!r}", status=415, expected="none", hint="send the body as it is"
        )


def _check_site(request: Request) -> None:
    """Refuse a form that a page of another site has a browser send.

    Raises:
        ServiceError: it is from there.
    """
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise ServiceError(
            "the form was sent by a page of another site", status=403, hint="paste the article here, and send it again"
        )


async def _here_or_there(size: int, work: Callable[[], T]) -> T:
    """Do what takes no time here, and what takes some on another thread."""
    return work() if size < _LARGE else await asyncio.to_thread(work)


def _size(found: Answer) -> int:
    return sum(len(labels.document.text) for labels in found.labels)


# --- errors -----------------------------------------------------------------------------------------------------------


def _as_service_error(error: FramingError) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    return ServiceError(error.message, status=422, expected=error.expected, hint=error.hint)


def _retry(error: ServiceError) -> dict[str, str]:
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def _refusal(error: ServiceError, headers: dict[str, str] | None = None) -> Response:
    return Response(error_json(error), error.status, {**(headers or {}), **_retry(error)}, _JSON)


async def _on_framing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FramingError)
    return _refusal(_as_service_error(error))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown path, or a method that a path does not have."""
    assert isinstance(error, HTTPException)
    refused = ServiceError(
        f"{request.method[:20]} {request.url.path[:80]}: {error.detail}",
        status=error.status_code,
        expected="POST /label, GET /codebook, GET /health, GET /metrics, GET /",
        hint="GET /openapi.json tells what each of them takes",
    )
    return _refusal(refused, dict(error.headers or {}))


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=_GONE)


async def _on_fault(request: Request, error: Exception) -> Response:
    """A fault of framing; the server logs it."""
    return _refusal(
        ServiceError("framing failed, which is a fault of framing", status=500, hint="the log of the service says more")
    )


# --- around every request ---------------------------------------------------------------------------------------------


class _Watch:
    """Counts requests and their seconds, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            path = scope["path"] if scope["path"] in _PATHS else "other"
            self._metrics.add("requests", path=path, status=status)
            self._metrics.add("request_seconds", time.perf_counter() - started, path=path)
