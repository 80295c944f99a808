"""Three corpora of single-byte tokens, each from packages at a pinned version, with a fixed evaluation set.

``words``   the language of `language`, whose entropy is known; made here, from its seed.
``python``  the library code of SymPy 1.14.0 (PyPI; BSD 3-clause), without its tests, benchmarks and generated parsers.
``prose``   six novels by Jane Austen (public domain), from Debian's r-cran-janeaustenr 1.0.0-1 (MIT).

Texts are cut to ASCII, so that a token is a byte and the vocabulary holds 128. Each corpus is checked by its
SHA-256: a run on another text would not be a row of the same table.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from benchmarks.sweep.language import Language, make_language

VOCABULARY = 128
CONTEXT = 64
EVALUATION_WINDOWS = 2048
BLOCK = 1 << 15  # characters; every sixteenth block of a real text is kept for evaluation

SYMPY = "1.14.0"
AUSTEN = "r-cran-janeaustenr=1.0.0-1"
SHA256 = {
    "words": "fa84d0209043b5e43c94c95d7eee5b85ece305730991d58b323b5470846e66c1",
    "python": "43ac5108dbcd8598c1cd8a7df7d8a836582b185146ffeb3b04da89f7cc240859",
    "prose": "18675be2165fa4f26c5374c82956a0239e3bc758ee76eec0c618442332accebf",
}
CHARACTERS = {"words": 16_777_216, "python": 14_516_224, "prose": 3_735_552}
"""Of the text to train on."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text to train on, and windows to evaluate on.

    Attributes
    ----------
    name : str
    text : array of uint8
        What is trained on; windows start anywhere in it.
    windows : array of uint8, shape (EVALUATION_WINDOWS, CONTEXT + 1)
        Never trained on; the same for every run.
    """

    name: str
    text: np.ndarray
    windows: np.ndarray


@cache
def language() -> Language:
    """The source of ``words``."""
    return make_language(seed=0)


@cache
def corpus(name: str) -> Corpus:
    """One of the corpora, from the user's cache folder or made anew.

    Parameters
    ----------
    name : str
        One of `SHA256`.

    Returns
    -------
    Corpus

    Raises
    ------
    RuntimeError
        If its package cannot be had, or the text is not the one that the sweep was made on.
    """
    path = user_cache_path("bayes_scaling") / "sweep" / f"{name}.npz"
    if path.is_file():
        with np.load(path) as arrays:
            made = Corpus(name, arrays["text"], arrays["windows"])
    else:
        made = _words() if name == "words" else _of_text(name, {"python": _python, "prose": _prose}[name]())
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, text=made.text, windows=made.windows)
        os.replace(file.name, path)
    if (found := digest(made)) != SHA256[name]:
        raise RuntimeError(
            f"the corpus {name!r} has the SHA-256 {found}; expected {SHA256[name]}. Its text is in {path}."
        )
    return made


def digest(made: Corpus) -> str:
    """SHA-256 of the text and the evaluation windows."""
    return hashlib.sha256(made.text.tobytes() + made.windows.tobytes()).hexdigest()


def _words() -> Corpus:
    rng = np.random.default_rng(2)
    text = language().sample(512, BLOCK, rng).ravel()
    return Corpus("words", text, language().sample(EVALUATION_WINDOWS, CONTEXT + 1, rng))


def _of_text(name: str, text: bytes) -> Corpus:
    """Train on fifteen blocks of sixteen; evaluate on windows spread evenly over the others."""
    characters = np.frombuffer(text, np.uint8)
    blocks = characters[: len(characters) // BLOCK * BLOCK].reshape(-1, BLOCK)
    held_out = np.arange(len(blocks)) % 16 == 8
    size = CONTEXT + 1
    windows = blocks[held_out][:, : BLOCK // size * size].reshape(-1, size)
    chosen = np.linspace(0, len(windows) - 1, EVALUATION_WINDOWS).round().astype(int)
    return Corpus(name, blocks[~held_out].ravel(), windows[chosen])


def _python() -> bytes:
    """The modules of the library, in a shuffled order, joined by an empty line."""
    try:
        found = importlib.metadata.version("sympy")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != SYMPY:
        raise RuntimeError(
            f"the corpus 'python' is SymPy {SYMPY}; installed is {found}. Run with the group bench."
        )
    texts = {}
    for file in importlib.metadata.files("sympy") or ():
        parts = Path(file).parts
        if parts[0] == "sympy" and file.suffix == ".py" and not {"tests", "benchmarks", "_antlr"} & {*parts}:
            texts["/".join(parts)] = file.read_binary()
    names = sorted(name for name, text in texts.items() if text.isascii() and text.strip())
    order = np.random.default_rng(3).permutation(len(names))
    return b"\n\n".join(texts[names[i]].replace(b"\r\n", b"\n").strip() + b"\n" for i in order)


def _prose() -> bytes:
    """The novels, one after another, their lines as printed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["apt-get", "download", AUSTEN], cwd=folder, check=True, capture_output=True)
            (package,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(
                f"the corpus 'prose' is Debian's {AUSTEN}, which apt-get could not fetch: {error}"
            ) from error
        (path,) = Path(folder).rglob("janeaustenr/data/Rdata.rdb")
        stored = path.read_bytes()
    novels = []
    while stored:  # each object: its size, then a zlib stream
        stream = zlib.decompressobj()
        novels.append(_lines_of_r(stream.decompress(stored[4:])))
        stored = stream.unused_data
    return b"\n\n".join(novels)


def _lines_of_r(data: bytes) -> bytes:
    """The lines of one character vector in R's binary serialisation, version 3; the first such vector of it."""
    at = 14  # "X\n", and the versions of the format, of R, and of the oldest R that reads it
    at += 4 + int.from_bytes(data[at : at + 4], "big")  # the native encoding
    kind, count = data[at + 3], int.from_bytes(data[at + 4 : at + 8], "big")
    if kind != 16:
        raise RuntimeError(f"the R object is of type {kind}; expected 16, a vector of text")
    at += 8
    lines = []
    for _ in range(count):
        size = int.from_bytes(data[at + 4 : at + 8], "big", signed=True)
        lines.append(data[at + 8 : at + 8 + max(size, 0)].decode().encode("ascii", "replace"))
        at += 8 + max(size, 0)
    return b"\n".join(lines)
