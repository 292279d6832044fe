"""The distributions of a table's columns, each in a small drawing of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.drift_shapes import histogram_of
from mlops_jupyter.verbs.values import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlops_jupyter.stats.profiles import ColumnProfile
    from mlops_jupyter.verbs.drift_payload import Histogram

_BLUE: Final = "#0072B2"  # Okabe-Ito
_INK: Final = "#222222"
_ACROSS: Final = 4
_MOST: Final = 24
_INCHES: Final = (2.35, 1.7)
_LABEL: Final = 12


def draw(label: str, columns: Mapping[str, ColumnProfile]) -> Figure:
    """Return the figure; of more than two dozen columns it has the first, and says so.

    Parameters
    ----------
    label : str
        What was profiled.
    columns : mapping
        Their profiles.
    """
    from matplotlib.figure import Figure

    found = {name: histogram for name, c in columns.items() if (histogram := histogram_of(c, c))}
    shown = dict(list(found.items())[:_MOST])
    across = min(_ACROSS, max(1, len(shown)))
    down = max(1, -(-len(shown) // across))
    size = (max(_INCHES[0] * across, 4.0), _INCHES[1] * down + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    for i, (name, histogram) in enumerate(shown.items()):
        _panel(figure.add_subplot(down, across, i + 1), name, histogram, columns[name])
    rest = f", the first {_MOST} of {len(found)} columns" if len(found) > _MOST else ""
    title = f"How the columns of {label} are distributed{rest}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=_INK)
    return figure


def _panel(axes: Axes, name: str, histogram: Histogram, column: ColumnProfile) -> None:
    shares = [100 * share for share in histogram["reference"]]
    if "labels" in histogram:
        axes.bar(range(len(shares)), shares, width=0.8, color=_BLUE)
        labels = [text if len(text) <= _LABEL else f"{text[:_LABEL]}…" for text in histogram["labels"]]
        axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", fontsize=7)
    else:
        axes.stairs(shares, histogram["edges"], fill=True, color=_BLUE)
        _scale(axes, getattr(column, "kind", ""))
    axes.set_title(name, fontsize=9, loc="left", color=_INK)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda share, _: f"{number(share)} %" if share else "0")
    axes.locator_params(axis="y", nbins=3)
    axes.tick_params(labelsize=7, length=0, colors=_INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis="y", color=_INK, alpha=0.15, linewidth=0.8)


def _scale(axes: Axes, kind: str) -> None:
    from datetime import UTC, datetime, timedelta

    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(3))
    if kind == "datetime":
        start = datetime(1970, 1, 1, tzinfo=UTC)
        axes.xaxis.set_major_formatter(lambda at, _: f"{start + timedelta(seconds=at):%Y-%m-%d}")
    else:
        axes.xaxis.set_major_formatter(lambda at, _: number(at) if at else "0")
