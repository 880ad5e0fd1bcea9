"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from framing.errors import OutputError


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file; at every moment its name stands for the old content or the new one, whole.

    The text goes into a temporary file beside it, which then takes its name and, of a file that was there, its mode.

    Args:
        path: the file; its folder must exist.
        text: what to write, as UTF-8 with line ends as they are.

    Raises:
        OutputError: it cannot be written; what was there before is unchanged, and nothing is left over.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
        # A temporary file is for its owner alone.
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}",
            expected="a folder that exists, may be written to, and has room",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
