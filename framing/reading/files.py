"""From names to files: folders, glob patterns, addresses, standard input, and tables that describe files."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
import stat
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from framing.errors import ColumnError, InputError, OutputError, UnreadableFileError
from framing.reading.encodings import decode, visible
from framing.reading.formats import FORMATS, check_format, format_of
from framing.reading.streams import STANDARD_INPUT, Source, filesystem_of, is_address, no_driver, unreadable

INDEX_NAME = "index.csv"
INDEX_COLUMNS = ("file", "id", "outlet", "published", "title")

_PARTITION = re.compile(r"([^=/]+)=(.*)")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_WILDCARD = re.compile(r"[*?[]")
# Files that Hugging Face datasets write beside their data: descriptions, and results of earlier calls.
_BESIDE_ARROW = re.compile(r"(?:.*/)?(?:dataset_info\.json|state\.json|cache-[^/]*\.arrow)")
_SPLITS = "dataset_dict.json"
# Keys under which a store tells the state of a file; not every store has one.
_VERSIONS = ("mtime", "ETag", "etag", "md5Hash", "created")


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be read.

    Attributes:
        path: an absolute path, an address, or ``-`` for standard input.
        label: its name in ids and messages: the path relative to the folder or pattern it was found by, with ``/``.
            With several inputs, it begins with the name that the user gave that input.
        format: the name of one of :data:`~framing.reading.formats.CLASSES`; empty if the first bytes decide.
        is_named: the user named the file itself, and not a folder or a pattern.
        known: what an index says about it, by column.
        partition: Hive partition columns from the names of its folders; ``None`` for Hive's null.
        size: in bytes; 0 where unknown.
        version: changes when the file is written again: its modification time, or the state that a store gives.
        problem: why it cannot be read, if that is known before it is opened; else empty.
    """

    path: str
    label: str
    format: str = ""
    is_named: bool = False
    known: Mapping[str, str] = field(default_factory=dict)
    partition: Mapping[str, str | None] = field(default_factory=dict)
    size: int = 0
    version: str = ""
    problem: str = ""


def expand(
    names: Sequence[str], *, format: str | None = None, index: str | os.PathLike[str] | None = None
) -> list[InputFile]:
    """Find the files that the user names.

    Args:
        names: files, folders, glob patterns, ``-``; local, or addresses of fsspec (``s3://…``). A name that exists is
            not taken for a pattern. A folder stands for all its files and those of its subfolders, in the order of
            their names, except files and folders whose name begins with ``.`` or ``_``.
        format: the format of all files, whatever their names end in.
        index: a table that describes files (:data:`INDEX_COLUMNS`). It overrides a folder's own ``index.csv``.

    Returns:
        The files in order, each once, however often it is named or linked to. A file has a ``problem`` if a folder or
        pattern led to it and it cannot be read (unknown format, broken link, pipe), or if an index describes it and it
        does not exist.

    Raises:
        UnreadableFileError: no file has the name, or the index cannot be read.
        ColumnError: the index has no column ``file``.
        InputError: a folder is empty, or two files would get the same label.
        SettingError: there is no such format.
        MissingExtraError: the driver of an address is not installed.
    """
    check_format(format)
    missing: dict[str, InputFile] = {}
    known = {} if index is None else _read_index(os.fspath(index), missing)
    seen = set() if index is None else {_identity(os.fspath(index))}
    files: list[InputFile] = []
    for name in names:
        named = _named(name)
        for file in named.files:
            if named.is_folder and file.label == INDEX_NAME and _is_index(file.path):
                seen.add(_identity(file.path))
                known = _read_index(file.path, missing) | known
        for file in named.files:
            identity = _identity(file.path)
            if identity not in seen:
                seen.add(identity)
                # Ids contain labels, and with several inputs the same name may come from several folders.
                label = file.label if len(names) == 1 else _writable(named.prefix) + file.label
                described = replace(file, label=label, known=known.get(identity, {}), partition=_partition(file.label))
                files.append(_with_format(described, format))
    taken = {file.label for file in files}
    # An absent file is called by its path where its name alone does not tell it apart.
    files += [
        replace(file, label=_writable(file.path)) if len(names) > 1 or file.label in taken else file
        for file in missing.values()
    ]
    _check_labels(files)
    return files


def input_with(path: str | os.PathLike[str], names: Sequence[str]) -> str | None:
    """The first of the inputs that a local path belongs to, or ``None``.

    A path belongs to an input if it is one of its files, if it lies in its folder, or if it is a folder that the input
    lies in; also if it does not exist yet and the input is a pattern that would match it. The path itself is never
    read as a pattern.
    """
    target = Path(os.path.realpath(path))
    # The same file may have several names: links, and other letters where upper and lower case are the same.
    identities = _identities(target)
    for name in names:
        local = _local_name(name)
        places = [Path(os.path.realpath(place)) for place in _matches(local)] if local else []
        if any(target.is_relative_to(place) or place.is_relative_to(target) for place in places):
            return name
        if any(_is_one_of(place, identities) for place in places):
            return name
        if local and not os.path.lexists(local) and _would_match(local, target):
            return name
        if name == STANDARD_INPUT and _is_standard_input(target):
            return name
    return None


def refuse_output_among(
    written: Iterable[str | os.PathLike[str] | None], names: Iterable[str | os.PathLike[str] | None]
) -> None:
    """Refuse to write over what is read.

    Args:
        written: the files and folders that are to be written; ``None`` and ``-`` count for nothing.
        names: the inputs, as :func:`expand` takes them, and other files that are read; ``None`` counts for nothing.

    Raises:
        OutputError: one of those is among these (:func:`input_with`).
    """
    read_from = [os.fspath(name) for name in names if name is not None]
    for path in written:
        if path is not None and path != STANDARD_INPUT and (name := input_with(path, read_from)):
            raise OutputError(
                f"the output {visible(os.fspath(path))} is among the inputs ({visible(name)})",
                expected="a place outside of what is read",
                hint="write it to another folder",
            )


def _identities(path: Path) -> set[tuple[int, int]]:
    """Device and number of a path and of the folders that it lies in, as far as they exist."""
    found = set()
    for place in (path, *path.parents):
        with suppress(OSError):
            state = place.stat()
            found.add((state.st_dev, state.st_ino))
    return found


def _is_one_of(path: Path, identities: Collection[tuple[int, int]]) -> bool:
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_ino != 0 and (state.st_dev, state.st_ino) in identities


def _local_name(name: str) -> str:
    """The local path or pattern of an input; empty if it has none."""
    if is_address(name):
        return name.partition("://")[2] if name.startswith(("file://", "local://")) else ""
    return "" if name == STANDARD_INPUT else name


def _would_match(pattern: str, target: Path) -> bool:
    """Whether a pattern matches a path that need not exist, as :func:`glob.glob` would."""
    fixed = _fixed_part(pattern)
    root = Path(os.path.realpath(fixed or "."))
    if not _WILDCARD.search(pattern) or not target.is_relative_to(root):
        return False
    return _parts_match(pattern.removeprefix(fixed).split("/"), target.relative_to(root).parts)


def _parts_match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern == ["**"]:  # a last ** matches files too, as in glob
        return not any(part.startswith(".") for part in parts)
    if pattern[0] == "**" and _parts_match(pattern[1:], parts):
        return True
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    if pattern[0] == "**":
        return _parts_match(pattern, parts[1:])
    return fnmatchcase(parts[0], pattern[0]) and _parts_match(pattern[1:], parts[1:])


def _is_standard_input(path: Path) -> bool:
    """Whether standard input is redirected from this file."""
    try:
        return path.is_file() and os.path.samestat(os.fstat(sys.stdin.fileno()), path.stat())
    except (OSError, ValueError, AttributeError):  # standard input is closed, or an object in memory
        return False


def _matches(name: str) -> list[str]:
    """A local name if it exists, else what it matches as a pattern."""
    if os.path.lexists(name):
        return [name]
    before, stars, behind = f"/{name}/".partition("/**/")
    if not stars:
        # Not Path.glob, which takes no absolute patterns.
        return sorted(glob.glob(name, recursive=True))  # noqa: PTH207
    # glob would follow a link to a folder above it again and again.
    roots = _matches(before[1:]) if before[1:] else ["/" if name.startswith("/") else "."]
    folders = [folder for root in roots if _is_folder_at(root) for folder in _folders_below(root)]
    found = [match for folder in folders for match in _matches(f"{glob.escape(folder)}/{behind.rstrip('/') or '*'}")]
    return sorted(dict.fromkeys(os.path.normpath(match) for match in found))


def _folders_below(root: str) -> Iterator[str]:
    """A folder and all folders in it, the nearest first. Links are followed, but no folder is entered twice."""
    entered: set[str] = set()
    waiting = deque([root])
    while waiting:
        folder = waiting.popleft()
        if (real := os.path.realpath(folder)) in entered:
            continue
        entered.add(real)
        yield folder
        try:
            with os.scandir(folder) as entries:
                names = sorted(e.path for e in entries if _is_folder(e) and not e.name.startswith("."))
        except OSError:  # glob too passes over folders that it may not read
            continue
        waiting.extend(names)


def _identity(path: str) -> str:
    """One string per file, the same for all names that lead to it."""
    return path if is_address(path) or path == STANDARD_INPUT else os.path.realpath(path)


#: Ending of a file that another program must turn into text first -> how.
_OTHER_PROGRAMS = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as “CSV UTF-8” first"),
    **dict.fromkeys((".pdf", ".docx", ".doc", ".odt", ".rtf", ".epub"), "save it as text or HTML first"),
    **dict.fromkeys((".sav", ".dta", ".rds", ".rdata", ".sas7bdat"), "export the table as CSV or Parquet first"),
}


def _with_format(file: InputFile, format: str | None) -> InputFile:
    found = format_of(file.path) if format is None else format
    if found or file.problem or (found == "" and file.is_named):
        return replace(file, format=found or "")
    name = PurePosixPath(file.path).name
    first = next((step for ending, step in _OTHER_PROGRAMS.items() if name.lower().endswith(ending)), None)
    problem = (
        f"the name of {visible(name)} tells no format; expected a name that ends in "
        f"{', '.join(FORMATS)}, also packed (.gz, .zst, .bz2, .xz), or the format with --format"
    ) + (f"; {first}" if first else "")
    return replace(file, problem=problem)


def _partition(relative: str) -> dict[str, str | None]:
    matches = (_PARTITION.fullmatch(part) for part in PurePosixPath(relative).parts[:-1])
    pairs = ((match[1], unquote(match[2])) for match in matches if match)
    return {name: None if value == _HIVE_NULL else value for name, value in pairs}


def _check_labels(files: Sequence[InputFile]) -> None:
    seen: dict[str, str] = {}
    for file in files:
        if (other := seen.setdefault(file.label, file.path)) != file.path:
            raise InputError(
                f"{other} and {file.path} would both be called {file.label}",
                expected="names that tell files apart",
                hint="rename one of them",
            )


# --- names ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    """What a name stands for.

    Attributes:
        prefix: the part of the name before the labels of the files, as the user wrote it.
        files: with labels relative to the prefix.
        is_folder: the name stands for a folder.
    """

    prefix: str
    files: list[InputFile]
    is_folder: bool = False


def _named(name: str) -> _Named:
    if name == STANDARD_INPUT:
        return _Named("", [InputFile(name, "stdin", is_named=True)])
    try:
        named = _addressed(name) if is_address(name) else _local(name)
    except OSError as error:  # it lies in a folder that may not be entered, or is too long
        raise unreadable(name, error) from error
    if named.is_folder and not named.files:
        raise InputError(f"the folder {name} holds no files", expected="files with texts in it")
    if not named.files:
        raise UnreadableFileError(
            f"there is no file {name!r}",
            expected="a file, a folder, a glob pattern that matches something, or '-' for standard input",
            hint="check the path",
        )
    return named


def _local(name: str) -> _Named:
    path = Path(name)
    if path.is_dir():
        prefix = "" if path == Path() else path.as_posix().rstrip("/") + "/"
        found = list(_files_below(str(path.absolute()), "", set()))
        return _Named(prefix, _without_bookkeeping(found), is_folder=True)
    if path.exists():
        return _Named(path.as_posix().removesuffix(path.name), [_local_file(path, path.name, is_named=True)])
    if path.is_symlink():
        raise UnreadableFileError(
            f"{visible(name)} {_no_file(path)}", expected="a file", hint="mend the link, or leave it out"
        )
    fixed = _fixed_part(path.as_posix())
    matches = [match for match in map(Path, _matches(name)) if not _is_folder_at(match)]
    return _Named(fixed, [_local_file(match, match.as_posix().removeprefix(fixed)) for match in matches])


def _local_file(path: Path, relative: str, *, is_named: bool = False) -> InputFile:
    label = _writable(relative)
    try:
        state = path.stat()
    except OSError as error:  # a dead link, or one into a folder that may not be entered; or it is gone by now
        if is_named:
            raise
        why = _no_file(path) if path.is_symlink() else f"cannot be read: {error.strerror}"
        return InputFile(str(path.absolute()), label, problem=f"{visible(label)} {why}")
    if not is_named and not stat.S_ISREG(state.st_mode):
        return InputFile(str(path.absolute()), label, problem=f"{visible(label)} {_no_file(path)}")
    version = str(state.st_mtime_ns)
    return InputFile(str(path.absolute()), label, is_named=is_named, size=state.st_size, version=version)


def _writable(name: str) -> str:
    """A name as a label: text that can be written, even if the name is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _no_file(path: Path) -> str:
    """Why a name that is neither a file nor a folder cannot be read."""
    if path.is_symlink() and not os.path.exists(path):  # noqa: PTH110 - Path.exists may raise an error
        return f"is a link to {visible(os.readlink(path))}, which is not there"  # noqa: PTH115 - works for a loop too
    return "is a pipe, a socket or a device, and no file; it is read only where it is named itself"


def _files_below(folder: str, relative: str, entered: set[str]) -> Iterator[InputFile]:
    """Files of a folder, in the order of their names. Links are followed, but no folder is entered twice."""
    real = os.path.realpath(folder)
    if real in entered:
        return
    entered.add(real)
    try:
        with os.scandir(folder) as entries:
            visible = sorted((e for e in entries if not e.name.startswith((".", "_"))), key=lambda entry: entry.name)
    except OSError as error:
        yield InputFile(folder, relative, problem=unreadable(f"the folder {relative or folder}", error).message)
        return
    for entry in visible:
        if _is_folder(entry):
            yield from _files_below(entry.path, f"{relative}{entry.name}/", entered)
        else:
            yield _local_file(Path(entry.path), relative + entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # DirEntry.is_dir raises for a link that leads back to itself.
    return _is_folder_at(entry.path) if entry.is_symlink() else entry.is_dir()


def _is_folder_at(path: str | Path) -> bool:
    """Whether there is a folder. Unlike :meth:`Path.is_dir`, a link that may not be followed is no error."""
    return os.path.isdir(path)  # noqa: PTH112


def _addressed(name: str) -> _Named:
    try:
        filesystem, root = filesystem_of(name)
    except (ImportError, ValueError) as error:
        raise no_driver(name, error) from error
    try:
        # Over HTTP, fsspec takes any page with links for a folder.
        if filesystem.isdir(root) and ("http" not in filesystem.protocol or name.endswith("/")):
            root = root.rstrip("/") + "/"
            found = _remote_files(filesystem, filesystem.find(root, detail=True), root)
            visible = [file for file in found if not re.search(r"(?:^|/)[._]", file.label)]
            return _Named(f"{name.rstrip('/')}/", _without_bookkeeping(visible), is_folder=True)
        if filesystem.exists(root):
            folder = root.rpartition("/")[0] + "/"
            (file,) = _remote_files(filesystem, {root: filesystem.info(root)}, folder)
            return _Named(name.removesuffix(file.label), [replace(file, is_named=True)])
        matches = filesystem.glob(root, detail=True) if _WILDCARD.search(root) else {}
        files = {path: info for path, info in matches.items() if info["type"] == "file"}
        return _Named(_fixed_part(name), _remote_files(filesystem, files, _fixed_part(root)))
    except Exception as error:  # drivers raise errors of their own kinds
        raise unreadable(name, error) from error


def _remote_files(filesystem: Any, infos: Mapping[str, Any], root: str) -> list[InputFile]:
    return [
        InputFile(
            str(filesystem.unstrip_protocol(path)),
            path.removeprefix(root),
            size=int(info.get("size") or 0),
            version=next((str(info[key]) for key in _VERSIONS if info.get(key)), ""),
        )
        for path, info in sorted(infos.items(), key=lambda item: item[0].split("/"))
    ]


def _fixed_part(pattern: str) -> str:
    """The part of a pattern up to the last ``/`` before its first wildcard."""
    match = _WILDCARD.search(pattern)
    return pattern[: pattern.rfind("/", 0, match.start() if match else len(pattern)) + 1]


def _without_bookkeeping(files: list[InputFile]) -> list[InputFile]:
    """The files without those that Hugging Face datasets write beside their data."""
    folders = {file.label.rpartition("/")[0] for file in files if file.label.endswith(".arrow")}

    def is_data(file: InputFile) -> bool:
        folder, _, name = file.label.rpartition("/")
        return name != _SPLITS and not (folder in folders and _BESIDE_ARROW.fullmatch(name))

    return [file for file in files if is_data(file)] if folders else files


# --- tables that describe files ---------------------------------------------------------------------------------------


def _read_index(table: str, missing: dict[str, InputFile]) -> dict[str, dict[str, str]]:
    """What an index says, by the identity of the file; files that do not exist are added to ``missing``."""
    with Source(table, table) as source:
        data = source.read_all()
    text = decode(data, table)
    # The name of a file may be in another encoding than the table, so its undecoded bytes are tried too.
    escaped = text if b"\0" in data else data.decode("utf-8", "surrogateescape")
    known = {}
    for number, (cells, undecoded) in enumerate(zip(_index_rows(text), _index_rows(escaped), strict=False), start=2):
        if "file" not in cells:
            raise ColumnError(
                f"the index {table} has no column 'file'", expected=f"the columns {', '.join(INDEX_COLUMNS)}"
            )
        path = cells["file"]
        if not is_address(path):
            folder = table.rpartition("/")[0] if is_address(table) else str(Path(table).absolute().parent)
            path = f"{folder}/{path}"
            if not _is_file(path) and _is_file(own := f"{folder}/{undecoded.get('file', '')}"):
                path = own
        known[_identity(path)] = {name: cell for name, cell in cells.items() if cell}
        if not (is_address(path) or _is_file(path)):
            problem = f"the file is not there, though {table}:{number} describes it"
            missing.setdefault(_identity(path), InputFile(path, cells["file"], problem=problem))
    return known


def _is_file(path: str) -> bool:
    """Whether there is a file. Unlike :meth:`Path.is_file`, no name is an error: cells of tables may hold anything."""
    return os.path.isfile(path)  # noqa: PTH113


def _index_rows(text: str) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")):
        yield {name.strip().casefold(): cell.strip() for name, cell in row.items() if name and isinstance(cell, str)}


def _is_index(path: str) -> bool:
    """Whether a folder's ``index.csv`` is an index of its files, and not a table of texts."""
    try:
        with Source(path, path) as source:
            header = decode(source.beginning().partition(b"\n")[0], path)
        return "file" in [name.strip().casefold() for name in next(csv.reader([header]), [])]
    except (UnreadableFileError, csv.Error):
        return False
