"""The Ray runner gives the rows that the local one gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framing.batch import local
from framing.batch.progress import Tally
from framing.batch.verify import verify
from framing.errors import FramingError, SettingError
from tests.batch.corpora import articles, contents, settings, write_jsonl

ray = pytest.importorskip("ray", reason="the extra framing[ray] is not installed")


@pytest.fixture(scope="module")
def small_cluster() -> Iterator[None]:
    """Two CPUs, which is where a Ray job that needs more actors than those with the model would hang."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def loading(folder: Path) -> dict[str, Any]:
    return {"checkpoint": str(folder), "engine": "onnx", "threads": 1, "device": "cpu"}


@pytest.fixture
def begun(run_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A job of ten units of which the first is done, and the same job done."""
    corpus = write_jsonl(tmp_path / "in.jsonl", [*articles(39), {"text": None}])
    run_job(corpus, tmp_path / "whole", settings(rows=4))
    through = local._work_through
    monkeypatch.setattr(local, "_work_through", lambda units, *rest: through(iter([next(units)]), *rest))
    return run_job(corpus, tmp_path / "out", settings(rows=4))


@pytest.mark.usefixtures("small_cluster")
def test_ray_goes_on_with_a_local_job_and_ends_alike(begun: Any, tiny_folder: Path, tmp_path: Path) -> None:
    from framing.batch.ray import Cluster, UnitRunnerError

    todo = [unit for unit in begun.plan.units if begun.done(unit) is None]
    assert len(todo) == 9
    tally = Tally(10, 40)
    with Cluster("auto", loading(tiny_folder), 2) as cluster:
        assert cluster.model() == begun.plan.model
        cluster.run(begun, todo, tally)
    assert (tally.units, tally.rows, tally.rejected) == (9, 36, 1)
    assert tally.tokens_now > tally.sentences_now > 36
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert verify(begun).problems == []

    corpus = tmp_path / "in.jsonl"
    corpus.write_bytes(corpus.read_bytes().replace(b"Article 5", b"Article 6"))
    begun.path("done", 1, "json").unlink()
    with (
        Cluster("auto", loading(tiny_folder)) as cluster,
        pytest.raises(UnitRunnerError, match="has changed since the job was planned"),
    ):
        cluster.run(begun, [begun.plan.units[1]], tally)


@pytest.mark.usefixtures("small_cluster")
def test_a_model_that_a_node_does_not_have(tmp_path: Path) -> None:
    from framing.batch.ray import Cluster, UnitRunnerError

    with Cluster("auto", loading(tmp_path / "none")) as cluster, pytest.raises(UnitRunnerError, match="no checkpoint"):
        cluster.model()


def test_an_actor_knows_its_plan(begun: Any, tiny_folder: Path) -> None:
    """In this process, without Ray: what it answers where units or models are not as planned."""
    from framing.batch.ray import UnitRunner

    runner = UnitRunner(str(begun.folder), begun.fingerprint, loading(tiny_folder))
    for _ in range(3):
        begun.begin(begun.plan.units[4])
    assert "3 processes died over unit 4, from row 17 of in.jsonl" in runner({"unit": [4]})["error"][0]
    assert runner({"unit": [5]})["error"] == [""]
    runner._model = replace(runner._model, precision="bf16")
    assert "the model on this node is onnx, bf16" in runner({"unit": [6]})["error"][0]
    with pytest.raises(FramingError, match="holds another job"):
        UnitRunner(str(begun.folder), "other", loading(tiny_folder))


@pytest.mark.parametrize(
    ("loading", "gpus"),
    [
        ({}, 1),
        ({"engine": "torch", "device": "cuda"}, 1),
        ({"engine": "openvino", "device": "auto"}, 0),
        ({"device": "cpu", "threads": 4}, 0),
    ],
)
def test_actors_take_a_gpu_where_the_engine_can_use_it(
    monkeypatch: pytest.MonkeyPatch, loading: dict[str, Any], gpus: int
) -> None:
    from framing.batch.ray import Cluster

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"GPU": 8.0, "CPU": 64.0})
    share = Cluster("auto", loading)._share()
    assert (share.gpus, share.cpus) == (gpus, loading.get("threads", 1))


def test_no_cluster() -> None:
    from framing.batch.ray import Cluster

    ray.shutdown()
    with pytest.raises(SettingError, match="there is no Ray cluster at 'auto'"), Cluster("auto", {}):
        pass
