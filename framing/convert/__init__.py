"""Annotation formats, read and written.

:func:`convert` goes from one to another. :mod:`.passages` is the common form, and says how names hold what other tools
have no place for; :mod:`.names` checks names against a codebook; :mod:`.formats` has a class for each format.
"""

from framing.convert.formats import FORMATS, Options
from framing.convert.passages import NamedLabel, NamedSpan, Passage
from framing.convert.run import Converted, convert

__all__ = ["FORMATS", "Converted", "NamedLabel", "NamedSpan", "Options", "Passage", "convert"]
