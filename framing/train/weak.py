"""Weak evidence for a codebook of which no sentence is marked yet: what its own words say of an unlabelled corpus.

A codebook names the words that usually carry a mark (``typical``, ``cues``, the spans of its examples) and near misses
(``not_this``). Matched in a corpus they are a labelling function that is often right and often silent (Ratner et al.
2017, "Snorkel"; Lison et al. 2020, "Named entity recognition without labelled data: a weak supervision approach").
The encoder generalises it. To hide matched words now and then (:attr:`DataArguments.mask_evidence`), so that it learns
the company a word keeps and not the word alone, did not help.

What is taken for known of a sentence:

- a matched word carries its mark; of overlapping matches the longest counts;
- a phrase in quotation marks in a near miss is no match, and so is what it overlaps;
- a sentence that has all content words of a near miss says nothing of that mark, neither yes nor no;
- a sentence without a match of a mark does not carry it: rare marks make that right far more often than not;
- voices, where the codebook has them: inside quotation marks the first voice of the role ``quoted``, in a sentence with
  a reporting word the first of ``cited``, else the first of ``own``.

Examples of the codebook are marked sentences and are learned as such, several times over. Its definitions and typical
words are learned as sentences of which only their own label is known.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from framing.codebook import HEDGE, SOURCE, VOICE, Codebook
from framing.errors import CodebookError
from framing.markup import MarkedRow, parse
from framing.text.quotations import QuotationState, scan
from framing.train.examples import ChoiceSpan, Example, MarkSpan, from_rows, marks_of, sentences_of

#: How often an example of the codebook is read beside each weak sentence.
EXAMPLE_COPIES = 5
#: The group of what comes from the codebook; see :func:`from_codebook`.
CODEBOOK_GROUP = "codebook"
_QUOTED_PHRASE = re.compile('["“]([^"”]+)["”]')
_WORD = re.compile(r"\w+")
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.I)
#: Endings of an English word that are the same word; a final e gives way to them.
_ENGLISH_ENDINGS = "(?:s|es|d|ed|ing|'s|’s)?"
_ENGLISH_REPORTING = re.compile(
    r"\b(?:according to|said|says?|saying|told|tells|report(?:s|ed)|stated|announced|claim(?:s|ed)|added|denie[sd]|"
    r"accuse[sd]|warn(?:s|ed)|insist(?:s|ed)|described|called)\b",
    re.I,
)
#: Letters by which phrases are found; no phrase is shorter once its ending is off.
_START = 2
#: Words too frequent to tell a near miss by.
_STOP_WORDS = frozenset(
    "a an the of in on at to for from by with and or not no that which who whom is are was were be been being has have "
    "had it its as alone only added nothing this these those their his her they he she than too any some other".split()
)


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase that usually carries a mark.

    Attributes:
        phrase: as the codebook has it, without its article.
        mark: one of :func:`framing.train.examples.marks_of`.
    """

    phrase: str
    mark: str


class WeakEvidence:
    """What the words of a codebook say of sentences.

    Args:
        codebook: with typical words, cues or examples.

    Raises:
        CodebookError: it has none of them, so there is nothing to match.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        self.cues = tuple(cues_of(codebook))
        if not self.cues:
            raise CodebookError(
                f"codebook {codebook.name!r} names no words that could be looked for in unlabelled text",
                expected="'typical' words or 'examples' for its labels, 'cues' for what else it marks",
                hint="write some into the codebook, or mark sentences and pass --train",
            )
        english = codebook.language.partition("-")[0] == "en"
        self._endings = _ENGLISH_ENDINGS if english else ""
        self._reporting = _ENGLISH_REPORTING if english else None
        marks_of_phrase: dict[str, list[str]] = {}
        for cue in self.cues:
            marks_of_phrase.setdefault(_key(cue.phrase), []).append(cue.mark)
        # By their first letters, the longest first, so that a word of the text is compared with a few phrases only.
        self._phrases: dict[str, list[tuple[re.Pattern[str], tuple[str, ...]]]] = {}
        for key in sorted(marks_of_phrase, key=lambda key: (-len(key), key)):
            compiled = re.compile(self._pattern(key), re.I)
            self._phrases.setdefault(key[:_START], []).append((compiled, tuple(marks_of_phrase[key])))
        self._near_misses = {mark: self._near_miss(phrases) for mark, phrases in _near_misses(codebook).items()}
        #: Marks of which something is said; of the others a weak sentence says nothing.
        self.marks = frozenset(cue.mark for cue in self.cues)

    def read(self, example: Example) -> Example:
        """The sentence with what the codebook's words say of it; spans, labels and voices."""
        held, spans = set(), []
        for found, marks in self._matches(example.text):
            for mark in marks:
                near = self._near_misses.get(mark)
                if near is not None and near.holds(example.text):
                    held.add(mark)
                elif near is None or not near.overlaps(example.text, found):
                    spans.append(MarkSpan(found.start(), found.end(), mark))
        known = self.marks - held
        return replace(
            example,
            spans=tuple(spans),
            spans_known=known,
            labels=frozenset(span.mark for span in spans),
            labels_known=known,
            choices=tuple(self._voices(example.text, example.state, spans)),
        )

    def _matches(self, text: str) -> Iterator[tuple[re.Match[str], tuple[str, ...]]]:
        """The phrases in a text from left to right, of those at one place the longest; none overlaps another."""
        end = 0
        for word in _WORD.finditer(text):
            if word.start() < end:
                continue
            for phrase, marks in self._phrases.get(word[0][:_START].lower(), ()):
                if found := phrase.match(text, word.start()):
                    end = found.end()
                    yield found, marks
                    break

    def _voices(self, text: str, state: QuotationState, spans: Sequence[MarkSpan]) -> Iterator[ChoiceSpan]:
        own, cited, quoted = (self.codebook.voices_of_role(role) for role in ("own", "cited", "quoted"))
        if not (own and self._reporting):
            return
        inside = scan(text, state).mask
        elsewhere = cited if cited and self._reporting.search(text) else own
        for span in spans:
            if span.mark in self.codebook.label_names:
                voices = quoted if quoted and inside[span.start] else elsewhere
                yield ChoiceSpan(span.start, span.end, VOICE, voices[0])

    def _pattern(self, key: str) -> str:
        """A phrase as a regular expression: blanks and hyphens are one, the last word takes endings."""
        *before, last = (re.escape(word) for word in key.split(" "))
        if self._endings:
            last = last.removesuffix("e") + ("e?" if last.endswith("e") else "") + self._endings
        return r"\b" + r"[\s\-]+".join([*before, last]) + r"\b"

    def _near_miss(self, phrases: Iterable[str]) -> _NearMisses:
        quoted, described = [], []
        for phrase in phrases:
            found = _QUOTED_PHRASE.findall(phrase)
            quoted += [self._pattern(_key(words)) for words in found if _key(words)]
            content = [] if found else [w.lower() for w in _WORD.findall(phrase) if w.lower() not in _STOP_WORDS]
            if len(content) > 1:
                described.append([re.compile(self._pattern(word), re.I) for word in content])
        return _NearMisses(re.compile("|".join(quoted), re.I) if quoted else None, described)


@dataclass(frozen=True, slots=True)
class _NearMisses:
    """Near misses of a mark: phrases that are named, and those that are described by several words."""

    quoted: re.Pattern[str] | None
    described: Sequence[Sequence[re.Pattern[str]]]

    def holds(self, text: str) -> bool:
        """Whether the sentence has every content word of a near miss."""
        return any(all(word.search(text) for word in words) for words in self.described)

    def overlaps(self, text: str, found: re.Match[str]) -> bool:
        """Whether what was found shares a character with a phrase that the codebook calls no case."""
        return self.quoted is not None and any(
            near.start() < found.end() and found.start() < near.end() for near in self.quoted.finditer(text)
        )


def cues_of(codebook: Codebook) -> Iterator[Cue]:
    """The words that the codebook names for its marks, and those that its examples mark; each once.

    Cues of sources are descriptions ("names with their titles") and are left out.
    """
    named: list[tuple[str, str]] = []
    for label in codebook.labels:
        named += [(phrase, label.name) for phrase in label.typical]
    named += [(phrase, f"{HEDGE}.{guide.name}") for guide in codebook.hedge_guides for phrase in guide.cues]
    for task in codebook.tasks_of("span"):
        named += [(phrase, f"{task.name}.{value.name}") for value in task.values for phrase in value.cues]
    for label in codebook.labels:
        for written in label.examples:
            sentence = parse(written, codebook)
            for span in sentence.spans:
                # One's own label alone: other marks of an example are what its sentence happens to hold.
                if any(tag.output == label.name for tag in span.tags):
                    named.append((sentence.text[span.start : span.end], label.name))
    seen = set()
    known = frozenset(marks_of(codebook.heads)) - {SOURCE}
    for phrase, mark in named:
        bare = _ARTICLE.sub("", phrase.strip())
        if mark in known and _key(bare) and (_key(bare), mark) not in seen:
            seen.add((_key(bare), mark))
            yield Cue(bare, mark)


def from_codebook(codebook: Codebook) -> Iterator[Example]:
    """What a codebook says, as training examples: its examples, its definitions and its typical words.

    They are of one group a label, so that what is held out to validate on is text of the corpus.
    """
    for label in codebook.labels:
        group = f"{CODEBOOK_GROUP}:{label.name}"
        rows = [MarkedRow(group, None, parse(written, codebook)) for written in label.examples]
        for example in from_rows(rows, codebook):
            # Without `marked`, and so without a say in validation; a kind is not told.
            yield replace(example, marked=None)
        own = frozenset({label.name})
        for text in (label.definition, *label.typical):
            if text:
                yield Example(text, group, labels=own, labels_known=own)


def weak_examples(codebook: Codebook, paths: Sequence[str], count: int, seed: int) -> list[Example]:
    """Draw sentences of a corpus with weak evidence, and as many without.

    The corpus is streamed: memory holds what may still be drawn. Every mark gets the same share of the sentences with
    evidence as far as there are so many, so that a frequent mark does not crowd out the others. Whether a sentence is
    drawn depends on its text and the seed.

    Args:
        codebook: whose words are looked for.
        paths: whatever :func:`framing.read` reads.
        count: sentences to draw, at most.
        seed: of the draw.

    Raises:
        CodebookError: the codebook names no words, or none of them is in the corpus.
        FramingError: a file or a row cannot be read.
    """
    evidence = WeakEvidence(codebook)
    share = max(1, count // (2 * len(evidence.marks)))
    pools: dict[str, list[tuple[int, str, Example]]] = {mark: [] for mark in evidence.marks}
    silent: list[tuple[int, str, Example]] = []
    for sentence in sentences_of(paths, codebook.kinds):
        example = evidence.read(sentence)
        digest = hashlib.sha256(f"{seed}:{example.text}".encode()).digest()
        entry = (-int.from_bytes(digest[:8], "big"), example.text, example)
        for mark in example.labels:
            _keep(pools[mark], entry, share)
        if not example.labels:
            _keep(silent, entry, count // 2)
    drawn = {text: (place, example) for pool in pools.values() for place, text, example in pool}
    if not drawn:
        raise CodebookError(
            f"none of the {len(evidence.cues)} words of codebook {codebook.name!r} is in the unlabelled text",
            expected="a corpus of the codebook's subject and language",
            hint="add typical words to the codebook, or name another corpus with --unlabeled",
        )
    for place, text, example in heapq.nlargest(max(len(drawn), count - len(drawn)), silent):
        drawn[text] = (place, example)
    return [example for _, example in sorted(drawn.values(), key=lambda pair: -pair[0])][:count]


def _keep(pool: list[tuple[int, str, Example]], entry: tuple[int, str, Example], most: int) -> None:
    """Keep the ``most`` entries with the smallest digest; a text is in a pool once."""
    if len(pool) == most and entry[:2] <= pool[0][:2]:
        return
    if any(entry[0] == kept[0] for kept in pool):
        return
    (heapq.heappush if len(pool) < most else heapq.heapreplace)(pool, entry)


def _near_misses(codebook: Codebook) -> dict[str, tuple[str, ...]]:
    """Mark -> its near misses, for those that have some."""
    marked = {label.name: label.not_this for label in codebook.labels}
    marked |= {f"{HEDGE}.{guide.name}": guide.not_this for guide in codebook.hedge_guides}
    for task in codebook.tasks_of("span"):
        marked |= {f"{task.name}.{value.name}": value.not_this for value in task.values}
    return {mark: phrases for mark, phrases in marked.items() if phrases}


def _key(phrase: str) -> str:
    """A phrase as its lower-case words, blanks between them."""
    return " ".join(part for part in re.split(r"[\s\-]+", phrase.lower().strip(' .,;:!?"“”')) if part)
