"""What the processor has: cores, and instructions for matrix products."""

from __future__ import annotations

import os
from pathlib import Path

#: Instructions that make matrix products faster, by their names in Linux: x86-64, then ARM.
_RELEVANT = (
    *("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "avx_vnni", "avx512_vnni", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2", "sme"),
)


def usable_cores() -> int:
    """Logical cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Instruction sets for matrix products that the processor has, e.g. ``("avx2", "fma", "avx512_vnni")``.

    For records of a run, and for the choice of an engine; runtimes choose their kernels by themselves.

    Args:
        cpuinfo: Linux's list. If it does not exist, NumPy's names for what it found are returned.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _found_by_numpy()
    flags = next((line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features"))), "")
    present = set(flags.split())
    return tuple(name for name in _RELEVANT if name in present)


def _found_by_numpy() -> tuple[str, ...]:
    import numpy as np

    known = np.show_config(mode="dicts") or {}
    extensions = known.get("SIMD Extensions", {})
    return tuple(str(name).lower() for name in [*extensions.get("baseline", ()), *extensions.get("found", ())])
