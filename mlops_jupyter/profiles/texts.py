"""Free text as numbers: how long it is, and how many of its words are known."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from .values import Label

#: Words of a vocabulary, and what they may take written out: a profile stays small.
_WORDS: Final = 2000
_CHARACTERS: Final = 20_000
_REMEMBERED: Final = 50_000


def lengths(texts: Sequence[Label]) -> NDArray[np.float64]:
    """Return the characters of each text.

    Examples
    --------
    >>> lengths(["late", "on time"]).tolist()
    [4.0, 7.0]
    """
    import pyarrow.compute as pc

    found: NDArray[np.int64] = pc.utf8_length(_array(texts)).to_numpy()
    return found.astype(np.float64)


class Vocabulary:
    """Counts words, and forgets the rarest when they become too many."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, texts: Sequence[Label], counts: NDArray[np.int64]) -> None:
        """Count the words of some texts, each as often as its text occurs."""
        words, times = _words(texts, counts)
        encoded = words.dictionary_encode()
        found = np.bincount(encoded.indices.to_numpy(), times, len(encoded.dictionary))
        for word, number in zip(encoded.dictionary.to_pylist(), found.tolist(), strict=True):
            self.counts[word] += int(number)
        if len(self.counts) > 2 * _REMEMBERED:
            self.counts = Counter(dict(self.counts.most_common(_REMEMBERED)))

    def words(self) -> tuple[str, ...]:
        """Return the most frequent ones, as many as a profile has room for."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(_bounded(word for word, _ in ranked[:_WORDS]))


def known_words(
    texts: Sequence[Label], counts: NDArray[np.int64], vocabulary: Sequence[str]
) -> tuple[int, int]:
    """Return how many words of some texts are in a vocabulary, and how many there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words, times = _words(texts, counts)
    known = pc.is_in(words, value_set=pa.array(vocabulary, pa.large_string()))
    return int(times[known.to_numpy(zero_copy_only=False)].sum()), int(times.sum())


def _words(texts: Sequence[Label], counts: NDArray[np.int64]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the words of texts in small letters, and how often each stands."""
    import pyarrow.compute as pc

    split = pc.utf8_split_whitespace(pc.utf8_lower(_array(texts)))
    number = pc.list_value_length(split).to_numpy()
    words, times = split.flatten(), np.repeat(counts, number)
    real = pc.not_equal(words, "").to_numpy(zero_copy_only=False)
    return words.filter(pc.not_equal(words, "")), times[real]


def _bounded(words: Iterable[str]) -> Iterable[str]:
    room = _CHARACTERS
    for word in words:
        room -= len(word.encode())
        if room < 0:
            return
        yield word


def _array(texts: Sequence[Label]) -> pa.Array:
    import pyarrow as pa

    return pa.array(texts, pa.large_string())
