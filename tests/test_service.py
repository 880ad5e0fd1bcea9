"""``framing serve``: the labeler's own records, whatever comes in, however many ask at once."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import framing
from framing.codebook import Codebook
from framing.errors import MissingExtraError, SettingError
from framing.labeler import Labeler
from framing.report.marks import article_html
from framing.service.limits import Limits
from framing.service.run import bind, check_installed
from framing.types import DocumentLabels

pytest.importorskip("uvicorn")
testing = pytest.importorskip("fastapi.testclient")

from framing.service.app import create_app  # noqa: E402

TEXT = "Rebels fled the town. “Militants liberated a city,” he said.\n\nThe army may, witnesses said, have retook it."
JSON = {"content-type": "application/json"}


class Gated(Labeler):
    """A labeler that waits at a gate, notes the texts of each call, and fails for texts with a word of its own."""

    def __init__(self, real: Labeler) -> None:
        super().__init__(real.checkpoint, real.engine)
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[list[str]] = []

    def documents(self, documents: Iterable[Any], **options: Any) -> Iterator[DocumentLabels]:
        taken = list(documents)
        self.calls.append([getattr(one, "text", one) for one in taken])
        assert self.gate.wait(60)
        if any("poison" in text for text in self.calls[-1]):
            raise RuntimeError("poisoned")
        return super().documents(taken, **options)


@contextlib.contextmanager
def serving(labeler: Labeler, **limits: Any) -> Iterator[Any]:
    with testing.TestClient(create_app(labeler, Limits(**limits)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def gated(tiny_labeler: Labeler) -> Iterator[Gated]:
    made = Gated(tiny_labeler)
    yield made
    made.gate.set()


@pytest.fixture(scope="module")
def client(tiny_labeler: Labeler) -> Iterator[Any]:
    with serving(tiny_labeler) as found:
        yield found


def records(labels: Iterable[DocumentLabels]) -> list[dict[str, Any]]:
    return [record for one in labels for record in one.to_dict()]


def error_of(response: Any, status: int) -> dict[str, Any]:
    """What a refusal says; all of them have one form."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text[:300]
    (error,) = response.json().values()
    assert error["status"] == status
    assert error["message"] and error["next"]
    return error


def until(holds: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def counted(client: Any, name: str, **labels: str) -> float:
    """A sample of /metrics."""
    written = ",".join(f'{key}="{value}"' for key, value in labels.items())
    sample = f"{name}{{{written}}}" if written else name
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(sample + " ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


# --- the labeler's own records ----------------------------------------------------------------------------------------


def test_one_document_has_the_records_of_the_labeler(client: Any, tiny_labeler: Labeler) -> None:
    item = {"text": TEXT, "title": "Rain", "id": "a7", "outlet": "East", "published": "2016-12-15"}
    found = client.post("/label", json=item)
    assert found.status_code == 200
    assert found.json() == {"records": records(tiny_labeler.documents([item])), "rejected": []}
    assert [record["text"] for record in found.json()["records"]][:2] == ["Rain", "Rebels fled the town."]
    assert {record["document_id"] for record in found.json()["records"]} == {"a7"}


def test_documents_have_the_records_of_the_labeler(client: Any, tiny_labeler: Labeler) -> None:
    items: list[dict[str, Any]] = [
        {"text": TEXT},
        {"text": "<p>He said: <q>rebels fled</q>.</p><p>Rain fell.</p>", "id": 12},
        {"text": "The town", "title": None, "outlet": "West"},
    ]
    found = client.post("/label", json={"documents": items}).json()
    assert found == {"records": records(tiny_labeler.documents(items)), "rejected": []}
    assert list(dict.fromkeys(record["document_id"] for record in found["records"])) == ["0", "12", "2"]


def test_records_are_those_of_the_command(client: Any, tiny_folder: Path, tmp_path: Path) -> None:
    from framing.cli.main import app

    rows = [{"id": "x", "text": TEXT}, {"id": "y", "text": "rain\x00 in \ud800 the market"}]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    words = ["label", str(source), "-o", str(output), "--model", str(tiny_folder), "--engine", "onnx"]
    assert CliRunner().invoke(app, words).exit_code == 0
    written = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    place = {"input": None, "row": None}  # of the file, which a request does not have
    assert client.post("/label", content=json.dumps({"documents": rows}), headers=JSON).json()["records"] == [
        one | place for one in written
    ]


@pytest.mark.slow
def test_records_of_the_shipped_model() -> None:
    with framing.load() as labeler, serving(labeler) as client:
        text = "The army liberated the town from terrorists, state TV claimed."
        found = client.post("/label", json={"text": text}).json()["records"]
        assert found == labeler.document(text).to_dict()
        assert {"liberation", "terrorists"} <= set(found[0]["frames"])
        assert client.get("/health").json()["hash"] == labeler.checkpoint.fingerprint


def test_sixteen_clients_get_their_own_answers(tiny_labeler: Labeler) -> None:
    texts = [f"Rebels fled the town {number}. The army said {'so ' * (number % 7)}in {number}." for number in range(96)]
    expected = {text: records([tiny_labeler.document(text)]) for text in texts}
    with serving(tiny_labeler, wait=0.02) as client, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: client.post("/label", json={"text": text}).json(), texts))
        batches = counted(client, "framing_batches_total")
        assert counted(client, "framing_documents_total") == 96
        assert counted(client, "framing_requests_total", path="/label", status="200") == 96
    assert batches <= 48
    for text, one in zip(texts, found, strict=True):
        for record, other in zip(one["records"], expected[text], strict=True):
            # A batch of another width may round the last digit otherwise.
            assert record["probabilities"] == pytest.approx(other.pop("probabilities"), abs=2e-6)
            assert (record["text"], record["document_id"]) == (other["text"], "0")
            assert set(record["frames"]) == set(other["frames"])


def test_a_request_that_comes_later_and_is_short_need_not_wait(gated: Gated) -> None:
    long = [{"text": f"{'The army fled. ' * 600}{number}"} for number in range(8)]
    done: list[str] = []
    with serving(gated) as client, ThreadPoolExecutor(2) as pool:
        gated.gate.clear()
        pool.submit(lambda: done.append(("long", client.post("/label", json={"documents": long}).status_code)))
        until(lambda: len(gated.calls) == 2)  # the first one is the service's own, as it begins
        pool.submit(lambda: done.append(("short", client.post("/label", json={"text": "Rain."}).status_code)))
        until(lambda: counted(client, "framing_queue") == 2)
        time.sleep(0.05)
        gated.gate.set()
        until(lambda: len(done) == 2)
    assert done == [("short", 200), ("long", 200)]
    assert max(map(len, gated.calls)) < 8


# --- what a document does to its neighbours ---------------------------------------------------------------------------


def test_a_bad_document_is_set_aside_and_the_others_are_labelled(client: Any, tiny_labeler: Labeler) -> None:
    items = [
        {"text": "Rebels fled."},
        {"text": " \x00\n"},
        {"text": 7},
        "rain",
        {"text": "rain", "titel": "x"},
        {"text": "rain", "id": True},
        {"text": "rain", "outlet": ["East"]},
        {"text": "rain", "id": "0"},  # which the first one has by its place
        {"text": "rain", "published": "x" * 1001},
        {"text": "The army fled."},
    ]
    found = client.post("/label", json={"documents": items}).json()
    assert [record["document_id"] for record in found["records"]] == ["0", "9"]
    assert found["records"] == records(tiny_labeler.documents([{**items[0], "id": 0}, {**items[9], "id": 9}]))
    assert [one["row"] for one in found["rejected"]] == list(range(2, 10))
    assert [one["where"] for one in found["rejected"]] == [f"documents[{place}]" for place in range(1, 9)]
    said = ["is empty", "'text' of documents[2] is a number", "is a string", "'titel'", "is true", "is a list"]
    said += ["the id '0' was read before", "has 1,001 characters"]
    for one, part in zip(found["rejected"], said, strict=True):
        assert part in one["reason"]


def test_a_document_that_cannot_be_labelled_spoils_no_other(gated: Gated, caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"Rebels fled {number}." if number % 5 else f"poison {number}" for number in range(16)]
    with serving(gated, wait=0.1) as client, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: client.post("/label", json={"text": text}), texts))
        assert max(map(len, gated.calls)) > 1
        for text, one in zip(texts, found, strict=True):
            if text.startswith("poison"):
                assert "fault of framing" in error_of(one, 500)["message"]
            else:
                assert [record["text"] for record in one.json()["records"]] == [text]
        many = client.post("/label", json={"documents": [{"text": "poison"}, {"text": "Rain."}]}).json()
        assert [record["text"] for record in many["records"]] == ["Rain."]
        assert "fault of framing" in many["rejected"][0]["reason"]
    assert "poisoned" in caplog.text
    assert "poison 5" not in caplog.text  # texts are nobody's business


# --- limits -----------------------------------------------------------------------------------------------------------


def test_limits_of_a_request(tiny_labeler: Labeler) -> None:
    with serving(tiny_labeler, body=1000, documents=3, sentences=5) as client:
        assert "1,000 bytes" in error_of(client.post("/label", json={"text": "rain " * 200}), 413)["message"]
        assert "1,000 bytes" in error_of(client.post("/label", json={"text": "rain " * 2000}), 413)["message"]
        in_pieces = (b"%d" % (number % 10) for number in range(1200))  # and no Content-Length
        assert "1,000 bytes" in error_of(client.post("/label", content=in_pieces, headers=JSON), 413)["message"]
        many = {"documents": [{"text": "Rain."}] * 4}
        assert error_of(client.post("/label", json=many), 413)["message"].startswith("4 documents")
        assert error_of(client.post("/label", json={"text": "It rained. " * 6}), 413)["message"].startswith(
            "6 sentences"
        )
        assert len(client.post("/label", json={"text": "It rained. " * 5}).json()["records"]) == 5
        assert client.post("/label", json={"text": "Fell: " + "." * 50}).status_code == 200
    with serving(tiny_labeler, characters=20) as client:
        long, page = {"text": "It rained. " * 2}, {"text": "<p>" * 50 + "Rain"}
        assert error_of(client.post("/label", json=long), 413)["message"] == "the document has 22 characters"
        assert "154 characters" in error_of(client.post("/label", json=page), 413)["message"]
        assert client.post("/label", json={"text": "<p>It rained</p><p>here</p>"}).status_code == 200
        mixed = client.post("/label", json={"documents": [long, {"text": "Rain."}]}).json()
        assert [record["text"] for record in mixed["records"]] == ["Rain."]
        assert "documents[0] has 22 characters" in mixed["rejected"][0]["reason"]
    with serving(tiny_labeler, body=1000) as client:
        assert len(client.post("/label", content=json.dumps({"text": "x" * 985}), headers=JSON).content) > 985


def test_a_full_service_says_when_to_come_again(gated: Gated) -> None:
    with serving(gated, requests=2) as client, ThreadPoolExecutor(2) as pool:
        gated.gate.clear()
        waiting = [pool.submit(client.post, "/label", json={"text": text}) for text in ("Rain fell.", "Rebels fled.")]
        until(lambda: counted(client, "framing_queue") == 2)
        refused = client.post("/label", json={"text": "Rain."})
        assert "busy with 2 requests" in error_of(refused, 503)["message"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        page = client.post("/", data={"text": "Rain."})
        assert (page.status_code, page.headers["retry-after"]) == (503, refused.headers["retry-after"])
        assert client.get("/health").json()["ready"] is True
        gated.gate.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
        assert client.post("/label", json={"text": "Rain."}).status_code == 200


def test_time_is_up_and_nothing_more_is_done_for_it(gated: Gated) -> None:
    with serving(gated, seconds=0.3) as client:
        gated.gate.clear()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(client.post, "/label", json={"text": "Rain fell."})
            until(lambda: len(gated.calls) == 2)
            second = pool.submit(client.post, "/label", json={"text": "Rebels fled."})
        for one in (first, second):
            assert "within 0.3 s" in error_of(one.result(), 504)["message"]
        gated.gate.set()
        assert client.post("/label", json={"text": "The army."}).status_code == 200
    assert gated.calls[1:] == [["Rain fell."], ["The army."]]


def test_a_body_that_does_not_come(tiny_labeler: Labeler) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(30)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"20")]
    scope = {"type": "http", "method": "POST", "path": "/label", "raw_path": b"/label", "query_string": b""}
    scope |= {"headers": headers, "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("x", 1)}
    asyncio.run(create_app(tiny_labeler, Limits(seconds=0.05))(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["message"] == "the body did not come within 0.05 s"


def test_limits_that_make_no_sense() -> None:
    for wrong in ({"body": 0}, {"documents": -1}, {"seconds": 0.0}, {"wait": -0.1}, {"wait": 61.0}):
        with pytest.raises(SettingError):
            Limits(**wrong)
    assert Limits(wait=0).wait == 0


# --- what is no request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no JSON"),
        (b"{", 400, "no JSON"),
        (b'{"text": "rain"} {}', 400, "Extra data"),
        (b'{"text": "\xff"}', 400, "no JSON"),
        (b'{"text": NaN}', 400, "NaN is no number of JSON"),
        (b'{"text": -Infinity}', 400, "no number"),
        (b'{"text": "rain", "id": ' + b"9" * 5000 + b"}", 400, "no JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"documents":' * 50_000, 400, "nested too deeply"),
        (b'{"text": ' + b"[" * 800 + b"]" * 800 + b"}", 422, "'text' of the document is a list"),
        (b"[]", 422, "the body is a list"),
        (b"null", 422, "the body is null"),
        (b"true", 422, "the body is true"),
        (b"1e999", 422, "the body is a number"),
        (b'"rain"', 422, "the body is a string"),
        (b"{}", 422, "neither"),
        (b'{"text": "rain", "documents": []}', 422, "both"),
        (b'{"documents": []}', 422, "empty list"),
        (b'{"documents": {}}', 422, "is an object"),
        (b'{"documents": null}', 422, "is null"),
        (b'{"documents": [{"text": "rain"}], "outlet": "East"}', 422, "'outlet' beside 'documents'"),
        (
            b'{"documents": [{"text": ""}, 3]}',
            422,
            "none of 2 documents can be used; the first: 'text' of documents[0]",
        ),
        (b'{"text": null}', 422, "is null"),
        (b'{"text": {"text": "rain"}}', 422, "is an object"),
        (b'{"text": ""}', 422, "is empty"),
        (b'{"text": " \\u0000\\n"}', 422, "is empty"),
        (b'{"text": "rain", "id": []}', 422, "'id' of the document is a list"),
        (b'{"text": "rain", "titel": "x"}', 422, "'titel'"),
        (b'{"text": "rain", "\\ud800": "x"}', 422, "'\\\\ud800'"),
        (b'{"text": "<html><body><script>x</script></body></html>"}', 422, "document '0'"),
    ],
)
def test_what_is_no_request(client: Any, body: bytes, status: int, said: str) -> None:
    found = client.post("/label", content=body, headers={"content-type": "application/json; charset=utf-8"})
    assert said in error_of(found, status)["message"]
    assert client.post("/label", json={"text": "Rain."}).status_code == 200


def test_a_mistyped_key_is_named(client: Any) -> None:
    assert error_of(client.post("/label", json={"text": "x", "titel": "y"}), 422)["next"] == "did you mean 'title'?"


def test_types_that_other_sites_can_send_are_refused(client: Any) -> None:
    body = b'{"text": "Rain."}'
    for given in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        found = client.post("/label", content=body, headers={"content-type": given} if given else {})
        assert error_of(found, 415)["expected"] == "application/json"
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    assert "gzip" in error_of(client.post("/label", content=body, headers=packed), 415)["message"]
    assert client.post("/", json={"text": "Rain."}).status_code == 415
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        assert client.post("/", data={"text": "Rain."}, headers={"sec-fetch-site": site}).status_code == status


def test_unknown_paths_and_methods(client: Any) -> None:
    assert "POST /label" in error_of(client.get("/labels"), 404)["expected"]
    refused = client.get("/label")
    error_of(refused, 405)
    assert refused.headers["allow"] == "POST"
    for path in ("/docs", "/redoc"):
        error_of(client.get(path), 404)


@pytest.mark.parametrize(
    "text",
    [
        "Rebels \ud800fled\udfff the town.",
        "\udc80",
        "Rebels\x00 fled \x1b[31mthe town\x07.",
        "\x93Rebels\x94 fled.",
        "\u202eRebels\u2066 fled \ufeff.",
        "القوات انسحبت 🙂 \U0010ffff",
        "&#8220;Rebels&#8221; fled.",
    ],
)
def test_strange_characters(client: Any, tiny_labeler: Labeler, text: str) -> None:
    from framing.reading.encodings import clean

    found = client.post("/label", content=json.dumps({"text": text, "outlet": text}), headers=JSON)
    assert found.json()["records"] == tiny_labeler.document(clean(text), outlet=clean(text)).to_dict()
    page = client.post("/", data={"text": text.encode("utf-8", "surrogatepass")})
    assert page.status_code == 200
    assert "\x00" not in page.text and "\x1b" not in page.text


def test_utf_16_and_a_byte_order_mark(client: Any, tiny_labeler: Labeler) -> None:
    expected = tiny_labeler.document("Rain – fell.").to_dict()
    for encoding in ("utf-8-sig", "utf-16"):
        body = '{"text": "Rain – fell."}'.encode(encoding)
        found = client.post("/label", content=body, headers=JSON)
        assert found.json()["records"] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("w" * 1_900_000, 413),
        ("w" * 190_000, 200),
        ("rebels fled " * 15_000, 200),
        ("Rain fell. " * 18_000, 200),
        ("A\n\n" * 50_000, 413),
        ("." * 50_000, 200),
        ("\n" * 190_000 + "x", 200),
        ("<p>" * 600_000, 413),
        ("<p>" * 190_000, 422),
        ("<p>Rain fell.</p>" * 11_000, 200),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_huge_texts(client: Any, text: str, status: int) -> None:
    found = client.post("/label", json={"text": text})
    assert found.status_code == status, found.text[:300]
    if status == 200:
        assert "".join(record["text"] for record in found.json()["records"]).strip()
    else:
        error_of(found, status)
    assert client.post("/label", json={"text": "Rain."}).status_code == 200


@pytest.mark.slow
def test_schemathesis_finds_nothing(tiny_labeler: Labeler) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, given, settings
    from schemathesis.specs.openapi import checks

    # A document that is not as it must be is set aside with a reason, and white space alone is no text: neither can
    # be told by the schema, so these two checks do not hold, and the tests above stand for them.
    unfit = [checks.negative_data_rejection, checks.positive_data_acceptance]
    app = create_app(tiny_labeler, Limits(documents=8))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen = set()
    for operation in schema.get_all_operations():

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.ok().as_strategy())
        def check(case: Any) -> None:
            response = case.call()
            seen.add((case.operation.path, response.status_code))
            case.validate_response(response, excluded_checks=unfit)

        check()
    assert {path for path, _ in seen} == {"/label", "/codebook", "/health", "/metrics"}
    assert ("/label", 200) in seen
    assert not {status for _, status in seen if status >= 500}


# --- what else it tells -----------------------------------------------------------------------------------------------


def test_health_says_which_model(client: Any, tiny_labeler: Labeler) -> None:
    said = client.get("/health").json()
    known = tiny_labeler.describe()
    assert said == {
        "ready": True,
        "version": framing.__version__,
        "model": known.pop("checkpoint"),
        "hash": known.pop("fingerprint"),
        **known,
    }


def test_before_and_after_its_time_it_is_not_ready(tiny_labeler: Labeler) -> None:
    client = testing.TestClient(create_app(tiny_labeler))
    for response in (client.get("/health"), client.post("/label", json={"text": "Rain."})):
        assert error_of(response, 503)["message"] == "the service is not ready"
        assert response.headers["retry-after"] == "5"
    with client:
        assert client.get("/health").json()["ready"] is True
        with pytest.raises(RuntimeError, match="one lifespan"), testing.TestClient(client.app):
            raise AssertionError("it began twice")
        assert client.get("/health").json()["ready"] is True
    error_of(client.get("/health"), 503)


def test_the_codebook_is_whole(client: Any, tiny_labeler: Labeler) -> None:
    said = client.get("/codebook").json()
    assert said.pop("fingerprint") == tiny_labeler.codebook.fingerprint
    assert Codebook.from_dict(said) == tiny_labeler.codebook
    assert all(label["definition"] for label in said["labels"])
    assert said["contrasts"]


def test_metrics_are_of_the_text_format_and_add_up(tiny_labeler: Labeler) -> None:
    with serving(tiny_labeler) as client:
        for text in ("Rain fell. Rebels fled.", "", "Rain."):
            client.post("/label", json={"text": text})
        client.get("/no/such/path")
        client.get("/another")
        found = client.get("/metrics")
        assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = found.text.splitlines()
        samples = [line for line in lines if not line.startswith("#")]
        form = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? [0-9.e+-]+')
        assert all(form.fullmatch(line) for line in samples)
        named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
        assert named == {re.split(r"[{ ]", line)[0] for line in samples}
        assert counted(client, "framing_sentences_total") == 3
        assert counted(client, "framing_documents_total") == 2
        assert counted(client, "framing_requests_total", path="/label", status="422") == 1
        assert counted(client, "framing_requests_total", path="other", status="404") == 2
        assert counted(client, "framing_queue") == 0
        assert 0 < counted(client, "framing_labelling_seconds_total") < 60
        assert counted(client, "framing_request_seconds_total", path="/label") < 60


def test_answers_are_kept_nowhere(client: Any) -> None:
    for response in (client.get("/"), client.post("/label", json={"text": "Rain."}), client.get("/nothing")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


# --- the page ---------------------------------------------------------------------------------------------------------

HOSTILE = (
    "</textarea><script>alert(1)</script> \"rebels\" &amp; <img src=x onerror=alert(1)> 'fled' https://example.org/x"
)


def page_of(response: Any) -> Any:
    """The page, read by a parser of HTML 5 that allows no error."""
    html5lib = pytest.importorskip("html5lib")
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(response.text)


def test_the_page_is_closed_to_the_outside(client: Any) -> None:
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = page_of(response)
    assert not re.findall(r"https?:|//[a-z]", response.text)
    assert not page.findall(".//script")
    (policy,) = [one.get("content") for one in page.findall(".//meta") if one.get("http-equiv")]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy
    assert "script-src" not in policy
    assert "prefers-color-scheme:dark" in response.text


def test_the_page_can_be_used_without_seeing_it(client: Any) -> None:
    page = page_of(client.get("/"))
    fields = [one for tag in ("input", "textarea") for one in page.iter(tag)]
    labelled = {one.get("for") for one in page.iter("label")}
    assert len(fields) == 2
    assert {one.get("id") for one in fields} <= labelled
    assert page.get("lang") == "en"
    ids = [one.get("id") for one in page.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    skip = next(one for one in page.iter("a") if one.get("class") == "skip")
    assert skip.get("href") == "#text"
    assert [one.tag for one in page.iter() if one.tag in ("h1", "h2", "h3")] == ["h1"]


def test_the_page_marks_what_the_view_marks(client: Any, tiny_labeler: Labeler) -> None:
    response = client.post("/", data={"text": TEXT.replace("\n", "\r\n"), "title": "Rain"})
    labels = next(tiny_labeler.documents([{"text": TEXT, "title": "Rain"}]))
    assert article_html(labels) in response.text
    page = page_of(response)
    assert page.find(".//form").get("action") == "#" + page.find(".//h2").get("id")
    assert page.find(".//textarea").text == TEXT
    assert page.find(".//input[@id='title']").get("value") == "Rain"
    (counts,) = page.iter("table")
    said = {row.find("th").text: int(row.find("td").text) for row in counts.iter("tr")}
    assert said == dict(labels.counts())


def test_a_hostile_article_is_text(client: Any, tiny_labeler: Labeler) -> None:
    for form in (
        {"text": "Rain.", "title": HOSTILE},
        {"text": HOSTILE},
        {"text": "\n\n" + HOSTILE},
        {"text": "", "title": HOSTILE},
    ):
        response = client.post("/", data=form)
        page = page_of(response)
        assert not page.findall(".//script") and not page.findall(".//img")
        assert page.find(".//textarea").text in (form["text"], None)
        assert page.find(".//input[@id='title']").get("value") == form.get("title", "")


def test_the_page_says_what_is_wrong(client: Any) -> None:
    response = client.post("/", data={"text": " ", "title": "Rain"})
    assert response.status_code == 422
    alert = page_of(response).find(".//div[@role='alert']")
    assert "'text' of the document is empty" in "".join(alert.itertext())
    assert f"#{alert.get('id')}" == page_of(response).find(".//form").get("action")
    many = "&".join(f"x{number}=1" for number in range(20))
    header = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/", content=many, headers=header).status_code == 400


# --- the command ------------------------------------------------------------------------------------------------------


def test_without_the_extra_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from framing.cli.main import app

    real = importlib.util.find_spec
    monkeypatch.setattr("framing.service.run.find_spec", lambda name: None if name == "uvicorn" else real(name))
    with pytest.raises(MissingExtraError):
        check_installed()
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2
    assert "pip install 'framing[serve]'" in result.stderr


def test_the_command_loads_no_web_framework_for_its_help() -> None:
    code = "import sys, framing.cli.main; print({'fastapi', 'uvicorn', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_an_address_that_cannot_be_had() -> None:
    from framing.cli.main import app

    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port}" in result.stderr and "--port" in result.stderr
    with pytest.raises(SettingError, match="no-such-host"):
        bind("no-such-host.invalid", 0)


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``framing serve`` as a process, and its port."""
    command = [
        sys.executable,
        "-m",
        "framing",
        "serve",
        "--port",
        "0",
        "--engine",
        "onnx",
        "--threads",
        "1",
        *arguments,
    ]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert started.stderr
        line = started.stderr.readline()
        address = re.search(r"answers on http://127\.0\.0\.1:(\d+)$", line.strip())
        assert address, line + started.stderr.read()
        yield started, int(address[1])
    finally:
        started.kill()
        started.wait()
        if started.stderr:
            started.stderr.close()


def ask(port: int, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/label", body, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_finishes_what_is_in_hand(tiny_folder: Path, tiny_labeler: Labeler) -> None:
    with process("--model", str(tiny_folder), "--timeout", "30", "--max-body", "1500000") as (started, port):
        status, found = ask(port, json.dumps({"text": TEXT}).encode())
        assert (status, found["records"]) == (200, tiny_labeler.document(TEXT).to_dict())
        # Larger than what is allowed: the answer is read although the body is not.
        status, found = ask(port, b" " * 5_000_000)
        assert (status, found["error"]["status"]) == (413, 413)
        # A client that goes away in the middle.
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(
                b"POST /label HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
        items = [{"text": "The army liberated the town, he said. Rebels fled. " * 100} for _ in range(60)]
        with ThreadPoolExecutor(1) as pool:
            long = pool.submit(ask, port, json.dumps({"documents": items}).encode())
            end = time.monotonic() + 20
            while b"framing_queue 1\n" not in metrics(port):
                assert time.monotonic() < end and not long.done()
            started.send_signal(signal.SIGTERM)
            status, found = long.result(60)
        assert status == 200
        assert len({record["document_id"] for record in found["records"]}) == 60
        assert started.wait(30) == 0
        assert started.stderr
        assert started.stderr.read() == ""
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def metrics(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        return connection.getresponse().read()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_a_process(tiny_folder: Path) -> None:
    with process("--model", str(tiny_folder)) as (started, port):
        assert ask(port, b'{"text": "Rain."}')[0] == 200
        started.send_signal(signal.SIGINT)
        assert started.wait(30) == 130
        assert started.stderr
        assert started.stderr.read() == "Interrupted.\n"
