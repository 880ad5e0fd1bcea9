"""The pages that lead a newcomer through commands: every command is run, in order, as it stands there."""

import csv
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import framing
from framing.evaluate.gold import GoldSet

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "own_codebook.md").read_text(encoding="utf-8")
FOLDER = ROOT / "examples" / "_own_codebook"


def commands(page: str) -> list[list[str]]:
    """The commands of a page's bash blocks, split into words."""
    blocks = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]


def table(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_has_every_step() -> None:
    named = Counter(" ".join(words[:2]) if words[0] == "framing" else words[0] for words in commands(PAGE))
    assert named["framing-train"] == 2
    steps = ("convert", "codebook", "agree", "evaluate", "label", "suggest", "compare", "report")
    assert set(named) == {"framing-train", *(f"framing {step}" for step in steps)}


def test_the_files_hold_what_the_page_says() -> None:
    codebook = framing.Codebook.load(FOLDER / "codebook.yaml")
    train, test = table("train.csv"), GoldSet.read(FOLDER / "test.tsv", codebook)
    assert (len(train), len(test)) == (150, 50)
    documents = {row["document"] for row in train}, set(test.groups)
    assert [len(one) for one in documents] == [30, 10]
    assert not documents[0] & documents[1]
    labels = [label for row in train for label in row["labels"].split(";") if label]
    assert set(labels) == set(codebook.label_names)
    texts = [row["text"] for row in train] + [sentence.text for sentence in test.sentences]
    assert len(set(texts)) == 200
    anna, ben = table("anna.csv"), table("ben.csv")
    assert [row["text"] for row in anna] == [row["text"] for row in ben]
    assert {row["text"] for row in anna} < {sentence.text for sentence in test.sentences}
    alike = sum(set(a["labels"].split(";")) == set(b["labels"].split(";")) for a, b in zip(anna, ben, strict=True))
    assert f"{alike} of {len(anna)} sentences the same labels" in PAGE
    articles = table("articles.csv")
    assert len(articles) == 20
    assert not {row["id"] for row in articles} & (documents[0] | documents[1])


def test_the_main_command_does_not_read_the_example() -> None:
    assert not [document.id for document in framing.read([str(ROOT / "examples")]) if "weekly-" in document.id]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="links to the examples")
def test_every_command_of_the_page_runs(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said: list[str] = []
    for words in commands(PAGE):
        if words[0] == "framing-train":
            # The page's model takes 100 CPU seconds; the commands are the same for one that is hardly trained.
            words += ["--num_train_epochs", "3"]
        run = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert run.returncode == 0, (words, run.stdout, run.stderr)
        said.append(run.stdout)
    assert "0.775" in next(text for words, text in zip(commands(PAGE), said, strict=True) if words[1] == "agree")
    for words in commands(PAGE):
        for option in ("--output", "--output_dir", "--write-codebook", "--disagreements"):
            if option in words:
                assert (tmp_path / words[words.index(option) + 1]).exists(), words
    inferred = framing.Codebook.load(tmp_path / "found.yaml")
    assert set(inferred.label_names) == set(framing.Codebook.load(FOLDER / "codebook.yaml").label_names)
    labelled = list(framing.read_labels(tmp_path / "labels.parquet"))
    assert len(labelled) == 20
