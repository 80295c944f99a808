"""What can go wrong, as types: input that cannot be used, and input or fits to be wary of."""

import os
import re
import warnings

_PACKAGE = os.path.dirname(__file__) + os.sep


class InputError(ValueError):
    """Input that cannot be used. The message names the column, row and value, and says what to do."""


class DoubtfulInputWarning(UserWarning):
    """Input that can be used but looks wrong, said in one sentence."""


class DoubtfulFitWarning(UserWarning):
    """A posterior that should not be trusted as it stands, said in one sentence."""


def warn(sentence: str, category: type[UserWarning]) -> None:
    """Warns of something at the line outside of this package that led to it, however deep the calls are."""
    warnings.warn(sentence, category, skip_file_prefixes=(_PACKAGE,))


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that steer a terminal or a text, in place of being seen: controls, directions, breaks, halves of pairs."""


def printable(text: str) -> str:
    """A text with such characters written out, by their numbers; line feeds and tabs stay."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
