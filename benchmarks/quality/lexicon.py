"""Baseline: the phrases that annotators marked in the seeds, looked up.

Every marked phrase is a candidate for its label. Its precision is the share of its occurrences in the seeds that lie
in a span of that label, drawn a little towards 0 so that a phrase seen once is believed less. A sentence carries a
label if a phrase of at least the precision threshold occurs in it. The threshold is chosen per layer (frames, hedges,
source) by cross-validation over groups of the seeds: what a lexicon learned from four fifths scores on the last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.assembly import Finding, Token, assemble, tokenize
from framing.codebook import HEDGE, SOURCE, Codebook
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Array, f1
from framing.markup import MarkedSentence
from framing.text.quotations import OUTSIDE, scan
from framing.types import SentenceLabels

LONGEST_PHRASE = 6
FOLDS = 5
#: Occurrences without the label that every phrase is taken to have had on top of those in the seeds.
_DOUBT = 0.5
_THRESHOLDS = np.linspace(0.1, 0.9, 33)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a sentence: its words joined by blanks, and half-open offsets in code points."""

    words: str
    start: int
    end: int


class Lexicon:
    """Phrase look-up with thresholds learned from marked sentences.

    Args:
        seeds: marked sentences to learn from.
        codebook: whose labels they carry.
        seed: of the split into folds.
    """

    def __init__(self, seeds: GoldSet, codebook: Codebook, *, seed: int = 0) -> None:
        self.codebook = codebook
        self.precisions = learn(seeds.sentences)
        self.thresholds = choose_thresholds(seeds, codebook, seed=seed)
        # A list of phrases knows nothing of the page: every sentence is of the most frequent kind.
        self.kind = str(Counter(seeds.kinds).most_common(1)[0][0])

    def sentences(self, texts: Sequence[str]) -> list[SentenceLabels]:
        """Labels the sentences of one document, in order."""
        labelled, state = [], OUTSIDE
        for text in texts:
            candidates = list(findings(text, self.precisions))
            probabilities = dict.fromkeys(self.codebook.outputs, 0.0)
            for found in candidates:
                probabilities[found.output] = max(probabilities[found.output], found.probability)
            kept = _without_overlap([f for f in candidates if f.probability >= self.thresholds[f.output]])
            labelled.append(assemble(text, kept, probabilities, self.codebook, kind=self.kind, quotation=state))
            state = scan(text, state).after
        return labelled


def learn(sentences: Sequence[MarkedSentence]) -> dict[str, dict[str, float]]:
    """Phrase -> output -> precision, of every phrase that is marked somewhere as a whole."""
    tokenized = [tokenize(sentence.text) for sentence in sentences]
    marked: dict[str, set[str]] = defaultdict(set)
    for sentence, tokens in zip(sentences, tokenized, strict=True):
        for span in sentence.spans:
            words = [token.word for token in tokens if token.start >= span.start and token.end <= span.end]
            if 0 < len(words) <= LONGEST_PHRASE:
                marked[" ".join(words)].update(tag.output for tag in span.tags)
    occurrences: Counter[str] = Counter()
    hits: Counter[tuple[str, str]] = Counter()
    for sentence, tokens in zip(sentences, tokenized, strict=True):
        for phrase in phrases(tokens):
            if phrase.words in marked:
                occurrences[phrase.words] += 1
                hits.update((phrase.words, output) for output in _outputs_over(sentence, phrase))
    return {
        words: {output: hits[words, output] / (occurrences[words] + _DOUBT) for output in outputs}
        for words, outputs in marked.items()
    }


def phrases(tokens: Sequence[Token]) -> Iterator[Phrase]:
    """Every run of up to :data:`LONGEST_PHRASE` words."""
    for first in range(len(tokens)):
        words = ""
        for token in tokens[first : first + LONGEST_PHRASE]:
            words = f"{words} {token.word}" if words else token.word
            yield Phrase(words, tokens[first].start, token.end)


def findings(text: str, precisions: dict[str, dict[str, float]]) -> Iterator[Finding]:
    """Every known phrase of a text with each output it may carry, whatever its precision."""
    for phrase in phrases(tokenize(text)):
        for output, precision in precisions.get(phrase.words, {}).items():
            yield Finding(output, phrase.start, phrase.end, precision)


def choose_thresholds(seeds: GoldSet, codebook: Codebook, *, seed: int) -> dict[str, float]:
    """Precision threshold of every output, one for each layer, by cross-validation over groups."""
    truth, scores = _out_of_fold(seeds, codebook, seed)
    layers: dict[str, list[int]] = {"frame": [], HEDGE: [], SOURCE: []}
    for k, name in enumerate(codebook.outputs):
        layers["frame" if name in codebook.label_names else name.partition(".")[0]].append(k)
    return {
        codebook.outputs[k]: threshold
        for columns in layers.values()
        if columns
        for threshold in [_best_threshold(truth[:, columns], scores[:, columns])]
        for k in columns
    }


def _outputs_over(sentence: MarkedSentence, phrase: Phrase) -> Iterator[str]:
    for span in sentence.spans:
        if span.start <= phrase.start and phrase.end <= span.end:
            yield from (tag.output for tag in span.tags)


def _out_of_fold(seeds: GoldSet, codebook: Codebook, seed: int) -> tuple[Array, Array]:
    """Whether each sentence carries each output, and the best precision that a lexicon learned elsewhere gives it."""
    groups = sorted(set(seeds.groups))
    fold_of = dict(zip(groups, np.random.default_rng(seed).integers(0, FOLDS, size=len(groups)), strict=True))
    place = {name: k for k, name in enumerate(codebook.outputs)}
    truth = np.zeros((len(seeds), len(place)), dtype=bool)
    scores = np.zeros((len(seeds), len(place)))
    for fold in range(FOLDS):
        precisions = learn(seeds.select([i for i, g in enumerate(seeds.groups) if fold_of[g] != fold]).sentences)
        for i, (sentence, group) in enumerate(zip(seeds.sentences, seeds.groups, strict=True)):
            if fold_of[group] == fold:
                truth[i, [place[tag.output] for span in sentence.spans for tag in span.tags]] = True
                for found in findings(sentence.text, precisions):
                    scores[i, place[found.output]] = max(scores[i, place[found.output]], found.probability)
    return truth, scores


def _best_threshold(truth: Array, scores: Array) -> float:
    """The threshold with the best mean of macro and micro F1."""

    def quality(threshold: float) -> float:
        guess = scores >= threshold
        tallies = np.stack([(guess & truth).sum(0), (guess & ~truth).sum(0), (~guess & truth).sum(0)], axis=-1)
        return float(np.nan_to_num(f1(tallies)).mean() + np.nan_to_num(f1(tallies.sum(axis=0))))

    return float(max(_THRESHOLDS, key=quality))


def _without_overlap(found: Sequence[Finding]) -> list[Finding]:
    """Of overlapping findings of one output the longest."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start - f.end, f.start)):
        if not any(k.output == finding.output and k.start < finding.end and finding.start < k.end for k in kept):
            kept.append(finding)
    return kept
