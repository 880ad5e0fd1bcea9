"""docs/batch.md says what is so: its recipes for SLURM and Ray are run here, on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from framing.batch.job import Job
from framing.batch.verify import verify
from tests.batch.corpora import articles, records, write_jsonl

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```bash\n(.*?)```", (DOCS / "batch.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def block(part: str) -> str:
    (found,) = [text for text in BLOCKS if part in text]
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    for name in ("a", "b"):
        write_jsonl(tmp_path / "corpus" / f"{name}.jsonl", [{**row, "id": name + row["id"]} for row in articles(6)])
    return tmp_path


def started(script: str, here: Path, **variables: str) -> subprocess.Popen[str]:
    """A script of the page in a shell, with folders of this machine."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    written = script.replace("/shared/", f"{here}/")
    assert written != script
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", written], env=environment, stderr=subprocess.PIPE, text=True
    )


def test_tasks_of_the_slurm_array_at_the_same_time(here: Path) -> None:
    script = block("#SBATCH")
    # Smaller units than a corpus of twelve articles would have, so that there is something for each task.
    script = script.replace("--progress json", "--progress json --unit-rows 2")
    tasks = [started(script, here, SLURM_ARRAY_TASK_ID=str(number), SLURM_ARRAY_TASK_COUNT="3") for number in range(3)]
    messages = [task.communicate()[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0, 0], messages
    found = verify(Job.load(here / "labels"))
    assert (found.units, found.rows, found.problems) == (6, 12, [])
    assert len({record["document_id"] for record in records(here / "labels")}) == 12


def test_the_ray_command_with_a_ray_of_this_machine(here: Path) -> None:
    pytest.importorskip("ray", reason="the extra framing[ray] is not installed")
    script = block("--ray auto").replace("--ray auto", "--ray local --device cpu").replace("actors 64", "actors 2")
    command = started(script, here)
    _, messages = command.communicate()
    assert command.returncode == 0, messages
    found = verify(Job.load(here / "labels"))
    assert (found.rows, found.problems) == (12, [])


def test_the_ray_cluster_is_one_that_ray_would_start() -> None:
    config = yaml.safe_load((DOCS / "ray_cluster.yaml").read_text(encoding="utf-8"))
    assert any("framing[ray]" in command for command in config["setup_commands"])
    pytest.importorskip("ray", reason="the extra framing[ray] is not installed")
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(config))
