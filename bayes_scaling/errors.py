"""What can go wrong, as types: input that cannot be used, and input or fits that are in doubt."""


class InputError(ValueError):
    """Input that cannot be used. The message names the column, row and value, and says what to do."""


class DoubtfulInputWarning(UserWarning):
    """Input that can be used but looks wrong, said in one sentence."""


class DoubtfulFitWarning(UserWarning):
    """A posterior that should not be trusted as it stands, said in one sentence."""
