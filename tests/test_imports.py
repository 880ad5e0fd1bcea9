"""Imports go downward, and `import framing` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "framing"

# From the ground up. A module may import from its own layer and from those before it.
LAYERS = [
    ["errors"],
    ["types", "files"],
    ["codebook"],
    ["markup"],
    ["seeds"],
    ["text"],
    ["model"],
    ["engine"],
    ["labeler"],
    ["records"],
    ["evaluate"],
    ["train"],
    ["batch"],
    ["benchmark"],
    ["cli"],
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_framing_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "framing":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("framing.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downward(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in RANK, f"{own} has no place in the order of imports; add it to LAYERS"
    upward = {name for name in imported_framing_modules(path) if RANK.get(name, len(LAYERS)) > RANK[own]}
    assert not upward, f"{own} imports upward: {sorted(upward)}"


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
