"""How strongly each column drifted in each window: one row a column, one cell a window."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.drift_words import MARKS, MEASURE_NAMES
from mlops_jupyter.verbs.values import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload

_INCHES: Final = 9.4
_ROW: Final = 0.31
_MOST: Final = 16
_NAMED: Final = 14  # windows that have room for a number in each cell
_GREY: Final = "#999999"


def draw(payload: Payload, *, title: bool = True, ink: str = "#222222") -> Figure:
    """Return the figure: darker is stronger, from where WARNING begins; so it reads in grey.

    Parameters
    ----------
    payload : Payload
        A report with more than one window.
    title : bool
        Whether the message is written on it.
    ink : str
        The colour of letters.
    """
    from matplotlib.figure import Figure

    measure = payload["measure"]
    columns = [column for column in payload["columns"] if column["trend"].get(measure)][:_MOST]
    figure = Figure(figsize=(_INCHES, _ROW * len(columns) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    cells = [column["trend"][measure] for column in columns]
    _fill(axes, cells, payload["limits"][measure])
    if len(payload["windows"]) <= _NAMED:
        _write(axes, cells, payload["limits"][measure])
    _name(axes, payload, columns, ink)
    if title:
        figure.suptitle(_message(payload), x=0.008, ha="left", fontsize=12, fontweight="bold", color=ink)
    return figure


def _message(payload: Payload) -> str:
    who = payload["deployment"] or payload["current"]["label"]
    return f"{MEASURE_NAMES[payload['measure']]} of {who} over time, each {payload['every']}"


def _fill(axes: Axes, cells: Sequence[Sequence[float | None]], limits: Sequence[float]) -> None:
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    values = np.array([[np.nan if value is None else value for value in row] for row in cells], dtype=float)
    # Okabe-Ito: from nothing over orange, where WARNING begins, to vermilion, and darker beyond
    colours = LinearSegmentedColormap.from_list(
        "drift", [(0, "#f3f3f3"), (0.25, "#f0e0bd"), (0.5, "#E69F00"), (0.75, "#D55E00"), (1, "#5e2700")]
    )
    axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=colours,
        vmin=0,
        vmax=2 * limits[1],
        edgecolors="white",
        linewidth=1.5,
    )
    axes.invert_yaxis()


def _write(axes: Axes, cells: Sequence[Sequence[float | None]], limits: Sequence[float]) -> None:
    for row, values in enumerate(cells):
        for at, value in enumerate(values):
            if value is not None:
                colour = "white" if value > 1.2 * limits[1] else "#222222"
                text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
                axes.text(at + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color=colour)


def _name(axes: Axes, payload: Payload, columns: Sequence[ColumnValues], ink: str) -> None:
    names = [f"{column['name']}  {SYMBOLS[MARKS[column['verdict']]]}" for column in columns]
    axes.set_yticks([row + 0.5 for row in range(len(names))], names)
    moments = [datetime.fromisoformat(window) for window in payload["windows"]]
    step = max(1, -(-len(moments) // _NAMED))
    shown = range(0, len(moments), step)
    axes.set_xticks([at + 0.5 for at in shown], [_when(moments, at, step) for at in shown])
    axes.tick_params(colors=ink, labelsize=9, length=0)
    axes.spines[:].set_visible(False)


def _when(moments: Sequence[Any], at: int, step: int) -> str:
    """Return when a window begins, with its day where that is another than before."""
    hourly = len(moments) > 1 and (moments[1] - moments[0]).total_seconds() < 86400
    if not hourly:
        return f"{moments[at]:%d %b}"
    new = at < step or moments[at].date() != moments[at - step].date()
    return f"{moments[at]:%H:%M}" + (f"\n{moments[at]:%d %b}" if new else "")
