"""What a parameter does in its law: declared once, with the law, so that nobody asks for its name."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What kind of thing a parameter is."""

    IRREDUCIBLE = "what no scale removes"
    AMPLITUDE = "what is lost to finite scale at the reference point"
    EXPONENT = "an exponent, or a slope, along an input"
    COUPLING = "how inputs act together"
    LOCATION = "where along an input something happens: a break, an optimum"
    SHARPNESS = "how sharply a curve bends"
    LIMIT = "a value that the curve cannot pass: guessing, a ceiling"
    OTHER = "not declared"


@dataclass(frozen=True)
class Role:
    """The role of one parameter.

    Attributes
    ----------
    kind : Kind
    of : tuple of str
        The inputs along which it acts, by the names that the law's function gives them.
    words : str
        What it is, in a few words, where its kind and inputs do not say it.
    """

    kind: Kind
    of: tuple[str, ...] = ()
    words: str = ""

    @property
    def bends(self) -> bool:
        """Whether it sets how steep a curve is or how it bends; other parameters move a curve as it is."""
        return self.kind in (Kind.EXPONENT, Kind.COUPLING, Kind.SHARPNESS)


UNDECLARED = Role(Kind.OTHER)


def irreducible(words: str = "irreducible loss") -> Role:
    """The loss that no scale removes."""
    return Role(Kind.IRREDUCIBLE, (), words)


def amplitude(*of: str, words: str = "") -> Role:
    """The loss to finite scale of these inputs, at the reference point."""
    return Role(Kind.AMPLITUDE, of, words)


def exponent(*of: str, words: str = "") -> Role:
    """An exponent of these inputs, or a slope along them."""
    return Role(Kind.EXPONENT, of, words)


def coupling(words: str, *of: str) -> Role:
    """How these inputs act together."""
    return Role(Kind.COUPLING, of, words)


def location(words: str, *of: str) -> Role:
    """Where along these inputs something happens."""
    return Role(Kind.LOCATION, of, words)


def sharpness(words: str, *of: str) -> Role:
    """How sharply a curve bends along these inputs."""
    return Role(Kind.SHARPNESS, of, words)


def limit(words: str) -> Role:
    """A value that the curve cannot pass."""
    return Role(Kind.LIMIT, (), words)
