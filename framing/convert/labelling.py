"""The labelling configuration of Label Studio for a codebook (https://labelstud.io/tags/)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from xml.etree import ElementTree

from framing.codebook import HEDGE, KIND, SOURCE, Codebook


def label_studio_config(codebook: Codebook) -> str:
    """What Label Studio shows to those who label, as XML.

    Its controls have the names that ``framing convert --to labelstudio`` writes and reads: ``label`` for words, where a
    label is joined to its voice and answers (``rebels.author``); ``labels`` for labels of the whole sentence; ``kind``
    and the tasks that are asked of sentences, each under its name.
    """
    view = ElementTree.Element("View")
    words = ElementTree.SubElement(view, "Labels", name="label", toName="text", showInline="true")
    hints = {label.name: label.definition for label in codebook.labels}
    hints |= {f"{HEDGE}.{guide.name}": guide.definition for guide in codebook.hedge_guides}
    for name in _marks(codebook):
        _add(words, "Label", name, hints.get(name) or hints.get(name.partition(".")[0], ""))
    ElementTree.SubElement(view, "Text", name="text", value="$text")
    if codebook.labels:
        _choices(view, "labels", [(label.name, label.definition) for label in codebook.labels], many=True)
    if codebook.kinds:
        _choices(view, KIND, [(guide.name, guide.definition) for guide in codebook.kind_guides], many=False)
    for task in codebook.tasks_of("sentence"):
        values = [(guide.name, guide.definition) for guide in task.values]
        _choices(view, task.name, values, many=task.choose == "many")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _marks(codebook: Codebook) -> Iterable[str]:
    """All that words can be marked with, as tags of markup."""
    voices = [f".{voice}" for voice in codebook.voices] or [""]
    answers = [[f".{task.name}={value}" for value in task.names] for task in codebook.tasks_of("mention")]
    for label in codebook.label_names:
        yield from ("".join((label, *ending)) for ending in product(voices, *answers))
    yield from (f"{HEDGE}.{kind}" for kind in codebook.hedge_kinds)
    if codebook.source_guide:
        yield SOURCE
    for task in codebook.tasks_of("span"):
        yield from (f"{task.name}.{value}" for value in task.names)


def _choices(view: ElementTree.Element, name: str, values: Iterable[tuple[str, str]], *, many: bool) -> None:
    ElementTree.SubElement(view, "Header", value=name, size="5")
    chosen = "multiple" if many else "single"
    control = ElementTree.SubElement(view, "Choices", name=name, toName="text", choice=chosen, showInline="true")
    for value, hint in values:
        _add(control, "Choice", value, hint)


def _add(control: ElementTree.Element, tag: str, value: str, hint: str) -> None:
    ElementTree.SubElement(control, tag, {"value": value, **({"hint": hint} if hint else {})})
