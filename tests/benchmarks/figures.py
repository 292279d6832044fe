"""Draw the figure of the README from what `serving.py` measured.

    python tests/benchmarks/serving.py --peers all --output serving.json
    python tests/benchmarks/figures.py serving.json [--output notebooks/serving.png]

Positions on a logarithmic axis: bars would have no meaningful length there. Ours stands out by its mark and
its weight as well as by its colour, so that the figure reads in grey.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[2]
BLUE, GREY, INK = "#0072B2", "#767676", "#222222"  # Okabe-Ito's blue
PEERS = {
    "mlflow": "MLflow models serve",
    "mlserver": "MLServer",
    "bentoml": "BentoML",
    "bentoml-batched": "BentoML (batching)",
    "litserve": "LitServe",
    "litserve-batched": "LitServe (batching)",
    "vetiver": "vetiver",
}
OURS = "mlops_jupyter"
BARE = "bare uvicorn, answers a constant"
MEASURE = "cpu_us_"


@dataclass(frozen=True)
class Mark:
    """One server of the figure."""

    label: str
    cpu_us: float

    @property
    def style(self) -> dict[str, object]:
        """Return how it is drawn."""
        if self.label == OURS:
            return {"marker": "D", "color": BLUE, "s": 90}
        if self.label == BARE:
            return {"marker": "o", "facecolor": "white", "edgecolor": GREY, "s": 60}
        return {"marker": "o", "color": GREY, "s": 60}


def marks(figures: dict[str, float]) -> list[Mark]:
    """Return the servers, the dearest first."""
    found = [Mark(OURS, figures["cpu_us"]), Mark(BARE, figures["bare_cpu_us"])]
    found += [
        Mark(label, figures[MEASURE + name]) for name, label in PEERS.items() if MEASURE + name in figures
    ]
    return sorted(found, key=lambda mark: -mark.cpu_us)


def headline(shown: list[Mark]) -> str:
    """Return the message of the figure, in numbers of the figure."""
    ours = next(mark.cpu_us for mark in shown if mark.label == OURS)
    peers = [mark for mark in shown if mark.label not in (OURS, BARE)]
    if not peers:
        return f"{written(ours)} of CPU time a prediction"
    best = min(peers, key=lambda mark: mark.cpu_us)
    times = f"{best.cpu_us / ours:.0f}"
    return f"{written(ours)} of CPU time a prediction: the best peer, {best.label}, takes {times} times that"


def written(microseconds: float) -> str:
    """Return a time with two significant digits.

    Examples
    --------
    >>> written(31.4), written(8130.0)
    ('31 µs', '8.1 ms')
    """
    if microseconds < 1000:
        return f"{float(f'{microseconds:.2g}'):.0f} µs"
    return f"{float(f'{microseconds / 1000:.2g}'):g} ms"


def draw(axes: Axes, shown: list[Mark]) -> None:
    """Draw a line for each server, with its time beside its mark."""
    for height, mark in enumerate(reversed(shown)):
        weight = "bold" if mark.label == OURS else "normal"
        axes.scatter([mark.cpu_us], [height], zorder=3, **mark.style)
        axes.annotate(
            written(mark.cpu_us), (mark.cpu_us, height), (9, 0), textcoords="offset points", va="center",
            color=INK, weight=weight, bbox={"color": "white", "pad": 1.5},
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [mark.label for mark in reversed(shown)], color=INK)
    for label in axes.get_yticklabels():
        label.set_weight("bold" if label.get_text() == OURS else "normal")
    _frame(axes, [mark.cpu_us for mark in shown])


def _frame(axes: Axes, times: list[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(10, max(times) * 2.2)
    axes.set_xticks([10, 100, 1000, 10_000], ["10 µs", "100 µs", "1 ms", "10 ms"], color=INK)
    axes.minorticks_off()
    axes.grid(axis="both", color="#dddddd", linewidth=0.8)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlabel(
        "CPU time of one row over HTTP, all processes of the server, 16 connections (log scale)", color=INK
    )


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measured", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "notebooks" / "serving.png")
    options = parser.parse_args()
    shown = marks(json.loads(options.measured.read_text()))
    figure, axes = plt.subplots(figsize=(9, 0.9 + 0.36 * len(shown)), dpi=160, layout="constrained")
    draw(axes, shown)
    figure.suptitle(headline(shown), x=0.01, ha="left", weight="bold", size=11, color=INK)
    figure.savefig(options.output, facecolor="white")


if __name__ == "__main__":
    main()
