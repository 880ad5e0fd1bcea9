"""Imports go downward, and `import framing` stays light."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "framing"
#: Names of transformers and argparse that have no public form.
OF_OTHER_LIBRARIES = {"_attn_implementation", "_name_or_path", "_actions", "_get_train_sampler", "_save"}

ROW = re.compile(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", re.MULTILINE)
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def rooms() -> dict[str, set[str]]:
    """Room -> rooms that it may import, from the table of ARCHITECTURE.md; rooms stand there from the ground up."""
    table = ROW.findall((PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    names = [name for name, _ in table]
    return {name: set(names) if "all" in allowed else set(re.findall(r"`(\w+)`", allowed)) for name, allowed in table}


@cache
def imported_framing_modules(path: Path) -> frozenset[str]:
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "framing":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("framing.")}
    return frozenset(found)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_what_its_room_may(path: Path) -> None:
    if (own := room_of(path)) in ("__init__", "__main__"):
        return
    assert own in rooms(), f"{own} is no room of ARCHITECTURE.md"
    assert not imported_framing_modules(path) - rooms()[own] - {own}


def test_the_map_has_no_room_or_way_too_many() -> None:
    used: dict[str, set[str]] = {}
    for path in MODULES:
        used.setdefault(room_of(path), set()).update(imported_framing_modules(path) - {room_of(path)})
    known = rooms()
    assert set(known) == set(used) - {"__init__", "__main__"}
    assert {room: allowed - used[room] for room, allowed in known.items() if room != "cli"} == {
        room: set() for room in known if room != "cli"
    }


def test_imports_go_downward() -> None:
    order = list(rooms())
    for room, allowed in rooms().items():
        assert all(order.index(other) < order.index(room) for other in allowed - {room}) or room == "cli", room


def private_uses(path: Path) -> set[str]:
    """Names with an underscore that a module takes from another module of the package or from an object of it."""
    nodes = list(ast.walk(parsed(path)))
    found = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("framing", "benchmarks"))
        for alias in node.names
        if alias.name.startswith("_") and alias.name != "_options"
    }
    own = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name)}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            found |= {node.attr} - own
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_uses_private_names_of_another(path: Path) -> None:
    assert private_uses(path) <= OF_OTHER_LIBRARIES


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) > 30


def loaded_modules(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in result.stdout.splitlines()[-1].split()}


def test_import_framing_is_light() -> None:
    heavy = {
        "torch",
        "transformers",
        "evaluate",
        "datasets",
        "sklearn",
        "scipy",
        "pandas",
        "pyarrow",
        "numpy",
        "onnxruntime",
    }
    assert not loaded_modules("import framing; framing.Codebook; framing.FramingError; framing.__version__") & heavy


def test_labelling_on_a_cpu_needs_no_torch() -> None:
    code = "import framing; framing.load(engine='onnx')('Militants left the city, the ministry said.')"
    assert not loaded_modules(code) & {"torch", "transformers", "evaluate", "datasets", "sklearn", "pandas"}


@pytest.mark.slow
def test_labelling_sentences_in_torch_needs_only_what_runs_the_model() -> None:
    blocked = ("datasets", "evaluate", "sentencex", "onnxruntime", "onnx", "trafilatura", "sklearn", "scipy")
    code = f"""
for name in {blocked}:
    sys.modules[name] = None  # importing it fails
import framing
labeler = framing.load(engine="torch", device="cpu")
labels = labeler(["Militants left the city, the ministry said.", ""])
assert "militants" in labels[0].frames and not labels[1].frames, labels
"""
    assert {"torch", "transformers"} <= loaded_modules(code)
