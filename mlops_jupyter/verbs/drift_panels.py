"""The panels that figures of drift are made of: distributions, shifts, and a measure over time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.drift_words import moment
from mlops_jupyter.verbs.values import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Histogram

CURRENT: Final = "#0072B2"  # Okabe-Ito
GROUND: Final = "#999999"
_WARNING: Final = "#E69F00"
_CRITICAL: Final = "#D55E00"
_LEVELS: Final = 6
_DAY: Final = 86400.0
_NOTED: Final = 0.01  # share of missing values that is worth a bar of its own


def draw_distribution(
    axes: Axes, column: ColumnValues, ink: str, *, named: bool, levels: int = _LEVELS
) -> None:
    """Draw both distributions of a column.

    Parameters
    ----------
    axes : Axes
        Where.
    column : ColumnValues
        What; it has a histogram.
    ink : str
        The colour of letters.
    named : bool
        Whether it is said which is which.
    levels : int
        How many levels are shown at most: those that changed most.
    """
    found = column["histogram"] or {}
    if "edges" in found:
        _draw_values(axes, column, found, ink)
    else:
        _draw_levels(axes, found, levels, ink)
    if named:
        _legend(axes, ink)
    _dress(axes, ink)
    axes.set_yticks([]) if "edges" in found else axes.set_xticks([])


def draw_quantile_shift(axes: Axes, column: ColumnValues, ink: str) -> None:
    """Draw how far each quantile moved, in the unit of the column; of moments in days or hours."""
    scale, unit = _scale(column)
    at = [100 * quantile for quantile, _, _ in column["quantiles"]]
    shifts = [(current - reference) / scale for _, reference, current in column["quantiles"]]
    axes.axhline(0, color=GROUND, linewidth=1.2)
    axes.fill_between(at, shifts, color=CURRENT, alpha=0.18, linewidth=0)
    axes.plot(at, shifts, "o-", color=CURRENT, linewidth=2, markersize=4)
    _annotate_most(axes, at, shifts, unit, ink)
    axes.set_xticks([5, 25, 50, 75, 95], ["5 %", "25 %", "median", "75 %", "95 %"])
    axes.margins(y=0.3)
    _dress(axes, ink)
    axes.grid(visible=True, axis="y", color=ink, alpha=0.15, linewidth=0.8)
    if unit:
        axes.set_ylabel(unit, color=ink, fontsize=8.5)


def draw_levels_shift(axes: Axes, column: ColumnValues, ink: str, most: int = 12) -> None:
    """Draw by how many points the share of each level changed."""
    found = column["histogram"] or {}
    chosen = _chosen(found, most)[::-1]
    shifts = [100 * (found["current"][i] - found["reference"][i]) for i in chosen]
    axes.axvline(0, color=GROUND, linewidth=1.2)
    axes.barh(range(len(chosen)), shifts, height=0.62, color=CURRENT)
    for row, shift in enumerate(shifts):
        side, offset = ("left", 3) if shift >= 0 else ("right", -3)
        axes.annotate(
            f"{shift:+.1f}", (shift, row), (offset, 0), textcoords="offset points", ha=side, va="center",
            fontsize=8, color=ink,
        )  # fmt: skip
    axes.set_yticks(range(len(chosen)), [_short(found["labels"][i]) for i in chosen])
    axes.margins(x=0.25)
    _dress(axes, ink)
    axes.set_xticks([])


def draw_trend(
    axes: Axes, windows: Sequence[str], values: Sequence[float | None], limits: Sequence[float], ink: str
) -> None:
    """Draw a measure over time, with the lines where WARNING and CRITICAL begin."""
    from matplotlib import dates

    moments: Any = [datetime.fromisoformat(window) for window in windows]
    known = [float("nan") if value is None else value for value in values]
    top = 1.12 * max([limits[1], *(value for value in values if value is not None)])
    axes.plot(moments, known, "o-", color=CURRENT, linewidth=2, markersize=3.5)
    for limit, colour, word in zip(limits, (_WARNING, _CRITICAL), ("WARNING", "CRITICAL"), strict=True):
        axes.axhline(limit, color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
        if word == "WARNING" and limits[1] - limit < 0.09 * top:
            continue  # the two words would stand in one another
        axes.annotate(
            word, (1, limit), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            fontsize=8, color=ink, va="center",
        )  # fmt: skip
    axes.set_ylim(0, top)
    locator: Any = dates.AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(color=ink, fontsize=8)
    _dress(axes, ink)


def _draw_values(axes: Axes, column: ColumnValues, found: Histogram, ink: str) -> None:
    edges = found["edges"]
    axes.stairs(found["reference"], edges, fill=True, color=GROUND, alpha=0.5, label="reference")
    axes.stairs(found["current"], edges, color=CURRENT, linewidth=1.9, label="current")
    _mark_medians(axes, column, max(*found["reference"], *found["current"], 1e-9))
    _draw_missing(axes, column, edges)
    _mark_values(axes, column, edges, ink)
    axes.set_ylim(bottom=0)


def _mark_medians(axes: Axes, column: ColumnValues, top: float) -> None:
    """Draw an arrow from the reference's median to the current one, where they can be told apart."""
    medians = next(((r, c) for q, r, c in column["quantiles"] if q == 0.5), None)
    if medians is None or abs(medians[1] - medians[0]) < 0.015 * (axes.get_xlim()[1] - axes.get_xlim()[0]):
        return
    height = 1.12 * top
    axes.annotate(
        "", (medians[1], height), (medians[0], height),
        arrowprops={"arrowstyle": "-|>", "color": CURRENT, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.plot(medians[0], height, "|", color=GROUND, markersize=8, markeredgewidth=2)


def _draw_missing(axes: Axes, column: ColumnValues, edges: Sequence[float]) -> None:
    reference, current = (share or 0.0 for share in column["missing"])
    if abs(current - reference) < _NOTED:
        return
    span = edges[-1] - edges[0]
    at = edges[-1] + 0.1 * span
    axes.bar(at, reference, 0.07 * span, color=GROUND, alpha=0.5)
    axes.bar(at, current, 0.07 * span, color="none", edgecolor=CURRENT, linewidth=1.9)


def _mark_values(axes: Axes, column: ColumnValues, edges: Sequence[float], ink: str) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = edges[0], edges[-1]
    ticks = [t for t in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high]
    if column["kind"] == "datetime":
        ticks = [low + (high - low) * share for share in (0.05, 0.5, 0.95)]
        texts = [moment(tick, high - low) for tick in ticks]
    else:
        texts = [number(tick) for tick in ticks]
    reference, current = (share or 0.0 for share in column["missing"])
    if abs(current - reference) >= _NOTED:
        ticks, texts = [*ticks, high + 0.1 * (high - low)], [*texts, "missing"]
    axes.set_xticks(ticks, texts, color=ink)


def _draw_levels(axes: Axes, found: Histogram, most: int, ink: str) -> None:
    chosen = _chosen(found, most)[::-1]
    rows = range(len(chosen))
    reference, current = ([found[side][i] for i in chosen] for side in ("reference", "current"))
    axes.barh(rows, reference, height=0.74, color=GROUND, alpha=0.5, label="reference")
    axes.barh(rows, current, height=0.3, color=CURRENT, label="current")
    axes.set_yticks(rows, [_short(found["labels"][i]) for i in chosen])
    for row, before, now in zip(rows, reference, current, strict=True):
        axes.annotate(
            f"{100 * now:.3g} %", (max(before, now), row), (4, 0), textcoords="offset points", va="center",
            fontsize=8, color=ink,
        )  # fmt: skip
    axes.margins(x=0.16)


def _chosen(found: Histogram, most: int) -> list[int]:
    """Return which levels are shown: those that changed most, in the order of the reference."""
    changes = [abs(c - r) for r, c in zip(found["reference"], found["current"], strict=True)]
    chosen = sorted(range(len(changes)), key=lambda i: -changes[i])[:most]
    return sorted(chosen, key=lambda i: -found["reference"][i])


def _scale(column: ColumnValues) -> tuple[float, str]:
    if column["kind"] != "datetime":
        return 1.0, "letters" if column["kind"] == "text" else ""
    most = max(abs(current - reference) for _, reference, current in column["quantiles"])
    return (_DAY, "days") if most > 2 * _DAY else (3600.0, "hours")


def _annotate_most(axes: Axes, at: Sequence[float], shifts: Sequence[float], unit: str, ink: str) -> None:
    """Write how far the median moved."""
    middle = min(range(len(at)), key=lambda i: abs(at[i] - 50))
    sign = "+" if shifts[middle] > 0 else ""
    text = f"{sign}{number(shifts[middle])} {unit}".strip()
    below = shifts[middle] < 0
    axes.annotate(
        text, (at[middle], shifts[middle]), (0, -7 if below else 7), textcoords="offset points", ha="center",
        va="top" if below else "bottom", fontsize=9, fontweight="bold", color=ink,
    )  # fmt: skip


def _legend(axes: Axes, ink: str) -> None:
    # upper right is where most distributions have run out
    legend = axes.legend(
        loc="best", fontsize=8, frameon=False, labelcolor=ink, handlelength=1.1, borderaxespad=0.1
    )
    legend.set_in_layout(False)


def _short(label: str) -> str:
    return label if len(label) <= 16 else f"{label[:15]}…"


def _dress(axes: Axes, ink: str) -> None:
    axes.tick_params(colors=ink, labelsize=8, length=0)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=ink, alpha=0.4)
