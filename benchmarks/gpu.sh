#!/usr/bin/env bash
# Tests and measures the GPU engine: on a machine with a GPU, without a network, from the repository's root.
# See benchmarks/GPU.md. Results go to $OUT, or to benchmarks/results where it is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
out="${OUT:-benchmarks/results}"
mkdir -p "$out"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
python="${PYTHON:-python3}"

if compgen -G "wheels/*.whl" >/dev/null; then
  # Beside what the machine has, not over it: it keeps its own torch. What it has already comes first.
  site="$(mktemp -d)"
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" wheels/*.whl
  export PYTHONPATH="$PYTHONPATH:$site"
fi

echo "== what runs here"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || true
"$python" - <<'PYTHON'
import framing

with framing.load(engine="torch", device="cuda") as labeler:
    for _ in range(4):  # enough for graphs to be made
        labeler([f"The army liberated town {n} from terrorists, state TV claimed." for n in range(64)])
    for key, value in labeler.describe().items():
        print(f"{key}: {value}")
PYTHON

echo "== tests"
# A failing test is reported at the end; the measurements are worth having all the same.
failed=0
"$python" -m pytest tests/gpu tests/engine/test_torch_engine.py tests/engine/test_pipeline.py -p no:cacheprovider \
  --durations=10 2>&1 | tee "$out/gpu_tests.log" || failed=1

echo "== throughput"
"$python" -m benchmarks.throughput --suite benchmarks/throughput/gpu.yaml --out "$out" 2>&1 |
  tee "$out/gpu_throughput.log"

echo "== batch jobs"
# A document's sentences are cut by sentencex; without it (see GPU.md) this part is left out.
if "$python" -c "import sentencex" 2>/dev/null; then
  "$python" -m benchmarks.batch_speed --device cuda --kilobytes 40000 --largest 100000 --out "$out" 2>&1 |
    tee "$out/gpu_batch.log" || failed=1
  # One process cannot feed a GPU: the same corpus with more and more of them on one GPU.
  scratch="$(mktemp -d)"
  "$python" -c "
from pathlib import Path
from benchmarks.memory.run import write_corpus
write_corpus(Path('$scratch/corpus.jsonl'), 120_000_000)"
  for processes in 1 2 4 8 14; do
    echo "$processes processes on one GPU"
    "$python" -m framing batch "$scratch/corpus.jsonl" "$scratch/job-$processes" --device cuda \
      --processes "$processes" --unit-rows 500 --progress none 2>&1 | tail -3
  done | tee "$out/gpu_processes.log" || failed=1
  rm -rf "$scratch"
else
  echo "sentencex is not installed: not measured"
fi

exit "$failed"
