"""What can go wrong, as types: input that cannot be used, and input or fits to be wary of."""

import os
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
