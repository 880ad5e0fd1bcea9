"""A training set that a tiny encoder learns in seconds, and the arguments of a run on it."""

from pathlib import Path

CODEBOOK = {"name": "two_sides", "labels": ["rebels", "terrorists"]}
SUBJECTS = {"rebels": "rebels", "terrorists": "terrorists", "": "army"}
ENDS = ["fled the town", "came at night", "seized the city", "will return", "fled", "came to the market"]


def marked_rows() -> list[str]:
    rows = []
    for group, end in enumerate(ENDS * 6):
        for label, word in SUBJECTS.items():
            subject = f"[[{word}|{label}.author]]" if label else word
            rows.append(f"g{group}\tbody\tThe {subject} {end}")
    return rows


def arguments(workspace: Path, encoder: Path, output: str, **settings: object) -> list[str]:
    chosen = {
        "train": str(workspace / "train.tsv"),
        "codebook": str(workspace / "codebook.yaml"),
        "base": str(encoder),
        "output_dir": str(workspace / output),
        "use_cpu": "true",
        "disable_tqdm": "true",
        "learning_rate": "3e-3",
        "head_learning_rate": "1e-2",
        "per_device_train_batch_size": "8",
        "num_train_epochs": "4",
        "early_stopping_patience": "0",
        **settings,
    }
    return [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
