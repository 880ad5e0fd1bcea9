"""What labels can be asked: counts, contrasts, slices, records."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from framing import DocumentLabels, InputError, Labels, SentenceLabels
from framing.codebook import Codebook
from framing.types import Document, Mention, Sentence, Source


def sentence(index: int, kind: str, *mentions: tuple[str, str]) -> SentenceLabels:
    """A sentence whose mentions have these labels and voices."""
    found = tuple(Mention(label, 0, 1, "A", voice, 0.9, 0.9) for label, voice in mentions)
    frames = {label: 0.9 for label, _ in mentions}
    return SentenceLabels("d", None, None, index, kind, 0, 1, "A", frames, found, (), (), False, frames)


SENTENCES = (
    sentence(0, "headline", ("rebels", "author"), ("militants", "quoted"), ("rebels", "author")),
    sentence(1, "body", ("rebels", "attributed"), ("regime", "author")),
    sentence(2, "comment", ("terrorists", "author"), ("rebels", "author")),
    sentence(3, "boilerplate", ("regime", "author")),
)


def test_mentions_are_counted_in_the_outlets_own_sentences() -> None:
    labels = Labels(SENTENCES)
    assert labels.counts() == {"rebels": 3, "militants": 1, "regime": 1}
    assert labels.counts(voices=["author"]) == {"rebels": 2, "regime": 1}
    assert labels.counts(voices=["author", "quoted"], kinds=["headline"]) == {"rebels": 2, "militants": 1}
    assert labels.counts(kinds=["comment"]) == {"terrorists": 1, "rebels": 1}
    assert labels.counts(voices=[]) == labels.counts(kinds=[]) == {}


def test_a_codebook_says_which_kinds_are_the_outlets_own() -> None:
    kinds = {"comment": {"outlet": "yes"}, "body": {"outlet": "no"}}
    codebook = Codebook.from_dict({"labels": ["rebels", "terrorists"], "kinds": kinds})
    assert Labels(SENTENCES, codebook=codebook).counts() == {"terrorists": 1, "rebels": 1}
    without = Codebook.from_dict({"labels": ["rebels"], "kinds": "none"})
    assert Labels(SENTENCES, codebook=without).counts() == Labels(SENTENCES).counts()


def test_contrasts_count_every_rival() -> None:
    found = Labels(SENTENCES).contrasts()
    codebook = Codebook.default()
    assert list(found) == [contrast.name for contrast in codebook.contrasts]
    for contrast in codebook.contrasts:
        assert list(found[contrast.name]) == list(contrast.labels)
    rivals = {"terrorists": 0, "militants": 1, "rebels": 3, "heroes": 0, "criminals": 0, "proxies": 0}
    assert dict(found["armed_party"]) == rivals
    quoted = Labels(SENTENCES).contrasts(voices=["quoted"])["armed_party"]
    assert dict(quoted) == rivals | {"rebels": 0}
    in_comments = Labels(SENTENCES).contrasts(kinds=["comment"])["armed_party"]
    assert dict(in_comments) == dict.fromkeys(rivals, 0) | {"rebels": 1, "terrorists": 1}
    own = Codebook.from_dict({"labels": ["regime", "rebels"], "contrasts": {"sides": ["regime", "rebels"]}})
    for labels in (Labels(SENTENCES, codebook=own), replace(Labels(SENTENCES), codebook=own)):
        assert labels.contrasts() == {"sides": Counter(regime=1, rebels=3)}
    assert Labels(SENTENCES).contrasts(codebook=own) == {"sides": Counter(regime=1, rebels=3)}


def test_labels_are_a_sequence_that_keeps_its_codebook() -> None:
    codebook = Codebook.default()
    labels = DocumentLabels(SENTENCES, codebook=codebook, document=Document("A"))
    assert len(labels) == 4 and labels[1] is SENTENCES[1] and labels[-1] is SENTENCES[3]
    part = labels[1:3]
    assert (part.sentences, part.codebook) == (SENTENCES[1:3], codebook)
    assert list(labels) == list(SENTENCES) and SENTENCES[2] in labels
    assert labels.to_dict() == [one.to_dict() for one in SENTENCES]


def test_a_source_is_written_as_its_words() -> None:
    source = Source(4, 9, "mayor", 0.9)
    mention = Mention("rebels", 0, 1, "A", "quoted", 0.9, 0.8, source)
    assert f"{mention.source}" == "mayor"
    assert mention.to_dict()["source"] == {"start": 4, "end": 9, "text": "mayor", "probability": 0.9}
    assert Mention("rebels", 0, 1, "A", None, None, 0.8).to_dict()["source"] is None


def test_records_that_are_none_are_refused() -> None:
    record = SENTENCES[0].to_dict()
    assert SentenceLabels.from_dict(record) == SENTENCES[0]
    assert SentenceLabels.from_dict(record | {"another": "column"}) == SENTENCES[0]
    for name in ("text", "mentions", "probabilities", "row"):
        broken = {key: value for key, value in record.items() if key != name}
        with pytest.raises(InputError, match=f"no record of framing: KeyError\\('{name}'\\)"):
            SentenceLabels.from_dict(broken)
    with pytest.raises(InputError, match="no record of framing"):
        SentenceLabels.from_dict(record | {"hedges": [{"kind": "hearsay"}]})


def test_a_column_of_the_users_is_no_task() -> None:
    hedged = {"rebels": 0.9, "hedge.hearsay": 0.1, "stance.pro": 0.4}
    record = replace(SENTENCES[0], probabilities=hedged).to_dict() | {"hedge": "theirs", "stance": "pro", "desk": "x"}
    assert SentenceLabels.from_dict(record).tasks == {"stance": "pro"}


def test_offsets_must_fit() -> None:
    with pytest.raises(ValueError, match=r"\[3, 9\) do not fit a text of 4 code points"):
        Sentence("word", 3, 9)
    with pytest.raises(ValueError, match="do not fit"):
        Sentence("word", -1, 3)
