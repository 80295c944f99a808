"""A synthetic language whose entropy is known: words of a hidden Markov model, spelled letter by letter.

A hidden state is a topic and a class. The topic stays for some twenty words, the class of the next word follows
from that of the last, and both together say how likely each word of a fixed lexicon is. The words' shares fall
as Zipf's law has it, so that a model that grows, or that sees more, always finds a rarer word to learn. A space
ends each word and nothing else is a space, so given the text the words are known and only the states are hidden:
the forward filter over them gives the probability of any text exactly, and with it the loss of a reader who
knows the source. No model of the text can beat it on average; it is the E of a scaling law on this corpus.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SPACE = ord(" ")
LETTERS = np.arange(ord("a"), ord("z") + 1)


@dataclass(frozen=True, eq=False)
class Language:
    """The source.

    Attributes
    ----------
    words : tuple of bytes
        The lexicon, without the space that ends each word.
    transition : array, shape (state, state)
        Of the state of one word to that of the next; rows sum to 1.
    emission : array, shape (state, word)
        Probability of each word; rows sum to 1.
    """

    words: tuple[bytes, ...]
    transition: np.ndarray
    emission: np.ndarray

    @cached_property
    def stationary(self) -> np.ndarray:
        """Share of the words that each state makes in the long run, shape (state,)."""
        shares = np.full(len(self.transition), 1 / len(self.transition))
        for _ in range(5000):
            shares = shares @ self.transition
        return shares

    @cached_property
    def _starts(self) -> dict[bytes, np.ndarray]:
        """From the first letters of a word (with its space, once it is there) to their probability by state."""
        masses: dict[bytes, np.ndarray] = defaultdict(lambda: np.zeros(len(self.transition)))
        for word, share in zip(self.words, self.emission.T, strict=True):
            text = word + b" "
            for end in range(len(text) + 1):
                masses[text[:end]] += share
        return dict(masses)

    @cached_property
    def _middles(self) -> dict[bytes, np.ndarray]:
        """The same for what may follow a place anywhere in a word, jointly with the state."""
        masses: dict[bytes, np.ndarray] = defaultdict(lambda: np.zeros(len(self.transition)))
        for word, share in zip(self.words, self.emission.T, strict=True):
            text = word + b" "
            for start in range(len(text)):
                for end in range(start + 1, len(text) + 1):
                    masses[text[start:end]] += self.stationary * share
        return dict(masses)

    def sample(self, streams: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """Text of the source, from a random place of a word on.

        Parameters
        ----------
        streams, length : int
            How many independent texts, of how many characters.
        rng : numpy.random.Generator

        Returns
        -------
        array of uint8, shape (streams, length)
        """
        from_state = np.cumsum(self.transition, axis=1)
        from_emission = np.cumsum(self.emission, axis=1)
        longest = max(map(len, self.words)) + 1
        sizes = np.array([len(word) + 1 for word in self.words])
        spelled = np.zeros((len(self.words), longest), np.uint8)
        for i, word in enumerate(self.words):
            spelled[i, : len(word) + 1] = np.frombuffer(word + b" ", np.uint8)
        text = np.zeros((streams, length + 2 * longest), np.uint8)
        # The word at a random place is a long one more often: of those proposed, keep each by its length.
        state, word = np.zeros(streams, int), np.zeros(streams, int)
        waiting = np.arange(streams)
        while len(waiting):
            state[waiting] = rng.choice(len(self.stationary), len(waiting), p=self.stationary)
            word[waiting] = _pick(from_emission[state[waiting]], rng)
            waiting = waiting[rng.random(len(waiting)) >= sizes[word[waiting]] / longest]
        end = -(rng.random(streams) * sizes[word]).astype(
            int
        )  # where the first word began, relative to the text
        rows = np.arange(streams)[:, None]
        at = longest  # columns are shifted by this much, so that the first word may begin before the text
        while True:
            columns = at + end[:, None] + np.arange(longest)
            inside = (np.arange(longest) < sizes[word][:, None]) & (columns < text.shape[1])
            text[np.broadcast_to(rows, columns.shape)[inside], columns[inside]] = spelled[word][inside]
            end = end + sizes[word]
            if end.min() >= length:
                return text[:, at : at + length].copy()
            state = _pick(from_state[state], rng)
            word = _pick(from_emission[state], rng)

    def log_probability(self, window: bytes) -> float:
        """Log probability of a window given its first character, exactly.

        Parameters
        ----------
        window : bytes
            Text of the source from any place on.

        Returns
        -------
        float
            Nats, of all characters but the first.

        Raises
        ------
        ValueError
            If the source cannot make the window.
        """
        first, *others = window.split(b" ")
        pieces = [first + b" ", *(word + b" " for word in others[:-1]), others[-1]] if others else [first]
        try:
            belief = self._middles[pieces[0]]
            total = np.log(belief.sum()) - np.log(self._middles[window[:1]].sum())
            for piece in pieces[1:]:
                belief = (belief / belief.sum()) @ self.transition * self._starts[piece]
                total += np.log(belief.sum())
        except KeyError as error:
            raise ValueError(
                f"the language has no word with {error.args[0]!r}, of the window {window!r}"
            ) from None
        return float(total)

    def oracle(self, windows: np.ndarray) -> np.ndarray:
        """Loss of a reader who knows the source, on each window, in nats per character.

        Parameters
        ----------
        windows : array of uint8, shape (window, context + 1)

        Returns
        -------
        array, shape (window,)
        """
        return np.array([-self.log_probability(row.tobytes()) for row in windows]) / (windows.shape[1] - 1)


def _pick(cumulative: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One index for each row of cumulative probabilities."""
    chosen = (cumulative < rng.random(len(cumulative))[:, None]).sum(axis=1)
    return np.minimum(chosen, cumulative.shape[1] - 1)


def make_language(
    seed: int = 0, words: int = 4096, topics: int = 4, classes: int = 8, stay: float = 0.95
) -> Language:
    """The language of a seed.

    Parameters
    ----------
    seed : int
    words, topics, classes : int
        Size of the lexicon, and of the two parts of the hidden state.
    stay : float
        Probability that the topic of the next word is that of the last.

    Returns
    -------
    Language
    """
    rng = np.random.default_rng(seed)
    letters = len(LETTERS)
    follows = rng.dirichlet(np.full(letters, 0.2), size=letters)  # spelling has a look of its own
    opens = rng.dirichlet(np.full(letters, 0.5))
    lexicon: dict[bytes, None] = {}
    while len(lexicon) < words:
        # Frequent words are short: the lexicon is made in the order of its ranks.
        size = 2 + rng.binomial(2 + 4 * len(lexicon) // words, 0.6)
        spelling = [rng.choice(letters, p=opens)]
        while len(spelling) < size:
            spelling.append(rng.choice(letters, p=follows[spelling[-1]]))
        lexicon.setdefault(bytes(LETTERS[spelling].astype(np.uint8)))
    zipf = 1.0 / (np.arange(words) + 2.7)
    taste = 1.5 * rng.standard_normal((topics, 1, words)) + 1.5 * rng.standard_normal((1, classes, words))
    emission = (zipf * np.exp(taste)).reshape(topics * classes, words)
    emission /= emission.sum(axis=1, keepdims=True)
    between = stay * np.eye(topics) + (1 - stay) * np.full((topics, topics), 1 / topics)
    grammar = rng.dirichlet(np.full(classes, 0.4), size=classes)
    return Language(tuple(lexicon), np.kron(between, grammar), emission)
