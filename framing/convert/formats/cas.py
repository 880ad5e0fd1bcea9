"""UIMA CAS, as INCEpTION and WebAnno have it: XMI or JSON, through dkpro-cassis (the extra ``cas``).

A document is the sentences of a group, one a line. Spans are of the type ``NamedEntity`` of DKPro Core, which INCEpTION
has without further ado, with the name as their ``value``. A ``Sentence`` stands over each sentence and ``Token`` over
its words. What is said of a sentence, and where it is from, is in the type ``custom.FramingSentence``.

What is read are ``NamedEntity`` and all types of the user's own (``webanno.custom.…``, ``custom.…``) with a feature of
text: ``value``, ``label``, or the first; their other features of text are the voice and the answers of tasks, as in
brat. The sentences are those of ``custom.FramingSentence``, else of ``Sentence``,
else the document is one.

UIMA counts UTF-16 code units, as Java does; dkpro-cassis gives and takes code points (its
``Utf16CodepointOffsetConverter`` says so).
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framing.codebook import VOICE
from framing.convert.formats.base import Format, Output, Sample, WholeFolder, as_json
from framing.convert.passages import NamedLabel, NamedSpan, Passage, by_document, origin_of
from framing.convert.tokens import tokenize
from framing.errors import InputError, MissingExtraError, SettingError, UnreadableFileError
from framing.files import reporting_write_errors

if TYPE_CHECKING:
    from cassis import Cas, TypeSystem

_DKPRO = "de.tudarmstadt.ukp.dkpro.core.api"
_ENTITY, _TOKEN = f"{_DKPRO}.ner.type.NamedEntity", f"{_DKPRO}.segmentation.type.Token"
_SENTENCE = f"{_DKPRO}.segmentation.type.Sentence"
_ROW = "custom.FramingSentence"
_ROW_FEATURES = ("group", "document", "outlet", "row_id", "labels")
_OWN = re.compile(r"(?:webanno\.)?custom\.(?!FramingSentence$)\w+")
#: Features of text that say nothing of the words.
_NO_ANSWERS = ("identifier", "order")
_TYPESYSTEM = "TypeSystem.xml"
#: What XML 1.0 has no place for.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSAFE = re.compile(r"[^\w.-]+")


class UimaCas(Format):
    """CAS files; they hold spans that overlap, without scores."""

    name = "cas"
    endings = (".xmi",)
    writes = "either"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether it is XMI, JSON of a CAS, a folder with XMI, or INCEpTION's export of one document."""
        is_cas = "%FEATURE_STRUCTURES" in sample.beginning or "<xmi:XMI" in sample.beginning
        names = (*sample.names, sample.path.name)
        return is_cas or any(name.endswith(".xmi") for name in names) or sample.path.suffix == ".zip"

    def read(self, path: str) -> Iterator[Passage]:
        """The sentences of all documents, by the names of their files."""
        _cassis()
        place = Path(path)
        files = sorted(p for p in place.rglob("*") if p.suffix in (".xmi", ".json")) if place.is_dir() else [place]
        if not files:
            raise InputError(f"there is no CAS in {path}", expected="files that end in .xmi or .json")
        for file in files:
            with self.notes.setting_aside(str(file)):
                name = file.relative_to(place).with_suffix("").as_posix() if place.is_dir() else file.stem
                found = list(self._passages(_load(file), name, str(file)))
                yield from found

    def _passages(self, cas: Cas, name: str, file: str) -> Iterator[Passage]:
        text = cas.sofa_string
        if not text:
            raise InputError(f"{file} has no text", expected="a CAS with a document text")
        spans = sorted(_named(cas), key=lambda span: (span.start, span.end))
        rows = _annotations(cas, _ROW) or _annotations(cas, _SENTENCE)
        if not rows:
            yield Passage(text, tuple(spans), group=name, document=name, where=file)
            return
        kept = 0
        for number, row in enumerate(rows, 1):
            own = [NamedSpan(s.start - row.begin, s.end - row.begin, s.name) for s in spans if _within(s, row)]
            kept += len(own)
            labels: list[str] = []
            origin: dict[str, Any] = {"group": name, "document": name}
            if row.type.name == _ROW:
                labels = json.loads(row.labels or "[]")
                origin = origin_of({feature: getattr(row, feature) for feature in _ROW_FEATURES})
            where = f"{file}:{number}"
            if text[row.begin : row.end].strip():
                with self.notes.setting_aside(where):
                    named = tuple(map(NamedLabel, labels))
                    yield Passage(text[row.begin : row.end], tuple(own), named, where=where, **origin)
        if kept < len(spans):
            self.notes.lose("spans over the end of a sentence", len(spans) - kept)

    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Write a folder of XMI with its type system, or one document as ``.json``."""
        _cassis()
        typesystem = _typesystem()
        if Path(path).suffix == ".json":
            self._write_json(passages, path, typesystem)
            return
        if Path(path).suffix:
            raise SettingError(
                f"{path} cannot hold XMI and its type system",
                expected="the name of a folder, or of one document as .json",
            )
        taken = set[str]()
        with WholeFolder(path) as folder, reporting_write_errors(path):
            (folder / _TYPESYSTEM).write_text(typesystem.to_xml(), encoding="utf-8")
            for name, together in by_document(passages):
                cas = self._cas(together, typesystem)
                if cas.sofa_string:
                    file = folder / f"{_file_name(name, taken)}.xmi"
                    file.write_text(str(cas.to_xmi(pretty_print=False)), encoding="utf-8", newline="\n")
            self.notes.check_written()

    def _write_json(self, passages: Iterable[Passage], path: str, typesystem: TypeSystem) -> None:
        documents = by_document(passages)
        first = next(documents, None)
        if next(documents, None) is not None:
            raise SettingError(
                f"{path} can hold one document only, and there are several",
                expected="the name of a folder, for a file of XMI for each",
            )
        cas = self._cas(first[1] if first else [], typesystem)
        with Output(path) as output:
            output.write(str(cas.to_json()))
            self.notes.check_written()

    def _cas(self, passages: Iterable[Passage], typesystem: TypeSystem) -> Cas:
        """A document as a CAS."""
        from cassis import Cas

        kept: list[Passage] = []
        for passage in passages:
            with self.notes.setting_aside(passage.where, passage.text):
                strings = [passage.text, *passage.origin.values(), *(span.name for span in passage.spans)]
                if bad := next((match for string in strings if (match := _NO_XML.search(string))), None):
                    raise InputError(f"the character {bad[0]!r}", expected="characters that XML has")
                if "\r" in passage.text:
                    # XML turns carriage returns into line feeds, and offsets would not count what they counted.
                    raise InputError("a carriage return in the text", expected="line ends as \\n")
                kept.append(passage)
        cas = Cas(typesystem)
        cas.sofa_mime = "text/plain"
        cas.sofa_string = "\n".join(passage.text for passage in kept)
        types = {name: typesystem.get_type(name) for name in (_ENTITY, _TOKEN, _SENTENCE, _ROW)}
        offset = 0
        for passage in kept:
            end = offset + len(passage.text)
            cas.add(types[_SENTENCE](begin=offset, end=end))
            labels = as_json([label.name for label in passage.labels])
            cas.add(types[_ROW](begin=offset, end=end, labels=labels, **passage.origin))
            for token in tokenize(passage.text):
                cas.add(types[_TOKEN](begin=token.start + offset, end=token.end + offset))
            for span in passage.spans:
                cas.add(types[_ENTITY](begin=span.start + offset, end=span.end + offset, value=span.name))
            self.notes.lose("scores", passage.scores)
            self.notes.wrote(len(passage.spans), len(passage.labels))
            offset = end + 1
        return cas


def _cassis() -> Any:
    try:
        import cassis
    except ImportError as error:
        raise MissingExtraError(
            "UIMA CAS needs dkpro-cassis, which is not installed",
            expected="the extra 'cas'",
            hint="pip install 'framing[cas]'",
        ) from error
    return cassis


def _typesystem() -> TypeSystem:
    from cassis import TypeSystem

    typesystem = TypeSystem()
    entity = typesystem.create_type(_ENTITY)
    for feature in ("value", "identifier"):
        typesystem.create_feature(entity, feature, "uima.cas.String")
    typesystem.create_type(_TOKEN)
    typesystem.create_type(_SENTENCE)
    row = typesystem.create_type(_ROW)
    for feature in _ROW_FEATURES:
        typesystem.create_feature(row, feature, "uima.cas.String")
    return typesystem


def _load(file: Path) -> Cas:
    cassis = _cassis()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if file.suffix == ".json":
                with file.open("rb") as stream:
                    return cassis.load_cas_from_json(stream)
            document, typesystem = _of_zip(file) if file.suffix == ".zip" else _of_folder(file)
            return cassis.load_cas_from_xmi(BytesIO(document), _typesystem_of(typesystem), lenient=True)
    except OSError as error:
        raise UnreadableFileError(f"{file} cannot be read: {error.strerror}") from error
    except InputError:
        raise
    except Exception as error:  # of lxml, of cassis, and of what it stands on
        raise UnreadableFileError(
            f"{file} is no CAS: {error}", expected="XMI with its TypeSystem.xml, or JSON"
        ) from error


@lru_cache(maxsize=1)
def _typesystem_of(data: bytes) -> TypeSystem:
    """A type system; that of a folder serves all of its files."""
    return _cassis().load_typesystem(BytesIO(data))


def _of_folder(file: Path) -> tuple[bytes, bytes]:
    typesystem = file.with_name(_TYPESYSTEM)
    if not typesystem.is_file():
        raise UnreadableFileError(f"there is no {_TYPESYSTEM} beside {file}", expected="the type system of the XMI")
    return file.read_bytes(), typesystem.read_bytes()


def _of_zip(file: Path) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        documents = [name for name in names if name.endswith(".xmi")]
        if len(documents) != 1 or _TYPESYSTEM not in names:
            raise UnreadableFileError(f"{file} is no export of one document", expected=f"one .xmi and {_TYPESYSTEM}")
        return archive.read(documents[0]), archive.read(_TYPESYSTEM)


def _annotations(cas: Cas, name: str) -> list[Any]:
    return sorted(cas.select(name), key=lambda a: (a.begin, a.end)) if cas.typesystem.contains_type(name) else []


def _named(cas: Cas) -> Iterator[NamedSpan]:
    for found in cas.typesystem.get_types():
        if found.name != _ENTITY and not _OWN.fullmatch(found.name):
            continue
        features = [f.name for f in found.all_features if f.rangeType.name == "uima.cas.String"]
        key = next((name for name in ("value", "label") if name in features), next(iter(features), None))
        for annotation in cas.select(found.name):
            if annotation.type.name == found.name and hasattr(annotation, "begin"):
                name = (getattr(annotation, key) if key else None) or found.name.rpartition(".")[2]
                others = {f: getattr(annotation, f) for f in features if f not in (key, *_NO_ANSWERS)}
                voice = f".{others.pop(VOICE)}" if others.get(VOICE) else ""
                answers = "".join(f".{feature}={value}" for feature, value in others.items() if value)
                yield NamedSpan(annotation.begin, annotation.end, name + voice + answers)


def _within(span: NamedSpan, row: Any) -> bool:
    return bool(row.begin <= span.start and span.end <= row.end)


def _file_name(name: str, taken: set[str]) -> str:
    stem = _UNSAFE.sub("_", name).strip("._")[:100] or "document"
    number, chosen = 1, stem
    while chosen.lower() in taken:
        number += 1
        chosen = f"{stem}_{number}"
    taken.add(chosen.lower())
    return chosen
