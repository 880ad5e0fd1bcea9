"""Checkpoints that have a name: where they are found, and what is said where they are not."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import framing
from framing.errors import CheckpointNotFoundError
from framing.model import checkpoint, rows8
from framing.model.checkpoint import Checkpoint, locate
from framing.model.names import ACCURATE, MODELS, NamedModel
from tests.conftest import write_tiny_checkpoint

ROOT = Path(__file__).parent.parent.parent
PACKAGES = [model.distribution for model in MODELS.values() if model.distribution]


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a checkpoint that comes as a package of its own."""
    model = NamedModel("framing-far", "far away", "framing-far-away")
    monkeypatch.setattr(checkpoint, "MODELS", {**MODELS, "far": model})
    return "far"


def test_one_that_is_not_installed_says_how_to_install_it(far: str) -> None:
    with pytest.raises(CheckpointNotFoundError, match="'far' is not installed") as error:
        framing.load(far)
    assert "pip install framing-far-away" in (error.value.hint or "")
    assert "pip install ./packages/framing-far-away" in (error.value.hint or "")


def test_one_in_a_package_of_its_own_is_found_without_an_import(
    far: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "framing_far_away"
    shutil.copytree(tiny_folder, package / "framing-far")
    (package / "__init__.py").write_text("raise AssertionError('a package of data was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert locate(far) == package / "framing-far"
    assert Checkpoint.load(far).fingerprint == Checkpoint.load(tiny_folder).fingerprint
    assert "framing_far_away" not in sys.modules


def test_a_package_without_its_folder_does_not_count(far: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "framing_far_away").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CheckpointNotFoundError, match="not installed"):
        locate(far)


def test_a_wrong_name_is_told_the_right_ones() -> None:
    with pytest.raises(CheckpointNotFoundError) as error:
        locate("acurate")
    assert all(repr(name) in (error.value.expected or "") for name in MODELS)


@pytest.mark.parametrize("distribution", PACKAGES)
def test_the_package_that_is_named_is_the_one_in_the_repository(distribution: str) -> None:
    folder = ROOT / "packages" / distribution
    (model,) = (model for model in MODELS.values() if model.distribution == distribution)
    declared = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert declared["project"]["name"] == distribution
    assert declared["project"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert declared["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [model.module]
    assert (folder / str(model.module) / "__init__.py").is_file()
    assert re.search(rf'^FOLDER = "{model.folder}"$', (folder / "hatch_build.py").read_text(), re.MULTILINE)
    # Data only: nothing runs when somebody imports it.
    body = ast.parse((folder / str(model.module) / "__init__.py").read_text()).body
    assert [type(node) for node in body] == [ast.Expr]
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


LABEL_A_SENTENCE = """
import framing
from framing.model.checkpoint import locate
print(locate("accurate"))
print(framing.load("accurate", engine="onnx")("Rebels fled the city.").to_dict())
"""


@pytest.mark.slow
@pytest.mark.wheel
def test_the_package_is_built_from_the_repository_and_found_where_it_is_installed(tmp_path: Path) -> None:
    """With a tiny checkpoint in place of the real one, from which nothing here depends."""
    model = MODELS[ACCURATE]
    half = write_tiny_checkpoint(tmp_path / "half", model_type="mpnet")
    source = tmp_path / "repository" / "packages" / str(model.distribution)
    shutil.copytree(ROOT / "packages" / str(model.distribution), source, ignore=shutil.ignore_patterns("dist"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(source)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert refused.returncode != 0 and "there is no checkpoint" in refused.stdout + refused.stderr
    rows8.convert(half, tmp_path / "repository" / "models" / model.folder)
    subprocess.run(command, check=True, capture_output=True, timeout=300)  # the sdist, and the wheel from the sdist
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (tmp_path / "repository" / "models" / model.folder).iterdir()
    inside = {f"{model.module}/{model.folder}/{path.name}" for path in files}
    assert {name for name in names if ".dist-info/" not in name} == inside | {f"{model.module}/__init__.py"}

    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, timeout=300)
    # The library too, away from the models of this checkout.
    shutil.copytree(ROOT / "framing", site / "framing", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    told = subprocess.run(
        [sys.executable, "-c", LABEL_A_SENTENCE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0] == str(site / str(model.module) / model.folder)
    assert json.loads((site / str(model.module) / model.folder / "config.json").read_text())["weights"] == "int8-rows"
