"""Documents on the same event, so that what an outlet writes about is not mistaken for how it writes.

An event is a value of the user's column, or found: documents whose headline and first sentences have words in common
and that appear within a few days of each other. Their likeness is the cosine of TF-IDF vectors (Salton and Buckley
1988); pairs outside of the date window have none. Events are the clusters of average linkage at a least likeness.

Within events, two groups are compared by the Mantel-Haenszel difference (Mantel and Haenszel 1959; Greenland and Robins
1985): of the events ``e`` that both tell, with ``y`` and ``x`` their sums there,

    D = sum_e w_e (y_Ae / x_Ae - y_Be / x_Be) / sum_e w_e,    w_e = x_Ae x_Be / (x_Ae + x_Be).

Events are the clusters: with residuals ``u_e = w_e (y_Ae / x_Ae - y_Be / x_Be - D)`` of ``m`` events,

    var(D) = m / (m - 1) * sum u_e^2 / (sum w_e)^2,

and Student's t with m - 1 degrees of freedom. This is the coefficient of the group in a regression with one constant
for each event, and its cluster-robust variance. Since m events have 2^m ways of signs, p is at least 2^(1 - m).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from framing.compare.columns import Corpus
from framing.compare.copies import by_day
from framing.compare.estimands import Ratios
from framing.errors import InputError, SettingError

Array = npt.NDArray[Any]

#: Days from the first document of an event to the last one, at most.
DAYS = 3
#: Mean cosine from which documents are on one event. In examples/war, documents of one event have 0.19 to 0.38 on
#: average, and of two events 0.07 in the middle and 0.17 at the 95th percentile.
LEAST_ALIKE = 0.18

_LEAD = 5
_MOST_COMMON, _LEAST_DOCUMENTS = 0.3, 2
#: Documents that are put into clusters at once: more would take gigabytes.
_MOST_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Which document is on which event.

    Attributes:
        names: of the events; of those that were found, the headline or first sentence of the earliest document.
        of_document: int64 [documents], the number of each one's event; -1 for none. An event that was found has two
            documents or more.
        found: whether they were found, rather than named by a column.
    """

    names: tuple[str, ...]
    of_document: Array
    found: bool

    def __len__(self) -> int:
        return len(self.names)


def events_by_column(corpus: Corpus, column: str) -> Events:
    """Events as a column names them.

    Args:
        corpus: of the documents.
        column: carried along with them; an empty value stands for none.

    Raises:
        ColumnError: there is no such column.
        InputError: it is empty everywhere.
    """
    values = corpus.values(column).dictionary_encode()
    names = tuple(values.dictionary.to_pylist())
    if not names:
        raise InputError(f"no document has a value in {column!r}", expected="a column that names the event of each")
    return Events(names, np.asarray(values.indices.fill_null(-1)).astype(np.int64), found=False)


def find_events(corpus: Corpus, *, days: int = DAYS, least_alike: float = LEAST_ALIKE) -> Events:
    """Events by date and words.

    Args:
        corpus: of the documents; those without a date are on no event.
        days: from the first document of an event to the last one, at most.
        least_alike: mean cosine of the documents of an event, in (0, 1].

    Raises:
        SettingError: a number is out of range.
        InputError: no document has a date.
    """
    if days < 0 or not 0 < least_alike <= 1:
        raise SettingError(
            f"events of {days} days and a likeness of {least_alike}", expected="0 days or more, and a number in (0, 1]"
        )
    of_document = np.full(len(corpus), -1, dtype=np.int64)
    day = np.asarray(corpus.documents.column("day").cast(pa.int32()).fill_null(-1)).astype(np.int64)
    dated = by_day(corpus)[: int(np.asarray(corpus.documents.column("day").is_valid()).sum())]
    if not len(dated):
        raise InputError(
            "no document has a date, by which events are found",
            expected="dates in the form 2016-12-15",
            hint="name the column of the date, or one that names the event of each document",
        )
    leads = _leads(corpus)
    vectors = _vectors([leads[number] for number in dated.tolist()])
    parts = _clusters(vectors, day[dated], days, least_alike) if vectors is not None else []
    names = []
    # Events are numbered by their earliest document.
    for number, part in enumerate(sorted(parts, key=lambda one: int(one.min()))):
        of_document[dated[part]] = number
        names.append(leads[int(dated[part.min()])].partition("\n")[0])
    return Events(tuple(names), of_document, found=True)


def _leads(corpus: Corpus) -> list[str]:
    """Headline and first sentences of each document, a line each."""
    document = corpus.codes("sentences", "document")
    place = np.arange(len(document)) - np.searchsorted(document, document)
    wanted = np.flatnonzero(place <= _LEAD)
    leads: list[list[str]] = [[] for _ in range(len(corpus))]
    texts = corpus.sentences.column("text").take(pa.array(wanted)).to_pylist()
    for number, text in zip(document[wanted].tolist(), texts, strict=True):
        leads[number].append(text)
    return ["\n".join(lines) for lines in leads]


def _vectors(texts: Sequence[str]) -> Any:
    """TF-IDF, rows of length 1: scipy CSR; ``None`` where no word is in two texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Words of nearly all texts tell no events apart; among a handful of texts, every word is in many of them.
    most = max(_MOST_COMMON, min(1.0, 4 / len(texts)))
    maker = TfidfVectorizer(sublinear_tf=True, min_df=_LEAST_DOCUMENTS, max_df=most, dtype=np.float32)
    try:
        return maker.fit_transform(texts)
    except ValueError:  # what it raises where no word is left
        return None


def _clusters(vectors: Any, day: Array, days: int, least_alike: float) -> Iterator[Array]:
    """Places of the documents of each event, ascending; ``day`` ascends."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    for members in _connected(vectors, day, days, least_alike, np.arange(len(day))):
        own, when = vectors[members], day[members]
        cosine = np.asarray((own @ own.T).todense(), dtype=np.float64)
        cosine[np.abs(when[:, None] - when) > days] = 0
        distance = np.clip(1 - cosine, 0, 1)
        np.fill_diagonal(distance, 0)
        part = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - least_alike, "distance")
        for number in np.unique(part):
            yield from _within_days(members[part == number], day, days)


def _within_days(members: Array, day: Array, days: int) -> Iterator[Array]:
    """A cluster cut where it lasts longer than the window: averages let a story run on from day to day."""
    while len(members) > 1:
        inside = day[members] <= day[members[0]] + days
        if inside.sum() > 1:
            yield members[inside]
        members = members[~inside]


def _connected(vectors: Any, day: Array, days: int, least_alike: float, members: Array) -> Iterator[Array]:
    """Documents that a chain of pairs over the least likeness connects; a cluster never goes over their ends.

    Too many to be clustered at once are cut by a higher likeness, since the likest of them are on one event.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    own, when = vectors[members], day[members]
    for first in range(0, len(members), 1_000):
        last = min(first + 1_000, len(members))
        until = int(np.searchsorted(when, when[last - 1] + days, side="right"))
        near = (own[first:last] @ own[first:until].T).tocoo()
        a, b = near.row.astype(np.int64) + first, near.col.astype(np.int64) + first
        kept = (a < b) & (near.data >= least_alike) & (when[b] - when[a] <= days)
        rows.append(a[kept])
        columns.append(b[kept])
    one, other = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(members), len(members)))
    _, part = connected_components(graph, directed=False)
    order = np.argsort(part, kind="stable")
    for own_part in np.split(members[order], np.flatnonzero(np.diff(part[order])) + 1):
        if len(own_part) > _MOST_AT_ONCE and least_alike < 0.95:
            yield from _connected(vectors, day, days, least_alike + 0.05, own_part)
        elif len(own_part) > 1:
            yield own_part


# --- comparison within events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """Differences of two groups within events, [K] each.

    Attributes:
        events: int64, that both groups tell, with something to count.
        value: float64, first minus second, in the unit of the ratio; ``nan`` without such an event.
        low, high: float64, its interval; ``nan`` with fewer than two events.
        p: float64, two-sided; ``nan`` with fewer than two events.
    """

    events: Array
    value: Array
    low: Array
    high: Array
    p: Array


def compare_within(
    ratios: Ratios,
    group: Array,
    groups: int,
    events: Events,
    pairs: Sequence[tuple[int, int]],
    *,
    level: float = 0.95,
) -> list[Within]:
    """Compare groups within the events that both tell; see the module's text.

    Args:
        ratios: by document.
        group: int64 [documents], -1 for none.
        groups: how many there are.
        events: of the documents.
        pairs: of groups.
        level: of the intervals.
    """
    from scipy.sparse import csr_array

    members = np.flatnonzero((group >= 0) & (events.of_document >= 0))
    cell = events.of_document[members] * groups + group[members]
    matrix = csr_array((np.ones(len(members)), (cell, members)), shape=(len(events) * groups, len(group)))
    y = (matrix @ ratios.numerators).tocsr()
    x = np.asarray(matrix @ ratios.denominator).reshape(len(events), groups)
    found = []
    for a, b in pairs:
        both = np.flatnonzero((x[:, a] > 0) & (x[:, b] > 0))
        x_a, x_b = x[both, a, None], x[both, b, None]
        y_a, y_b = y[both * groups + a].toarray(), y[both * groups + b].toarray()
        found.append(_mantel_haenszel(y_a, x_a, y_b, x_b, share=ratios.estimand.unit == "share", level=level))
    return found


def _mantel_haenszel(y_a: Array, x_a: Array, y_b: Array, x_b: Array, *, share: bool, level: float) -> Within:
    """One pair of groups; [events, K] and [events, 1]."""
    from scipy.special import stdtr, stdtrit

    m, k = y_a.shape
    if not m:
        nothing = np.full(k, np.nan)
        return Within(np.zeros(k, dtype=np.int64), nothing, nothing, nothing, nothing)
    weight = x_a * x_b / (x_a + x_b)
    difference = y_a / x_a - y_b / x_b
    value = (weight * difference).sum(axis=0) / weight.sum()
    count = np.full(k, m, dtype=np.int64)
    if m < 2:
        nothing = np.full(k, np.nan)
        return Within(count, value, nothing, nothing, nothing)
    squares = ((weight * (difference - value)) ** 2).sum(axis=0)
    squares[squares < 1e-12 * weight.sum()] = 0  # what rounding leaves of a sum that is zero
    error = np.sqrt(m / (m - 1) * squares) / weight.sum()
    half = stdtrit(m - 1, (1 + level) / 2) * error
    if share:
        # Events that all agree leave room for those that were not seen, as a count of zero does.
        half = np.where(error > 0, half, 1 - (1 - level) ** (1 / m))
    with np.errstate(all="ignore"):
        p = np.where(error > 0, 2 * stdtr(m - 1, -np.abs(value) / error), 0.0)
    p = np.where(np.abs(value) < 1e-12, 1.0, np.clip(p, 2.0 ** (1 - m), 1.0))
    low, high = value - half, value + half
    if share:
        low, high = np.maximum(low, -1), np.minimum(high, 1)
    return Within(count, value, low, high, p)
