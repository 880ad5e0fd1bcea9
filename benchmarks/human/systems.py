"""The systems: each learns from marked sentences and then says what it finds in others.

All that start from an encoder start from the same one, with the same settings, on the same sentences. ``framing-train``
holds a tenth of the documents out for its thresholds; the others train on those too, and take the most probable answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.human.forms import write_gold
from benchmarks.human.measures import Found, Span
from framing.codebook import Codebook
from framing.evaluate.gold import GoldSet
from framing.types import SentenceLabels

#: Says what is in the sentences of one document, in order.
Finder = Callable[[Sequence[str]], Sequence[Found]]
#: Special tokens included; longer sentences are cut by transformers' own models, framing reads them in windows.
LONGEST = 256


@dataclass(frozen=True, slots=True)
class Task:
    """What a system is to learn.

    Attributes:
        train: to learn from.
        codebook: of their labels.
        codebook_file: where it is.
        sentences: labels of which is asked whether a sentence carries them.
        base: the encoder.
        settings: of trainings.
        seed: of everything random.
        folder: for what a training writes.
    """

    train: GoldSet
    codebook: Codebook
    codebook_file: Path
    sentences: tuple[str, ...]
    base: str
    settings: Mapping[str, Any]
    seed: int
    folder: Path


def train_framing(task: Task) -> Finder:
    """``framing-train`` as it is, and the labeler on what it writes."""
    from framing.labeler import load
    from framing.train.front import train

    data = task.folder / "train.tsv"
    write_gold(task.train, data)
    run = train(
        train=[data],
        codebook=task.codebook_file,
        base=task.base,
        output_dir=task.folder / "checkpoint",
        seed=task.seed,
        **task.settings,
    )
    return _finder(load(run.folder).sentences)


def train_lexicon(task: Task) -> Finder:
    """Phrases that were marked, looked up."""
    from benchmarks.quality.lexicon import Lexicon

    return _finder(Lexicon(task.train, task.codebook, seed=task.seed).sentences)


def train_tfidf(task: Task) -> Finder:
    """TF-IDF of words, pairs and characters, one logistic regression a label; C by cross-validation over documents."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline, make_union

    texts = [sentence.text for sentence in task.train.sentences]
    fitted = {}
    for label in task.sentences:
        features = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=5),
        )
        pipeline = make_pipeline(features, LogisticRegression(class_weight="balanced", solver="liblinear"))
        search = GridSearchCV(
            pipeline, {"logisticregression__C": [0.3, 3.0, 30.0]}, scoring="f1", cv=GroupKFold(3), refit=True
        )
        fitted[label] = search.fit(texts, _carried(task.train, label), groups=task.train.groups)

    def find(sentences: Sequence[str]) -> list[Found]:
        said = {label: model.predict(list(sentences)) for label, model in fitted.items()}
        return [Found(frozenset(n for n, column in said.items() if column[i]), {}) for i in range(len(sentences))]

    return find


def train_auto_sequence(task: Task) -> Finder:
    """transformers' AutoModelForSequenceClassification and its Trainer: a yes or no for each label of sentences."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

    tokenizer = AutoTokenizer.from_pretrained(encoder_folder(task.base))
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder_folder(task.base), num_labels=len(task.sentences), problem_type="multi_label_classification"
    )
    targets = np.stack([_carried(task.train, label) for label in task.sentences], axis=1).astype(np.float32)
    items = [
        {**tokenizer(sentence.text, truncation=True, max_length=LONGEST), "labels": targets[i].tolist()}
        for i, sentence in enumerate(task.train.sentences)
    ]
    _fit(model, items, DataCollatorWithPadding(tokenizer), task)

    def find(sentences: Sequence[str]) -> list[Found]:
        inputs = tokenizer(list(sentences), truncation=True, max_length=LONGEST, padding=True, return_tensors="pt")
        with torch.inference_mode():
            said = (model(**inputs).logits > 0).numpy()
        return [Found(frozenset(n for n, yes in zip(task.sentences, row, strict=True) if yes), {}) for row in said]

    return find


def train_auto_token(task: Task) -> Finder:
    """transformers' AutoModelForTokenClassification and its Trainer: B, I and O on the first piece of each word."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification

    names = ["O", *(f"{part}-{label}" for label in task.codebook.label_names for part in "BI")]
    tokenizer = AutoTokenizer.from_pretrained(encoder_folder(task.base))
    model = AutoModelForTokenClassification.from_pretrained(encoder_folder(task.base), num_labels=len(names))
    items = []
    for sentence in task.train.sentences:
        encoded = tokenizer(sentence.text, truncation=True, max_length=LONGEST, return_offsets_mapping=True)
        words, offsets = encoded.word_ids(), encoded.pop("offset_mapping")
        tags = [-100] * len(words)
        for i in _first_pieces(words):
            tags[i] = 0
        for span in sentence.spans:
            inside = [i for i in _first_pieces(words) if offsets[i][0] < span.end and span.start < offsets[i][1]]
            for part, i in zip("B" + "I" * len(inside), inside, strict=False):
                tags[i] = names.index(f"{part}-{span.tags[0].output}")
        items.append({**encoded, "labels": tags})
    _fit(model, items, DataCollatorForTokenClassification(tokenizer), task)

    def find(sentences: Sequence[str]) -> list[Found]:
        encoded = tokenizer(
            list(sentences),
            truncation=True,
            max_length=LONGEST,
            padding=True,
            return_tensors="pt",
            return_offsets_mapping=True,
        )
        offsets = encoded.pop("offset_mapping").tolist()
        with torch.inference_mode():
            best = model(**encoded).logits.argmax(dim=-1).tolist()
        return [
            _spans_of([names[k] for k in best[row]], encoded.word_ids(row), offsets[row])
            for row in range(len(sentences))
        ]

    return find


#: System -> how it learns.
TRAINERS: Mapping[str, Callable[[Task], Finder]] = {
    "lexicon": train_lexicon,
    "tfidf": train_tfidf,
    "auto_sequence": train_auto_sequence,
    "auto_token": train_auto_token,
    "framing": train_framing,
}


def encoder_folder(base: str) -> str:
    """What ``from_pretrained`` takes for an encoder that framing-train knows by a name."""
    from framing.train.base import _resolve

    return _resolve(base)


def _fit(model: Any, items: list[dict[str, Any]], collator: Any, task: Task) -> None:
    """Train with transformers' Trainer, as its users do."""
    import transformers
    from transformers import Trainer, TrainingArguments

    transformers.set_seed(task.seed)
    transformers.utils.logging.disable_progress_bar()
    arguments = TrainingArguments(
        output_dir=str(task.folder / "trainer"),
        seed=task.seed,
        train_sampling_strategy="group_by_length",
        optim="adamw_torch_fused",
        dataloader_pin_memory=False,
        **task.settings,
    )
    Trainer(model=model, args=arguments, train_dataset=items, data_collator=collator).train()
    model.eval()


def _carried(gold: GoldSet, label: str) -> np.ndarray:
    """Whether each sentence carries a label: bool [sentences]."""
    return np.array([any(tag.output == label for s in one.spans for tag in s.tags) for one in gold.sentences])


def _first_pieces(words: Sequence[int | None]) -> list[int]:
    """Places of the first piece of each word."""
    return [i for i, word in enumerate(words) if word is not None and (i == 0 or words[i - 1] != word)]


def _spans_of(tags: Sequence[str], words: Sequence[int | None], offsets: Sequence[Sequence[int]]) -> Found:
    """Spans of a sequence of tags: a B begins one, and so does an I that does not go on with its neighbour's label."""
    ends = {word: end for word, (_, end) in zip(words, offsets, strict=True) if word is not None}
    spans: dict[str, list[Span]] = {}
    before = "O"
    for i in _first_pieces(words):
        part, _, label = tags[i].partition("-")
        end = ends[words[i] or 0]
        if part == "I" and before == label:
            spans[label][-1] = Span(spans[label][-1].start, end)
        elif label:
            spans.setdefault(label, []).append(Span(offsets[i][0], end))
        before = label
    return Found(frozenset(spans), {label: tuple(places) for label, places in spans.items()})


def _finder(label: Callable[[Sequence[str]], Sequence[SentenceLabels]]) -> Finder:
    """What finds, of what gives records."""

    def find(sentences: Sequence[str]) -> list[Found]:
        return [_of_record(labels) for labels in label(sentences)]

    return find


def _of_record(labels: SentenceLabels) -> Found:
    spans: dict[str, list[Span]] = {}
    for mention in labels.mentions:
        spans.setdefault(mention.label, []).append(Span(mention.start, mention.end))
    return Found(frozenset(labels.frames), {label: tuple(places) for label, places in spans.items()})
