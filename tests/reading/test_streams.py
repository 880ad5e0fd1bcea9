"""Bytes: what is packed gives what went in, what is damaged gives what comes before, and text comes as UTF-8."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from framing.errors import UnreadableFileError
from framing.reading.encodings import decode
from framing.reading.streams import BLOCK, Source
from tests.reading.packings import PACK

LINES = "".join(f"Line {number} says that “it rained” for days and days.\n" for number in range(10_000))
DATA = LINES.encode("utf-8")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("members", [1, 3])
def test_unpacked_whatever_the_name(tmp_path: Path, ending: str, members: int) -> None:
    step = len(DATA) // members + 1
    parts = [PACK[ending](DATA[start : start + step]) for start in range(0, len(DATA), step)]
    path = write(tmp_path / "x", b"".join(parts))
    with Source(str(path), "x") as source:
        assert source.read_all() == DATA
    with Source(str(path), "x") as source:
        assert b"".join(source.blocks()) == DATA
    with Source(str(path), "x") as source:
        file = source.random_access()
        file.seek(1000)
        assert file.read(50) == DATA[1000:1050]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [ending for ending in PACK if ending])
@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_what_comes_before_a_damage_is_given_and_the_damage_told(tmp_path: Path, ending: str, damage: str) -> None:
    chance = random.Random(0)
    data = "".join(f"Line {number}: {chance.random()}\n" for number in range(100_000)).encode()
    packed = bytearray(PACK[ending](data))
    middle = 3 * len(packed) // 4
    if damage == "cut off":
        del packed[middle:]
    else:
        packed[middle : middle + 200] = bytes(200)
    given = []
    with (
        Source(str(write(tmp_path / "x", bytes(packed))), "x") as source,
        pytest.raises(UnreadableFileError, match="x is damaged or was cut off here"),
    ):
        given.extend(source.blocks())
    read = b"".join(given)
    # bzip2 unpacks blocks of 900 kB; the others nearly all that is there.
    assert len(read) > len(data) // (4 if ending == ".bz2" else 2)
    if damage == "cut off":
        assert data.startswith(read)


@pytest.mark.slow
@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_is_utf_8_and_can_be_read_back_in_any_order(tmp_path: Path, ending: str, encoding: str) -> None:
    path = write(tmp_path / "x", PACK[ending](LINES.encode(encoding)))
    with Source(str(path), "x") as source:
        assert source.text().read() == DATA
        packing, found, start = source.packing, source.encoding, source.start
    places = [(start + n, start + n + 777) for n in (0, 5, 3 * BLOCK, 2 * BLOCK, len(DATA) - 777, 100)]
    with Source(str(path), "x", packing=packing, encoding=found) as source:
        for begin, end in places:
            assert source.read_range(begin, end) == DATA[begin - start : end - start]


def test_what_cannot_be_decoded_takes_nothing_else_with_it(tmp_path: Path) -> None:
    wide = "It rained.\n".encode("utf-16") + b"\x3d\xd8" + "It snowed.".encode("utf-16-le") + b"x"
    with Source(str(write(tmp_path / "x", wide)), "x") as source:
        assert source.text().read().decode() == "It rained.\n\ufffdIt snowed.\ufffd"


@pytest.mark.parametrize("data", [b"BZh is how it begins.", b"\x1f is a control character"])
def test_texts_that_begin_nearly_as_packed_files_do(tmp_path: Path, data: bytes) -> None:
    with Source(str(write(tmp_path / "x", data)), "x") as source:
        assert (source.packing, source.read_all()) == ("", data)


@pytest.mark.slow
def test_hashes_are_those_of_the_stored_bytes(tmp_path: Path) -> None:
    import hashlib

    for ending, pack in PACK.items():
        data = pack(DATA)
        with Source(str(write(tmp_path / f"x{ending}", data)), "x", hashing=True) as source:
            source.text().read(100)
            assert source.hexdigest() == hashlib.sha256(data).hexdigest()


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with write(tmp_path / "x", DATA).open(encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        with Source("-", "stdin") as source:
            assert source.read_all() == DATA
        assert not stream.buffer.closed
        stream.seek(0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    with Source("-", "stdin") as source:
        assert source.read_all() == b"x"


@pytest.mark.parametrize(
    "text", ["Zoë left.", "“Hi.”", "He said “no”…", "Café", "Çà et là", "‘Terrorists’ — he said", "Señor"]
)
def test_short_texts_in_cp1252(text: str) -> None:
    assert decode(text.encode("cp1252"), "a.txt") == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет, мир. Мы ушли вчера вечером из города.", "cp1251"), ("Café", "utf-8"), ("a", "ascii")],
)
def test_other_scripts_are_not_taken_for_cp1252(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt") == text
