"""Rows 35 to 45: symbols, entities, wrongly decoded text, rare spaces, offsets, encodings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from framing.cli.main import app
from tests.cases.inputs import FOLDER, kinds, mentions, one, plain, quoted, read, sentences, text_of

SYMBOLS = "🔴 ⚡️ ▪️ ▪ ■ ► ▶ → ➡️ ★ ✔ ❗ ‼️ ♦ © ™ ² ① 🚩 👉 🇸🇾 👨‍👩‍👧 ● ✅ ⬇️ ≈ ◆".split()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_symbol_hides_no_word(symbol: str, label: Callable) -> None:
    """Row 35: before and behind a word; the offsets stay."""
    (sentence,) = label(f"{symbol}Terrorists killed in Harun")
    assert [(m.label, m.text, m.voice) for m in sentence.mentions][:1] == [("terrorists", "Terrorists", "author")]
    sentence = label(f"The army said rebels{symbol} had left the town.")[0]
    found = [(m.label, m.text, m.voice) for m in sentence.mentions]
    assert ("rebels", "rebels", "attributed") in found


def test_the_input_with_symbols(label: Callable) -> None:
    """Row 35, the input: every actor is found, no sentence begins with a lone variation selector."""
    labels = label(text_of("emoji.txt"))
    found = [(name, words.lower()) for name, words, _ in mentions(labels)]
    for wanted in ("terrorists", "rebels", "militants"):
        assert any(name == wanted and words == wanted for name, words in found)
    assert ("rebels", "Rebels", "attributed") in mentions(labels)
    assert not [sentence.text for sentence in labels if sentence.text[0] == "\ufe0f"]


def test_entities_in_a_table(label: Callable) -> None:
    """Row 36: they are the marks that they stand for, or at least read as such."""
    documents, rejected = read("entities.csv")
    assert not rejected
    first, second = (label(document) for document in documents)
    assert {("terrorists", "terrorists", "quoted"), ("regime", "regime", "quoted")} <= set(mentions(first))
    assert [sentence.kind for sentence in first] == ["body"] * 3
    assert not any("quot" in hedge.text for sentence in first for hedge in sentence.hedges)
    assert ("occupiers", "occupiers", "quoted") in mentions(second)
    assert "AT&T denied it" in plain(first.document.text)


@pytest.mark.parametrize("form", ["jsonl", "csv", "txt"])
@pytest.mark.parametrize(
    "marks", ["&ldquo; &rdquo;", "&#8220; &#8221;", "&#x201C; &#x201d;", "&quot; &quot;", "&laquo; &raquo;"]
)
def test_other_entities(marks: str, form: str, tmp_path: Path) -> None:
    """Row 36, variants: cells, keys of JSON, plain text."""
    left, right = marks.split()
    text = f"{left}We drove the rebels out,{right} said the army&#8217;s chief. It rained &amp; snowed."
    written = {"jsonl": json.dumps({"text": text}), "csv": f'id,text\n1,"{text}"\n', "txt": text}[form]
    path = tmp_path / f"a.{form}"
    path.write_text(written, encoding="utf-8")
    document = one(path)
    assert quoted(document.text) == ["We drove the rebels out,"]
    assert len(sentences(document.text)) == 2


def test_what_only_looks_like_an_entity(tmp_path: Path) -> None:
    """Row 36: other text with an ampersand stays as it is."""
    path = tmp_path / "a.txt"
    text = "AT&T; Marks & Spencer; R&D; the Q&A. Harun &Maraq are towns; &c."
    path.write_text(text, encoding="utf-8")
    assert one(path).text == text


def test_wrongly_decoded_marks(label: Callable) -> None:
    """Row 37: â€œ … â€ are quotation marks."""
    labels = label(one("mojibake.txt"))
    voices = {words: voice for _, words, voice in mentions(labels)}
    assert [voices[word] for word in ("terrorists", "occupiers", "victory")] == ["quoted"] * 3
    assert "liberation" in voices
    assert not any("â€" in sentence.text for sentence in labels)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["“The rebels’ café – gone,” he said.", "‘The rebels left,’ she said…", "«Rebels left», he said."]
)
def test_other_wrongly_decoded_text(text: str, encoding: str, tmp_path: Path) -> None:
    """Row 37, variants: UTF-8 read as Windows-1252 or Latin-1 and written again."""
    wrong = text.encode("utf-8").decode(encoding, "replace").replace("\ufffd", "\x9d")
    (tmp_path / "a.txt").write_text(wrong, encoding="utf-8")
    document = one(tmp_path / "a.txt")
    assert quoted(document.text) == quoted(text)


@pytest.mark.parametrize(
    "text", ["L’âme d’Âge: âtre, Ä, Ã.", "São Paulo, Ångström, Ðorđe.", "The price is 5 €, he said."]
)
def test_accents_are_not_repaired(text: str, tmp_path: Path) -> None:
    """Row 37: text that was decoded rightly stays."""
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert one(tmp_path / "a.txt").text == text


def test_controls_that_are_marks(label: Callable) -> None:
    """Row 38: U+0093 and U+0094 quote, U+0092 is an apostrophe; one for one."""
    document = one("c1_controls.txt")
    assert len(document.text) == len(text_of("c1_controls.txt"))
    found = mentions(label(document))
    assert ("terrorists", "terrorists", "quoted") in found
    assert ("liberation", "liberation", "author") not in found
    assert "liberation" in [words for _, words, _ in found]
    assert quoted(document.text) == ["We drove the terrorists out,", "liberation"]


def test_ligatures(label: Callable) -> None:
    """Row 39: the same labels as for the letters; the texts keep the ligatures."""

    def expanded(labels: Any) -> list[tuple[str, str, str]]:
        return [(a, b.replace("ﬁ", "fi").replace("ﬂ", "fl").replace("ﬃ", "ffi"), c) for a, b, c in mentions(labels)]

    labels = label(text_of("ligatures.txt"))
    assert expanded(labels) == mentions(label(text_of("ligatures_plain.txt")))
    assert ("fall", "ﬂed") in [(name, words) for name, words, _ in mentions(labels)]


VARIANTS = {row["id"]: row["text"] for row in map(json.loads, text_of("variants.jsonl").rstrip("\n").split("\n"))}
SAME = [
    *(
        "nfd",
        "softhyphen",
        "zwsp between words",
        "zwsp inside words",
        "zwnj inside words",
        "word joiner",
        "nbsp",
        "bidi",
    ),
    *("narrow nbsp", "double space", "tabs", "caps", "lower", "title", "nospace after stop", "crlf", "cr", "ps", "ls"),
    *("vt", "ff", "nbsp para", "zwsp instead of space", "fullwidth", "ligature", "accents", "cp1252 as latin1 C1"),
    *("emoji", "footnotes", "hashtags", "urls", "straight", "nul"),
]


@pytest.fixture(scope="module")
def plain_mentions(label: Callable) -> list[tuple[str, str, str]]:
    """Those of the plain text."""
    return mentions(label(VARIANTS["base"]))


@pytest.mark.parametrize("name", SAME)
def test_variants_of_a_text(name: str, label: Callable, plain_mentions: list[tuple[str, str, str]]) -> None:
    """Rows 40, 41 and 42: not one label differs from the plain text's, and offsets are exact."""
    text = VARIANTS[name]
    labels = label(text)
    # Footnotes and addresses are words of their own beside the others, which may sway the voice.
    parts = slice(0, 1) if name in ("footnotes", "urls") else slice(None, None, 2)
    assert [m[parts] for m in mentions(labels)] == [m[parts] for m in plain_mentions]
    for sentence in labels:
        assert labels.document.text[sentence.start : sentence.end] == sentence.text
        for mention in sentence.mentions:
            assert sentence.text[mention.start : mention.end] == mention.text
    assert labels.document.text == text


@pytest.mark.parametrize(
    "name", ["entities named", "entities num", "entities quot", "entities double-escaped", "mojibake"]
)
def test_repaired_variants(name: str, label: Callable, plain_mentions: list[tuple[str, str, str]]) -> None:
    """Rows 36 and 37: the labels of the plain text."""
    assert [m[::2] for m in mentions(label(VARIANTS[name]))] == [m[::2] for m in plain_mentions]


def _records(*arguments: str | Path) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["label", "--engine", "onnx", *map(str, arguments)], prog_name="framing")
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_offsets_in_the_users_own_column(tmp_path: Path) -> None:
    """Row 43: with a title column; documented, and each record says where its text begins."""
    own = json.loads(text_of("ccnews.jsonl"))["text"]
    headline, sentence = _records(FOLDER / "ccnews.jsonl")
    begin = sentence["text_offset"]
    assert own[sentence["start"] - begin : sentence["end"] - begin] == sentence["text"]
    assert headline["end"] <= begin
    assert "text_offset" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    rows = [{"title": "Rain", "text": "  It rained.\nIt snowed."}, {"text": "It rained.", "title": "It rained."}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for record in _records(path):
        if record["kind"] != "headline" or record["row"] == 2:
            text, begin = rows[record["row"] - 1]["text"], record["text_offset"]
            assert text[record["start"] - begin : record["end"] - begin] == record["text"]


@pytest.mark.parametrize("name", ["latin1_meta", "utf16", "utf8_wrong_meta"])
def test_charsets_of_pages(name: str) -> None:
    """Row 44: also with a wrong meta element."""
    text = one(f"html/{name}.html").text
    assert "“The terrorists have been driven out of every street,” Gen. Khalid Darwish told" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cp1251", "«Террористы бежали», сказал генерал."),
        ("cp1256", "«هرب الإرهابيون»"),
        ("gb2312", "恐怖分子已经逃跑"),
    ],
)
def test_charsets_of_other_scripts(name: str, words: str) -> None:
    """Row 44."""
    assert words in one(f"html/{name}.html").text


@pytest.mark.parametrize(
    "name",
    [
        "cp1252.txt",
        "utf16.txt",
        "utf16be.txt",
        "utf32.txt",
        "utf8_mixed.txt",
        "utf16.jsonl",
        "cp1252.csv",
        "cr_only.csv",
    ],
)
def test_encodings(name: str) -> None:
    """Row 45."""
    documents, rejected = read(f"fmt/{name}")
    assert not rejected
    assert quoted(documents[-1].text) == ["We will return,"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cp1251.txt", "Повстанцы бежали."),
        ("utf16le_nobom.txt", "The army liberated Harun from terrorists, state TV said."),
        ("utf16le_nobom.csv", "The army liberated Harun from terrorists, state TV said."),
    ],
)
def test_encodings_without_a_mark(name: str, text: str) -> None:
    """Row 45."""
    assert one(f"fmt/{name}").text.startswith(text)


def test_marks_of_byte_order() -> None:
    """Row 45: twice, or in the middle, they are no words and no sentences."""
    assert [s.strip("\ufeff") for s in sentences(one("fmt/bom_twice.txt").text)] == [
        "The army liberated Harun from terrorists, state TV said."
    ]
    found = kinds(one("fmt/bom_middle.txt").text)
    assert [s.strip("\ufeff") for s in found][1] == "Rebels said the regime bombed a school."


@pytest.mark.parametrize(
    "text", ["𝗧𝗲𝗿𝗿𝗼𝗿𝗶𝘀𝘁𝘀 killed in Harun", "𝐓𝐞𝐫𝐫𝐨𝐫𝐢𝐬𝐭𝐬 killed in Harun", "1️⃣Terrorists killed in Harun"]
)
def test_styled_letters_and_keycaps(text: str, label: Callable) -> None:
    """Rows 35 and 40, variants: as messages have them."""
    (sentence,) = label(text)
    assert [(m.label, m.voice) for m in sentence.mentions] == [("terrorists", "author")]


def test_lines_in_two_encodings(tmp_path: Path) -> None:
    """Row 45, variant: every other line is Windows-1252, in a file that is UTF-8."""
    line = "{},“We will return,” a commander of the rebels told reporters in Harun on Monday and the café closed.\n"
    lines = [line.format(n).encode("cp1252" if n % 2 else "utf-8").replace(b",", b";", 1) for n in range(40)]
    (tmp_path / "a.csv").write_bytes(b"id;text\n" + b"".join(lines))
    documents, rejected = read(tmp_path / "a.csv")
    assert not rejected
    assert {document.text for document in documents} == {line.format("")[1:-1]}
