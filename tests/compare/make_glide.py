"""Makes ``glide.json``: corrected ratios by an independent implementation of prediction-powered inference.

glide-py (https://pypi.org/project/glide-py/) needs Python 3.12, so that its numbers are kept, and its code is not
run by the tests:

    python3.12 -m venv glide && glide/bin/pip install glide-py==0.11.0
    glide/bin/python tests/compare/make_glide.py

Its estimators are of means. The ratio of two means is the R at which the mean of ``y - R x`` is zero, which is found by
halving; its standard error is that of the mean at this R, by the mean of x. A document is a cluster.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from glide.estimators import ASIMeanEstimator, ClusteredPPIMeanEstimator

TOTAL, ANNOTATED, CORPORA = 240, 60, 8


def corpus(seed: int) -> dict[str, list]:
    """Documents with x mentions, y of them by a name; a model that errs; and a sample with known probabilities."""
    generator = np.random.default_rng(seed)
    x = generator.integers(1, 8, TOTAL)
    y = generator.binomial(x, generator.beta(2, 3, TOTAL))
    guess_y = generator.binomial(y, 0.85) + generator.binomial(x - y, 0.1)
    guess_x = np.maximum(x + generator.integers(-1, 2, TOTAL), guess_y)
    even = np.sort(generator.choice(TOTAL, ANNOTATED, replace=False))
    probability = np.clip(ANNOTATED * np.sqrt(x) / np.sqrt(x).sum(), 0.05, 1)
    uneven = np.flatnonzero(generator.random(TOTAL) < probability)
    made = {"x": x, "y": y, "guess_x": guess_x, "guess_y": guess_y, "even": even, "uneven": uneven}
    return {name: values.tolist() for name, values in made.items()} | {"probability": probability.round(6).tolist()}


def ratio(made: dict[str, list], which: str) -> dict[str, float]:
    x, y, guess_x, guess_y = (np.array(made[name], dtype=float) for name in ("x", "y", "guess_x", "guess_y"))
    known = np.zeros(TOTAL, dtype=bool)
    known[made[which]] = True

    def mean(true: np.ndarray, proxy: np.ndarray) -> tuple[float, float]:
        true = np.where(known, true, np.nan)
        if which == "even":
            found = ClusteredPPIMeanEstimator().estimate(true, proxy, np.arange(TOTAL))
        else:
            found = ASIMeanEstimator().estimate(true, proxy, np.array(made["probability"]))
        return float(found.confidence_interval.mean), float(np.sqrt(found.confidence_interval.var))

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        above = mean(y - middle * x, guess_y - middle * guess_x)[0] > 0
        low, high = (middle, high) if above else (low, middle)
    error = mean(y - low * x, guess_y - low * guess_x)[1] / mean(x, guess_x)[0]
    return {"value": round(low, 8), "error": round(error, 8)}


if __name__ == "__main__":
    corpora = []
    for seed in range(CORPORA):
        made = corpus(seed)
        corpora.append({**made, "ratios": {which: ratio(made, which) for which in ("even", "uneven")}})
    told = {"made_by": "tests/compare/make_glide.py", "glide-py": version("glide-py"), "corpora": corpora}
    Path(__file__).with_name("glide.json").write_text(json.dumps(told, separators=(",", ":")) + "\n", encoding="utf-8")
