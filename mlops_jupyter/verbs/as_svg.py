"""What stands in the cell of a table as a drawing: inline SVG in the colours of the page.

Lines and outlines take the colour of the letters, so that light and dark follow; a mark's own colour only
repeats what its word says, so that all of it reads in grey.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.results import Bar, Shape, Sparkline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlops_jupyter.verbs.results import Mark

COLOURS: Final[dict[Mark, str]] = {"ok": "#009E73", "warn": "#E69F00", "bad": "#D55E00", "info": "#0072B2"}
_BAR: Final = (132, 16)
_LINE: Final = (96, 22)
_MARGIN: Final = 3


def draw(drawing: Bar | Sparkline | Shape) -> str:
    """Return a drawing as SVG."""
    if isinstance(drawing, Bar):
        return _svg(_BAR, _bar(drawing), _told(drawing))
    if isinstance(drawing, Sparkline):
        return _svg(_LINE, _sparkline(drawing), drawing.about)
    return _svg(_LINE, _shape(drawing), drawing.about)


def _svg(size: tuple[int, int], parts: Iterable[str], about: str) -> str:
    width, height = size
    told = f' role="img" aria-label="{escape(about, quote=True)}"' if about else ' aria-hidden="true"'
    title = f"<title>{escape(about)}</title>" if about else ""
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg class="drawn" {box}{told}>{title}{"".join(parts)}</svg>'


def _told(bar: Bar) -> str:
    return f"{bar.value:.3g}, 95 % between {bar.low:.3g} and {bar.high:.3g}"


def _bar(bar: Bar) -> Iterator[str]:
    width, height = _BAR[0] - 1, _BAR[1]
    colour, middle = COLOURS[bar.mark], height / 2

    def across(value: float) -> float:
        return round(width * min(max(value / bar.end, 0.0), 1.0), 1)

    yield f'<rect y="4" width="{width}" height="{height - 8}" rx="1.5" fill="currentColor" opacity=".09"/>'
    yield f'<rect y="4" width="{max(across(bar.value), 1)}" height="{height - 8}" rx="1.5" fill="{colour}"/>'
    for limit in bar.limits:
        at = across(limit)
        yield _stroke(f"M{at} 1V{height - 1}", 1, 'opacity=".55" stroke-dasharray="2 1.5"')
    yield _stroke(f"M{across(bar.low)} {middle}H{across(bar.high)}", 1.5)
    if bar.value > bar.end:  # it goes on
        yield f'<path d="M{width - 5} 3l5 {middle - 3}l-5 {middle - 3}z" fill="currentColor"/>'


def _sparkline(line: Sparkline) -> Iterator[str]:
    known = [value for value in line.values if value is not None]
    if not known:
        return
    most = max(*known, 1.15 * line.limit if line.limit else 0.0, 1e-12)
    points = [None if v is None else _at(i, v / most, len(line.values)) for i, v in enumerate(line.values)]
    if line.limit:
        height = _height(line.limit / most)
        yield _stroke(f"M0 {height}H{_LINE[0]}", 1, 'opacity=".45" stroke-dasharray="2 2"')
    yield _stroke(_path(points), 1.4, 'stroke-linejoin="round" stroke-linecap="round" opacity=".8"')
    last = next(point for point in reversed(points) if point)
    yield f'<circle cx="{last[0]}" cy="{last[1]}" r="2.4" fill="{COLOURS[line.mark]}"/>'


def _at(index: int, share: float, count: int) -> tuple[float, float]:
    width = _LINE[0] - 2 * _MARGIN
    return round(_MARGIN + width * (index / (count - 1) if count > 1 else 1.0), 1), _height(share)


def _height(share: float) -> float:
    return round(_LINE[1] - _MARGIN - (_LINE[1] - 2 * _MARGIN) * share, 1)


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Return a line through the points that is broken where there is none; one alone is a dot."""
    parts, open_ = [], False
    for point in points:
        if point is not None:
            parts.append(f"{'L' if open_ else 'M'}{point[0]} {point[1]}" + ("" if open_ else "h0"))
        open_ = point is not None
    return "".join(parts)


def _shape(shape: Shape) -> Iterator[str]:
    most = max((*shape.shares, *shape.reference), default=0.0) or 1.0
    heights = [_height(share / most) for share in shape.shares]
    colour = COLOURS[shape.mark]
    step = _LINE[0] / max(len(heights), 1)
    bottom, gap = _LINE[1] - 1, min(1.5, step / 4) if shape.apart else 0.0
    boxes = (
        f"M{i * step + gap:.1f} {bottom}V{top}h{step - 2 * gap:.1f}V{bottom}z"
        for i, top in enumerate(heights)
    )
    yield f'<path d="{"".join(boxes)}" fill="{colour}" opacity=".55"/>'
    if shape.reference:
        tops = [_height(share / most) for share in shape.reference]
        yield _stroke(_outline(tops, step, apart=shape.apart), 1.3)


def _outline(tops: Sequence[float], step: float, *, apart: bool) -> str:
    joint = "M" if apart else "L"
    steps = (
        f"{'M' if not i else joint}{i * step:.1f} {top}H{(i + 1) * step:.1f}" for i, top in enumerate(tops)
    )
    return "".join(steps)


def _stroke(path: str, width: float, more: str = "") -> str:
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="{width}" {more}/>'
