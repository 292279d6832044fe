"""Latency over percentiles, as HdrHistogram draws it: each step to the right is ten times rarer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.results import Quantity
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES: Final = (6.6, 3.0)
_DOTS: Final = 160
_BLUE: Final = "#0072B2"  # Okabe-Ito; the only line there is, so that it reads in grey
_GREY: Final = "#7a7a7a"  # is read on white as on Jupyter's dark ground
_NAMED: Final = (50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
_LATENCIES: Final = (1, 2, 5)


def draw(percentiles: Sequence[tuple[float, float]], title: str = "", ink: str = "#222222") -> Figure:
    """Return the figure.

    Parameters
    ----------
    percentiles : sequence of (percent, seconds)
        Rising; 100 is the longest.
    title : str
        The message; a notebook writes it above in its own letters.
    ink : str
        The colour of letters and lines.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    rarities, seconds = _curve(percentiles)
    axes.plot(rarities, seconds, color=_BLUE, linewidth=2)
    _mark(axes, percentiles, ink)
    _scale(axes, rarities, seconds)
    _dress(axes, ink)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=ink)
    return figure


def as_png(percentiles: Sequence[tuple[float, float]]) -> bytes:
    """Return the figure for a notebook: no ground of its own, letters that both themes bear."""
    buffer = io.BytesIO()
    draw(percentiles, ink=_GREY).savefig(buffer, format="png", dpi=_DOTS, transparent=True)
    return buffer.getvalue()


def _curve(percentiles: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return one in how many is slower, and the latency; what takes all has no place on a log scale."""
    told = [(percent, seconds) for percent, seconds in percentiles if percent < 100]
    return [_rarity(percent) for percent, _ in told], [max(seconds, 1e-6) for _, seconds in told]


def _rarity(percent: float) -> float:
    return 100 / (100 - percent)


def _mark(axes: Axes, percentiles: Sequence[tuple[float, float]], ink: str) -> None:
    known = dict(percentiles)
    for percent in (p for p in _NAMED[:4] if p in known):
        at = (_rarity(percent), known[percent])
        axes.plot(*at, "o", color=_BLUE, markersize=5, markeredgecolor="white")
        text = f"p{percent:g}  {_words(known[percent])}"
        # the line only rises: above and left of a point it is not, nor below and right, away from the axis
        where = ((6, -5), "left", "top") if percent == _NAMED[0] else ((-6, 6), "right", "bottom")
        offset, ha, va = where
        axes.annotate(text, at, offset, textcoords="offset points", fontsize=9, color=ink, ha=ha, va=va)


def _scale(axes: Axes, rarities: Sequence[float], seconds: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1, rarities[-1] * 1.15)
    axes.set_ylim(min(seconds) / 2, max(seconds) * 2.2)
    ticks = [percent for percent in (0.0, *_NAMED) if _rarity(percent) <= rarities[-1] * 1.001]
    axes.set_xticks(list(map(_rarity, ticks)), [f"{percent:g} %" for percent in ticks])
    axes.yaxis.set_major_locator(FixedLocator(_round_latencies(min(seconds), max(seconds))))
    axes.yaxis.set_major_formatter(lambda value, _: _words(value))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())


def _round_latencies(least: float, most: float) -> list[float]:
    """Return ticks of 1, 2 and 5, or of 1 alone where that would be many."""
    steps = _LATENCIES if most / least < 100 else _LATENCIES[:1]
    return [step * 10.0**power for power in range(-6, 3) for step in steps]


def _dress(axes: Axes, ink: str) -> None:
    axes.set_xlabel("percent of requests", color=ink, fontsize=9)
    axes.set_ylabel("answered within", color=ink, fontsize=9)
    axes.tick_params(colors=ink, labelsize=9, length=0)
    axes.grid(visible=True, color=ink, alpha=0.18, linewidth=0.8)
    axes.spines[:].set_visible(False)


def _words(seconds: Any) -> str:
    return shown(Quantity(float(seconds), "s")).text
