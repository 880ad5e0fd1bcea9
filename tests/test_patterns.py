"""No pattern of ours blows up, whatever text it is given: time grows with the length of the text, and no faster.

Texts come from outside, and a pattern that tries a run of blanks from each of its places hangs on a page of 100,000
of them. Every compiled pattern is fed runs and mixes of what its own source names, through the methods that our code
calls on it. Patterns that only ever see a bounded piece of text are held to that bound.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import pkgutil
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import framing
from framing.reading.html import looks_like_html
from framing.reading.repairs import repaired
from framing.text.sentences import split

pytestmark = pytest.mark.slow

PACKAGES = ("text", "reading", "decoding", "markup", "codebook")
TINY, SMALL, LARGE = 2_000, 10_000, 100_000
#: So many of a pattern's texts are tried at full length: those that take it longest when they are short.
SLOWEST = 8
#: Seconds of this process. Linear time is ten times as long for ten times the text, quadratic time a hundred times.
AT_ONCE, RATIO = 0.5, 20
METHODS = {"search": ("search", "finditer", "findall", "sub", "subn", "split"), "match": ("match",)}
METHODS["fullmatch"] = ("fullmatch",)
ALWAYS = [" ", "A", "a ", "(", '"', "<", "<!-- ", "7", "- ", "Aa ", ", ", "\n", "\t", "'", "&", "[", "…", "A, ", ". "]

#: Patterns of which every caller cuts the text first: the longest piece that they see, in code points.
BOUNDED = {"framing.text.kinds._ADDRESS": 400, "framing.text.kinds._NOTICE_INSIDE": 400}


def modules() -> Iterator[Any]:
    for name in PACKAGES:
        package = importlib.import_module(f"framing.{name}")
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"framing.{name}."):
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Module, class and name of each pattern -> the pattern, those in tuples and mappings too."""
    found: dict[int, tuple[str, re.Pattern[Any]]] = {}

    def visit(value: Any, name: str) -> None:
        if isinstance(value, re.Pattern):
            found.setdefault(id(value), (name, value))
        elif isinstance(value, tuple | list):
            for number, item in enumerate(value):
                visit(item, f"{name}[{number}]")
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(item, f"{name}[{key!r}]")

    for module in modules():
        simple = {name: v for name, v in vars(module).items() if not name.startswith("__")}
        for name, value in sorted(simple.items(), key=lambda item: not isinstance(item[1], re.Pattern)):
            visit(value, f"{module.__name__}.{name}")
            if isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, inner in vars(value).items():
                    visit(inner, f"{module.__name__}.{name}.{attribute}")
    return dict(found.values())


PATTERNS = patterns()
SOURCES = [path.read_text(encoding="utf-8") for path in sorted(Path(framing.__path__[0]).rglob("*.py"))]


def methods(name: str) -> list[str]:
    """Which of search, match and fullmatch our code calls on a pattern; all where its name does not tell."""
    module, _, last = name.rpartition(".")
    private = last.startswith("_") and module in sys.modules
    sources = [Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8")] if private else SOURCES
    called = {call for source in sources for call in re.findall(rf"\b{re.escape(last)}\s*\.(\w+)", source)}
    return [method for method, calls in METHODS.items() if called.intersection(calls)] or list(METHODS)


def pieces(pattern: re.Pattern[Any]) -> list[str]:
    """What a pattern's source names: its characters, runs of them, and one of each set and class."""
    of_class = {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "7", "CATEGORY_WORD": "a", "CATEGORY_NOT_SPACE": "a"}
    found: list[str] = []

    def visit(parsed: Any) -> None:
        run = ""
        for operation, argument in parsed:
            kind = str(operation)
            if kind == "LITERAL":
                run += chr(argument)
                continue
            if run:
                found.extend((run, run[0]))
                run = ""
            if kind == "IN":
                for inner, value in argument:
                    if str(inner) == "RANGE":
                        found.append(chr(value[0]))
                    elif str(inner) == "LITERAL":
                        found.append(chr(value))
                    elif str(inner) == "CATEGORY":
                        found.append(of_class.get(str(value), "-"))
            elif kind in ("NOT_LITERAL", "ANY"):
                found.append("b")
            elif kind == "BRANCH":
                for branch in argument[1]:
                    visit(branch)
            elif isinstance(argument, tuple):
                for inner in argument:
                    if hasattr(inner, "data"):
                        visit(inner)
                    elif isinstance(inner, tuple | list):
                        for part in inner:
                            if hasattr(part, "data"):
                                visit(part)
        if run:
            found.extend((run, run[0]))

    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    visit(
        re._parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    )
    return list(dict.fromkeys(found))


def texts(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], str]]:
    """Makers of texts of a length: runs, mixes, and a beginning with a run behind it."""
    own = pieces(pattern)[:40]
    for piece in dict.fromkeys([*own, *ALWAYS]):
        yield lambda n, p=piece: (p * (n // len(p) + 1))[:n]
        yield lambda n, p=piece: (p * (n // len(p) + 1))[: n - 1] + "~"
    for first, second in itertools.product(own[:10], repeat=2):
        yield lambda n, p=first + second: (p * (n // len(p) + 1))[:n]
        yield lambda n, a=first, b=second: (a + b * (n // len(b) + 1))[:n]
    for first, second in itertools.product(own[:5], (" ", "A ", "a", "7", "\n")):
        yield lambda n, a=first, b=second: (a + b * (n // len(b) + 1))[:n]
        yield lambda n, p=second * 3 + first: (p * (n // len(p) + 1))[:n]


class _TooLongError(Exception):
    pass


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop what runs longer, in seconds of this process: the matcher looks for signals while it works."""

    def stop(number: int, frame: Any) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def seconds(call: Callable[[str], Any], text: str, limit: float) -> float | None:
    """How long a call takes; ``None`` if longer than the limit."""
    begin = time.process_time()
    try:
        with limited(limit):
            call(text)
    except _TooLongError:
        return None
    return time.process_time() - begin


def caller(pattern: re.Pattern[Any], method: str) -> Callable[[str], Any]:
    """Goes through the whole text: a search that finds something goes on behind it."""
    if method == "search":
        method = "finditer"
    apply = getattr(pattern, method)
    run = (lambda text: deque(apply(text), maxlen=0)) if method == "finditer" else apply
    return run if isinstance(pattern.pattern, str) else lambda text: run(text.encode("latin-1", "replace"))


def blows_up(call: Callable[[str], Any], make: Callable[[int], str]) -> str:
    """What is wrong with the time that a call takes over a text that grows; empty if nothing."""
    short = seconds(call, make(SMALL), 2.0)
    if short is None:
        return f"more than 2 s for {SMALL} code points of {make(12)!r}…"
    if short * 100 < AT_ONCE:  # then even quadratic time is short
        return ""
    limit = max(AT_ONCE, RATIO * short)
    if seconds(call, make(LARGE), limit) is None:
        return f"{short:.3f} s for {SMALL} code points of {make(12)!r}…, more than {limit:.1f} s for {LARGE}"
    return ""


@pytest.mark.parametrize("pattern", [r"<!--.*?-->", r"(?:\w+\s?)+:", r"(?:a|a)*b"])
def test_patterns_that_blow_up_are_found(pattern: str) -> None:
    compiled = re.compile(pattern)
    assert any(blows_up(caller(compiled, "search"), make) for make in texts(compiled))


def test_there_are_patterns() -> None:
    """The collection finds what it is to find: in every module that makes one, in classes and in tuples."""
    named = {name.split("[")[0] for name in PATTERNS}
    assert len(PATTERNS) > 80
    assert {"framing.text.sentences._ABBREVIATED", "framing.text.sentences._TITLE_AT_END"} & named
    assert {"framing.reading.html._TAG", "framing.text.kinds._BUTTONS", "framing.text.quotations._MARK"} <= named


@pytest.mark.parametrize("name", sorted(set(PATTERNS) - set(BOUNDED)))
def test_time_grows_with_the_text(name: str) -> None:
    pattern = PATTERNS[name]
    problems = []
    for method in methods(name):
        call = caller(pattern, method)
        cost = {make: seconds(call, make(TINY), 1.0) or 1.0 for make in texts(pattern)}
        slowest = sorted(cost, key=lambda make: -cost[make])[:SLOWEST]
        problem = next(filter(None, (blows_up(call, make) for make in slowest)), "")
        problems += [f"{name}.{method}: {problem}"] if problem else []
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_a_bounded_piece_is_read_at_once(name: str) -> None:
    pattern = PATTERNS[name]
    for method, make in itertools.product(methods(name), texts(pattern)):
        text = make(BOUNDED[name])
        assert seconds(caller(pattern, method), text, 0.1) is not None, f"{name}.{method}: {text[:12]!r}…"


@pytest.mark.parametrize("call", [split, looks_like_html, repaired], ids=lambda call: call.__name__)
@pytest.mark.parametrize("piece", [*ALWAYS, "Aa, ", "By A, ", "<p ", "&#", "â€", "> ", "a\n", "a \n\n", "A: ", "> >"])
def test_time_of_reading_grows_with_the_text(call: Callable[[str], Any], piece: str) -> None:
    assert not blows_up(call, lambda n: (piece * (n // len(piece) + 1))[:n])
