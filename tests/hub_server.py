"""A stand-in for the Hugging Face hub: the part of its HTTP interface that uploads and downloads of models use.

What it answers follows the client (``huggingface_hub``), which is the real one in the tests. Files above
:data:`LARGE` bytes, and all weights, go through the large-file protocol, as on the hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

LARGE = 10_000
TOKEN = "hf_of_a_test"
USER = "someone"

#: A process that opens what its first argument names, and says where it is and what it labels.
LOAD = """
import json, sys, framing
with framing.load(sys.argv[1], engine="onnx", threads=1, revision=eval(sys.argv[2])) as labeler:
    print(json.dumps([str(labeler.checkpoint.folder), labeler.checkpoint.fingerprint]))
    print(json.dumps(labeler("The rebels fled, the ministry said.").to_dict()))
"""


@dataclass
class Repository:
    """Its branches: name -> (commit, path -> content); and whether it is private."""

    private: bool
    branches: dict[str, tuple[str, dict[str, bytes]]] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.put("main", {})

    def put(self, branch: str, files: dict[str, bytes]) -> str:
        commit = hashlib.sha1(f"{len(self.commits)}{branch}".encode()).hexdigest()
        self.branches[branch] = (commit, files)
        self.commits[commit] = files
        return commit

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision in self.branches:
            return self.branches[revision]
        return (revision, self.commits[revision]) if revision in self.commits else None


class Hub:
    """The state of the stand-in, and the address where it listens."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.endpoint = ""
        self.asked: list[str] = []


def _etag(content: bytes) -> str:
    is_large = len(content) > LARGE
    return hashlib.sha256(content).hexdigest() if is_large else hashlib.sha1(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self._answer({"error": code}, status, **{"X-Error-Code": code, "X-Error-Message": code})

    def _may(self, repository: Repository | None) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}" or (
            repository is not None and not repository.private and self.command in ("GET", "HEAD")
        )

    def _handle(self) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.asked.append(f"{self.command} {path}")
        body = self._body()
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._answer({"errors": self._faults(json.loads(body)["content"]), "warnings": []})
        elif found := re.fullmatch(r"/large/(\w+)", path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            hub.large[found[1]] = body
            self._answer({})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?|/([^/]+/[^/]+?)((?:\.git)?/.*)", path):
            name, rest = found[1] or found[3], found[2] or found[4] or ""
            repository = hub.repositories.get(name)
            if not self._may(repository):
                self._refuse(401, "RepoNotFound" if self.command in ("GET", "HEAD") else "Unauthorized")
            elif repository is None:
                self._refuse(404, "RepoNotFound")
            else:
                self._of(name, repository, rest, body)
        else:
            self._refuse(404, "NotFound")

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    @staticmethod
    def _faults(card: str) -> list[dict[str, str]]:
        """What the hub would say of a card's header, as far as it is known of the fields that we write."""
        header = yaml.safe_load(card.split("---")[1])
        kinds = {"language": str, "tags": list, "library_name": str, "pipeline_tag": str}
        faults = [f'"{name}" is missing' for name, kind in kinds.items() if not isinstance(header.get(name), kind)]
        if not re.fullmatch("[a-z]{2,3}", header.get("language", "")):
            faults.append('"language" must be a code of two or three letters')
        return [{"message": fault} for fault in faults]

    def _create(self, asked: dict[str, Any]) -> None:
        if not self._may(None):
            return self._refuse(401, "Unauthorized")
        name = f"{asked.get('organization') or USER}/{asked['name']}"
        if not name.startswith(f"{USER}/"):
            return self._refuse(403, "Forbidden")
        url = {"url": f"{self.hub.endpoint}/{name}"}
        if name in self.hub.repositories:
            return self._answer({"error": "You already created this model repo", **url}, 409)
        is_private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.repositories[name] = Repository(bool(is_private))
        return self._answer(url)

    def _of(self, name: str, repository: Repository, rest: str, body: bytes) -> None:
        part, _, tail = rest.strip("/").partition("/")
        if rest == ".git/info/lfs/objects/batch":
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.endpoint}/large/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self._answer({"transfer": "basic", "objects": objects})
        if part == "branch":
            repository.branches.setdefault(tail, repository.branches["main"])
            return self._answer({}, 201)
        if part == "resolve":
            revision, _, path = tail.partition("/")
            return self._file(repository, revision, path)
        found = repository.at(tail.strip("/") or "main")
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, files = found
        if part == "preupload":
            large = {one["path"]: one["size"] > LARGE for one in json.loads(body)["files"]}
            modes = [
                {"path": path, "uploadMode": "lfs" if is_large else "regular", "shouldIgnore": False}
                for path, is_large in large.items()
            ]
            return self._answer({"files": modes})
        if part == "commit":
            return self._commit(name, repository, tail, files, body)
        if part == "tree":
            return self._answer([self._entry(path, content) for path, content in files.items()])
        siblings = [{"rfilename": path} for path in files]
        return self._answer(
            {"id": name, "sha": commit, "siblings": siblings, "private": repository.private, "tags": []}
        )

    @staticmethod
    def _entry(path: str, content: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": _etag(content)[:40]}
        if len(content) > LARGE:
            entry["lfs"] = {"oid": _etag(content), "size": len(content), "pointerSize": 134}
        return entry

    def _commit(self, name: str, repository: Repository, branch: str, files: dict[str, bytes], body: bytes) -> None:
        changed = dict(files)
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                repository.messages.append(value["summary"])
            elif entry["key"] == "file":
                changed[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                changed[value["path"]] = self.hub.large[value["oid"]]
        commit = repository.put(branch, changed)
        self._answer({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{commit}"})

    def _file(self, repository: Repository, revision: str, path: str) -> None:
        found = repository.at(revision)
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, files = found
        if path not in files:
            return self._refuse(404, "EntryNotFound")
        return self._answer(
            files[path],
            **{"ETag": f'"{_etag(files[path])}"', "X-Repo-Commit": commit, "Content-Type": "application/octet-stream"},
        )


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that listens on this machine while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def python(
    server: Hub, home: Path, script: str, *args: str, token: str = TOKEN, ok: bool = True, **settings: str
) -> subprocess.CompletedProcess[str]:
    """A process of its own: the client reads the hub's address once, when it is imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.endpoint,
        "HF_HOME": str(home),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        **settings,
    }
    command = [sys.executable, "-c", script, *args] if "\n" in script else [sys.executable, "-m", script, *args]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert (result.returncode == 0) == ok, result.stderr
    return result


def sums_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}
