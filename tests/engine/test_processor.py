"""What the processor offers, told by the system."""

import os
from pathlib import Path

import numpy as np
import pytest

from framing.engine.processor import instructions, usable_cores

X86 = "processor\t: 0\nmodel name\t: Xeon\nflags\t\t: fpu sse2 fma avx2 avx512f avx512_vnni amx_int8 xsave\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd aes asimddp i8mm\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86, ("avx2", "fma", "avx512f", "avx512_vnni", "amx_int8")),
        (ARM, ("asimd", "asimddp", "i8mm")),
        ("processor\t: 0\n", ()),
    ],
)
def test_instructions_are_read_from_the_systems_list(text: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert instructions(path) == expected


def test_where_there_is_no_list_numpy_is_asked(tmp_path: Path) -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    names = ",".join([*found["baseline"], *found["found"]]).lower()
    assert ",".join(instructions(tmp_path / "missing")) == names


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cores_are_those_that_the_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
