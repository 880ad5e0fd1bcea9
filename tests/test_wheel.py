"""What a user installs: the wheel, in a clean environment, away from the checkout, without a network."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.wheel, pytest.mark.slow]

LABEL_A_SENTENCE = """
import socket
def no_network(*args, **kwargs):
    raise AssertionError("something asked for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no_network

import framing
from framing.model.checkpoint import Checkpoint, locate
for name in ("shipped", "fast"):
    folder = locate(name)
    assert "site-packages" in str(folder), folder
    Checkpoint.load(name)  # verifies SHA256SUMS
    labels = framing.load(name)("The army liberated the town from terrorists, state TV claimed.")
    assert {"liberation", "terrorists"} <= set(labels.frames), labels.frames
    assert labels.hedged
print("labelled", sorted(labels.frames))
"""


def build(kind: str, source: Path, target: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(target), str(source)],
        check=True,
        capture_output=True,
        timeout=600,
    )
    (made,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def clean_environment(folder: Path, wheel: Path) -> Path:
    """A fresh environment with nothing but the wheel; its dependencies are seen through a .pth file.

    Installing torch anew for each test would take minutes and prove nothing about our wheel. The checkout is not on
    the path: dependencies come from this interpreter's site-packages, where an editable install of ours would show up
    as a finder; the assertion on the checkpoint's place makes sure that it is the wheel that answers.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=300
    )
    (site_packages,) = folder.glob("lib/python*/site-packages")
    dependencies = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    (site_packages / "dependencies.pth").write_text(str(dependencies) + "\n")
    return python


def run_away_from_checkout(python: Path, code: str, folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    result = subprocess.run(
        [python, "-c", code],
        cwd=folder,
        env=environment | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_wheel_labels_a_sentence(tmp_path: Path) -> None:
    wheel = build("wheel", ROOT, tmp_path / "dist")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"framing/shipped/framing-minilm-{size}/model.safetensors" for size in ("l6", "l4")} <= set(names)
    assert not [name for name in names if name.startswith("framing/shipped/framing-mpnet")]  # a distribution of its own
    assert any(name.startswith("framing/recipes/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "training/", "benchmarks/"))]
    python = clean_environment(tmp_path / "env", wheel)
    assert "labelled" in run_away_from_checkout(python, LABEL_A_SENTENCE, tmp_path)
    version = subprocess.run(
        [tmp_path / "env" / "bin" / "framing", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert version.stdout.strip()


def test_wheel_from_sdist_holds_the_same_files(tmp_path: Path) -> None:
    direct = zipfile.ZipFile(build("wheel", ROOT, tmp_path / "direct"))
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    via_sdist = zipfile.ZipFile(build("wheel", source, tmp_path / "via"))
    direct_sums = {i.filename: i.CRC for i in direct.infolist() if not i.filename.endswith("RECORD")}
    assert {i.filename: i.CRC for i in via_sdist.infolist() if not i.filename.endswith("RECORD")} == direct_sums
