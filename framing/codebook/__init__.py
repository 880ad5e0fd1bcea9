"""The codebook: labels, contrasts, hedges, voices, kinds and tasks, and the heads of a model that tells them.

:mod:`.book` is what a codebook holds, :mod:`.form` how a YAML file becomes one, :mod:`.heads` what a model must say.
"""

from framing.codebook.book import (
    HEDGE,
    SOURCE,
    Codebook,
    Contrast,
    Guide,
    HedgeGuide,
    KindGuide,
    Label,
    Task,
    VoiceGuide,
)
from framing.codebook.form import DEFAULT_NAME, built_in_names, template
from framing.codebook.heads import KIND, LABELS, VOICE, Head, Heads

__all__ = [
    "DEFAULT_NAME",
    "HEDGE",
    "KIND",
    "LABELS",
    "SOURCE",
    "VOICE",
    "Codebook",
    "Contrast",
    "Guide",
    "Head",
    "Heads",
    "HedgeGuide",
    "KindGuide",
    "Label",
    "Task",
    "VoiceGuide",
    "built_in_names",
    "template",
]
