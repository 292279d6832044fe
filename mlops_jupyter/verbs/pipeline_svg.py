"""Pieces of SVG that the drawings of a graph are made of; letters and lines take the page's own colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDE: Final = frozenset("mwMWOQ@%—")
_SLIM: Final = frozenset("iljtfrI.,:;'|!()[] -")


def svg(width: float, height: float, parts: Iterable[str], about: str) -> str:
    """Return a drawing that shrinks with its page; `about` says in words what it shows."""
    box = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    style = "max-width:100%;height:auto;display:block;overflow:visible;font-variant-numeric:tabular-nums"
    told = f'role="img" aria-label="{escape(about, quote=True)}"'
    return f'<svg {box} {told} style="{style}">{"".join(parts)}</svg>'


def text(
    x: float,
    y: float,
    words: str,
    size: float = 12,
    *,
    end: bool = False,
    bold: bool = False,
    faint: bool = False,
) -> str:
    """Return letters with their base line at a point, which is their end or their begin."""
    if not words:
        return ""
    more = ' text-anchor="end"' if end else ""
    more += ' font-weight="600"' if bold else ""
    more += ' opacity=".72"' if faint else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="currentColor"{more}>{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, look: str) -> str:
    """Return a rectangle from its left upper corner; `look` is its other attributes."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" {look}/>'


def hover(words: str) -> str:
    """Return what is said when the pointer rests on what holds it."""
    return f"<title>{escape(words)}</title>"


def width_of(words: str, size: float = 12, *, bold: bool = False) -> float:
    """Return about how wide words are in a sans-serif font, rather too wide than too narrow.

    Examples
    --------
    >>> width_of("evaluate") > width_of("illicit")
    True
    """
    wide = sum(0.95 if c in _WIDE else 0.36 if c in _SLIM else 0.62 for c in words)
    return size * wide * (1.09 if bold else 1.0)


def fitted(words: str, room: float, size: float = 12, *, bold: bool = False) -> str:
    """Return words that fit into a width, with their middle left out where they are too long.

    Examples
    --------
    >>> fitted("train", 80), fitted("train_gradient_boosting_for_delays", 90)
    ('train', 'train_gra…lays')
    """
    if width_of(words, size, bold=bold) <= room:
        return words
    cuts = (_cut(words, keep) for keep in range(len(words) - 1, 1, -1))
    return next((cut for cut in cuts if width_of(cut, size, bold=bold) <= room), f"{words[:1]}…")


def _cut(words: str, keep: int) -> str:
    """Return so many letters of words, most of them from their begin."""
    tail = min(keep // 3, 8)
    return f"{words[: keep - tail]}…{words[len(words) - tail :] if tail else ''}"
