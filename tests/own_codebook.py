"""A codebook of another kind than the built-in one: no voices, hedges, sources or kinds, and a task of every form."""

from framing.codebook import Codebook

OWN = {
    "name": "own",
    "labels": ["rebels", "terrorists"],
    "hedges": "none",
    "voices": "none",
    "source": "none",
    "kinds": "none",
    "evidence": [],
    "tasks": {
        "stance": ["supportive", "neutral", "hostile"],
        "topics": {"choose": "many", "values": ["war", "weather", "trade"]},
        "tone": {"scope": "mention", "values": ["plain", "ironic"]},
        "place": {"scope": "span", "values": ["town", "country"]},
    },
}
#: No labels either: nothing but what is asked of sentences.
TASKS_ONLY = {
    **{key: OWN[key] for key in ("hedges", "voices", "source", "kinds")},
    "name": "tasks_only",
    "tasks": {name: OWN["tasks"][name] for name in ("stance", "topics")},
}


def own_codebook() -> Codebook:
    """The one with a task of every form."""
    return Codebook.from_dict(OWN)


def tasks_only() -> Codebook:
    """The one without labels."""
    return Codebook.from_dict(TASKS_ONLY)
