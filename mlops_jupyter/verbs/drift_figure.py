"""How columns changed, drawn: the reference as a grey ground, what is current as a line upon it.

What is grey and what is a line is told apart in print without colours. One figure has one message: that of
all columns which of them changed and how, that of one column how far at each quantile, and since when.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.drift_panels import (
    CURRENT,
    GROUND,
    draw_distribution,
    draw_levels_shift,
    draw_quantile_shift,
    draw_trend,
)
from mlops_jupyter.verbs.drift_words import (
    MARKS,
    MEASURE_NAMES,
    drifted,
    message_of,
    told_by,
    unnamed,
)
from mlops_jupyter.verbs.values import SYMBOLS, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload

WIDTH: Final = 900  # pixels in a notebook
_INCHES: Final = 9.4
_ROW: Final = 2.25
_DOTS: Final = 150
_ACROSS: Final = 3
_MOST: Final = 6
_INK: Final = "#222222"
_GREY: Final = "#7a7a7a"  # is read on white as on Jupyter's dark ground


def draw(payload: Payload, *, title: bool = True, ink: str = _INK) -> Figure:
    """Return the columns that drifted, each with both distributions; the nearest to it when none did.

    Parameters
    ----------
    payload : Payload
        The report.
    title : bool
        Whether the message is written on it; a notebook writes it above in its own letters.
    ink : str
        The colour of letters and lines.
    """
    from matplotlib.figure import Figure

    chosen = shown_columns(payload)
    rows, across = -(-len(chosen) // _ACROSS) or 1, min(_ACROSS, max(len(chosen), 2))
    height = _ROW * rows + 0.22 + 0.34 * title
    figure = Figure(figsize=(_INCHES, height))
    # by hand, for a layout that measures every letter takes as long as all the drawing
    top = 1 - (0.72 + 0.34 * title) / height
    figure.subplots_adjust(0.07, 0.26 / height, 0.985, top, hspace=0.55, wspace=0.28)
    for i, column in enumerate(chosen):
        axes = figure.add_subplot(rows, across, i + 1)
        draw_distribution(axes, column, ink, named=False)
        _head(axes, column, payload["measure"], ink)
    if chosen:
        _name_both(figure, 1 - 0.34 * title / height, ink)
    if title:
        _title(figure, message_of(payload), ink)
    return figure


def worth_drawing(payload: Payload) -> bool:
    """Return whether there is something to see: what drifted, in values that can be drawn."""
    return any(column["histogram"] for column in drifted(payload["columns"]))


def shown_columns(payload: Payload) -> list[ColumnValues]:
    """Return the columns that the overview shows."""
    known = [column for column in payload["columns"] if column["histogram"]]
    return (drifted(known) or known)[:_MOST]


def draw_column(payload: Payload, column: ColumnValues, *, title: bool = True, ink: str = _INK) -> Figure:
    """Return one column: its distributions, how far each quantile or level moved, and since when."""
    from matplotlib.figure import Figure

    trend = column["trend"].get(payload["measure"]) if payload["windows"] else None
    told = trend is not None and sum(value is not None for value in trend) > 1
    figure = Figure(figsize=(_INCHES, 3.1 + 1.5 * told + 0.3 * title), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(3.1, 1.5)) if told else [figure]
    _compare(parts[0], column, ink)
    if told:
        _over_time(parts[1], payload, column, ink)
    if title:
        _title(figure, column_message(column), ink)
    return figure


def column_message(column: ColumnValues) -> str:
    """Return what the figure of a column shows, in words."""
    said = next(iter(column["words"]), column["reason"]) or "is distributed as in the reference"
    return f"{column['name']}: {unnamed(said, column['name'])}".replace("`", "")


def as_png(figure: Figure) -> bytes:
    """Return a figure for a notebook: no ground of its own."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS, transparent=True)
    return buffer.getvalue()


def overview_png(payload: Payload) -> bytes:
    """Return the overview in letters that both themes bear, without its title."""
    return as_png(draw(payload, title=False, ink=_GREY))


def _over_time(figure: SubFigure, payload: Payload, column: ColumnValues, ink: str) -> None:
    effect = column["effects"][payload["measure"]]
    limits = payload["limits"][effect["measure"]]
    axes = figure.subplots()
    draw_trend(axes, payload["windows"], column["trend"][payload["measure"]], limits, ink)
    axes.set_title(f"{MEASURE_NAMES[effect['measure']]} over time", **_small(ink))


def _compare(figure: Figure | SubFigure, column: ColumnValues, ink: str) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    draw_distribution(left, column, ink, named=True, levels=12)
    left.set_title("share of the values" if column["quantiles"] else "share of the levels", **_small(ink))
    if column["quantiles"]:
        draw_quantile_shift(right, column, ink)
        right.set_title("how far each quantile moved", **_small(ink))
    else:
        draw_levels_shift(right, column, ink)
        right.set_title("change of each level, points", **_small(ink))


def _head(axes: Axes, column: ColumnValues, measure: str, ink: str) -> None:
    effect = column["effects"][measure]
    name = told_by(column, measure) or MEASURE_NAMES[measure]
    verdict = f"{SYMBOLS[MARKS[column['verdict']]]} {column['verdict']}"
    axes.set_title(_cut(column["name"], 26), loc="left", fontsize=10, fontweight="bold", color=ink, pad=17)
    under = f"{verdict}   {name} {number(effect['value'])}"
    axes.annotate(
        under, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", **_letters(ink)
    )


def _name_both(figure: Figure, top: float, ink: str) -> None:
    """Say which is which, once for all panels."""
    from matplotlib.patches import Patch

    both = (Patch(color=GROUND, alpha=0.5, label="reference"), Patch(color=CURRENT, label="current"))
    figure.legend(
        handles=both, loc="upper right", bbox_to_anchor=(0.99, top), ncols=2, fontsize=8.5, frameon=False,
        labelcolor=ink, handlelength=1.1, borderaxespad=0,
    )  # fmt: skip


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _small(ink: str) -> dict[str, Any]:
    return {"loc": "left", "fontsize": 9, "color": ink}


def _letters(ink: str) -> dict[str, Any]:
    return {"fontsize": 8.5, "color": ink, "ha": "left", "va": "bottom"}


def _title(figure: Figure, text: str, ink: str) -> None:
    figure.suptitle(_cut(text, 110), x=0.008, ha="left", fontsize=12, fontweight="bold", color=ink)
