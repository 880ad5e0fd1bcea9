"""CoNLL: a token and its tag on each line, an empty line behind each sentence.

What is read has the token in its first column and the tag in its last, in BIO (IOB1 and IOB2), BIOES or BILOU. The text
is that of a comment ``# text = …`` as CoNLL-U has it; where there is none, the tokens joined by spaces. What is written
has both: tokens that fit the spans, in BIO (IOB2), several names of the same words joined by ``+``, and in further
comments where the sentence is from, and its labels. Spans that overlap have no place in one column of tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from framing.convert.bio import spans_of_tags
from framing.convert.formats.base import FileFormat, Sample, as_json, explaining
from framing.convert.passages import NamedLabel, NamedSpan, Passage, origin_of
from framing.convert.tokens import tokenize
from framing.errors import InputError
from framing.reading import read_rows

_COMMENT = re.compile(r"#\s*([\w.]+)\s*=\s?(.*)", re.DOTALL)
_TAG_LINE = re.compile(r"\S+(?:[\t ]\S*)*[\t ](?:O|[BIESLU]-\S+)")
_NO_TAG = re.compile(r"[\s+]")
_LINE_END = re.compile(r"[\n\r]")
_DOCUMENT = "-DOCSTART-"


class Conll(FileFormat):
    """CoNLL; it holds spans that do not overlap, of words, and without scores."""

    name = "conll"
    endings = (".conll", ".bio", ".iob", ".iob2", ".conllu")

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether nearly all lines are a token and a tag."""
        lines = [line for line in sample.beginning.split("\n")[:-1][:200] if line.strip() and not line.startswith("# ")]
        return bool(lines) and sum(bool(_TAG_LINE.fullmatch(line.strip())) for line in lines) > 0.9 * len(lines)

    def read(self, path: str) -> Iterator[Passage]:
        """The sentences of a file."""
        for file in read_rows([path], format="text", on_reject=self.notes.set_aside):
            document = 0
            # Lines end with \n alone: a token may be any other sign.
            number, block = 1, []
            for line in [*file.values["text"].split("\n"), ""]:
                if line.strip():
                    block.append(line.removesuffix("\r"))
                elif block:
                    where = f"{file.input}:{number - len(block)}"
                    if block[0].startswith(_DOCUMENT):
                        document += 1
                    else:
                        found = None
                        with self.notes.setting_aside(where, block[0]), explaining(self.name):
                            found = self._passage(block, where, f"{file.input}:{document}" if document else None)
                        if found is not None:
                            yield found
                    block = []
                number += 1

    def _passage(self, block: list[str], where: str, document: str | None) -> Passage | None:
        comments: dict[str, str] = {}
        tokens, tags = [], []
        for line in block:
            match = _COMMENT.fullmatch(line) if line.startswith("#") and "\t" not in line.split("=")[0] else None
            if match:
                comments[match[1]] = match[2]
                continue
            columns = line.split("\t") if "\t" in line else line.split()
            if len(columns) < 2:
                if line.startswith("#"):
                    continue
                raise InputError(f"the line {line!r}", expected="a token and a tag")
            tokens.append(columns[0])
            tags.append(columns[-1].strip())
        if not tokens:
            return None
        text = json.loads(comments["text_json"]) if "text_json" in comments else comments.get("text")
        places = _places(tokens, text)
        if text is None or places is None:
            if text is not None:
                self.notes.lose("texts of comments that are not those of their tokens")
            text = " ".join(tokens)
            places = _places(tokens, text) or []
        spans = []
        for start, end, names in spans_of_tags(tags, places):
            spans += [NamedSpan(start, end, name) for name in names.split("+")]
        labels = map(NamedLabel, json.loads(comments.get("labels", "[]")))
        origin = origin_of(comments, comments.get("sent_id"))
        if document and "group" not in origin:
            origin["group"] = document
        return Passage(text, tuple(spans), tuple(labels), where=where, **origin)

    def piece(self, passage: Passage) -> str:
        """The lines of a passage."""
        if crossing := passage.overlap():
            raise InputError(
                " and ".join(f"{s.name!r} at [{s.start}, {s.end})" for s in crossing) + " overlap",
                expected="spans that do not nest or overlap, as one column of tags has them",
            )
        borders = [place for span in passage.spans for place in (span.start, span.end)]
        tokens = list(tokenize(passage.text, borders))
        tags = ["O"] * len(tokens)
        trimmed = 0
        for start, end, spans in passage.words():
            inside = [number for number, token in enumerate(tokens) if start <= token.start and token.end <= end]
            names = [span.name for span in spans]
            if bad := [name for name in names if _NO_TAG.search(name)]:
                raise InputError(f"the label {bad[0]!r}", expected="a label without spaces and '+', for a tag")
            if not inside:
                raise InputError(f"the span {names[0]!r} at [{start}, {end}) is white space only")
            trimmed += (tokens[inside[0]].start, tokens[inside[-1]].end) != (start, end)
            for number in inside:
                tags[number] = ("B-" if number == inside[0] else "I-") + "+".join(names)
        if trimmed:
            self.notes.lose("white space at the ends of spans", trimmed)
        self.notes.lose("scores", passage.scores)
        lines = [f"# {name} = {_on_one_line(name, value)}" for name, value in passage.origin.items()]
        if passage.labels:
            lines.append("# labels = " + as_json([label.name for label in passage.labels]))
        is_plain = not _LINE_END.search(passage.text)
        lines.append(f"# text = {passage.text}" if is_plain else f"# text_json = {as_json(passage.text)}")
        lines += [f"{token.text}\t{tag}" for token, tag in zip(tokens, tags, strict=True)]
        return "\n".join(lines) + "\n\n"


def _on_one_line(name: str, value: str) -> str:
    if _LINE_END.search(value):
        raise InputError(f"a line end in the {name} {value[:60]!r}", expected="a name on one line")
    return value


def _places(tokens: list[str], text: str | None) -> list[tuple[int, int]] | None:
    """Where the tokens stand in a text, or ``None`` if they are not the whole of it."""
    if text is None:
        return None
    places, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        places.append((start, end))
    return None if text[end:].strip() else places
