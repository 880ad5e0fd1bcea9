"""Few marked sentences, drawn so that every label has as many as it needs and hardly more.

Groups are drawn whole. The label of which most sentences are missing gets the next group that carries it, in an order
that the seed gives, until none is missing; as a sentence may carry several labels, the sentences are fewer than labels
times sentences per label. Groups without any label are then added, in the share of sentences that they have where they
are drawn from: people who mark text read sentences with nothing in them, too.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from framing.errors import InputError
from framing.evaluate.gold import GoldSet
from framing.markup import MarkedSentence


def labels_of(sentence: MarkedSentence, labels: Collection[str]) -> set[str]:
    """Those of the labels that a sentence carries."""
    return {tag.output for span in sentence.spans for tag in span.tags if tag.output in labels}


def without(pool: GoldSet, tested: GoldSet) -> GoldSet:
    """The groups of a pool that are not tested on: none has a document's name, or a sentence, of ``tested``."""
    texts = {sentence.text for sentence in tested.sentences}
    told = {group for group, sentence in zip(pool.groups, pool.sentences, strict=True) if sentence.text in texts}
    told.update(tested.groups)
    return pool.select([i for i, group in enumerate(pool.groups) if group not in told])


def draw(pool: GoldSet, labels: Sequence[str], size: int, seed: int) -> GoldSet:
    """Draw whole groups until every label is carried by so many sentences.

    Args:
        pool: to draw from.
        labels: each is to be carried.
        size: sentences that carry a label, at least.
        seed: of the order of groups.

    Returns:
        The sentences, in the order of the pool.

    Raises:
        InputError: the pool has too few sentences with a label.
    """
    places, carried = defaultdict(list), [labels_of(sentence, labels) for sentence in pool.sentences]
    for i, group in enumerate(pool.groups):
        places[group].append(i)
    order = sorted(places)
    random.Random(seed).shuffle(order)
    carrying: dict[str, list[str]] = {label: [] for label in labels}
    empty = []
    for group in order:
        found = set().union(*(carried[i] for i in places[group]))
        for label in found:
            carrying[label].append(group)
        if not found:
            empty.append(group)
    chosen: set[str] = set()
    count: Counter[str] = Counter()
    while count[label := min(labels, key=lambda name: count[name])] < size:
        following = next((group for group in carrying[label] if group not in chosen), None)
        if following is None:
            raise InputError(
                f"{count[label]} sentences carry {label!r}",
                expected=f"{size} or more, of what is not tested on",
            )
        chosen.add(following)
        for i in places[following]:
            count.update(carried[i])
    drawn = [i for i, group in enumerate(pool.groups) if group in chosen]
    share = sum(not found for found in carried) / len(pool)
    lacking = share / (1 - share) * sum(bool(carried[i]) for i in drawn) - sum(not carried[i] for i in drawn)
    for group in empty:
        if lacking < 0.5:
            break
        chosen.add(group)
        lacking -= len(places[group])
    return pool.select([i for i, group in enumerate(pool.groups) if group in chosen])
