"""The mark of each state, drawn: a form and a colour of the Okabe-Ito palette, so that it reads in grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.records.run import StepState

GREY: Final = "#8a8a8a"  # is read on white as on Jupyter's dark ground


@dataclass(frozen=True)
class Look:
    """How a state looks.

    Parameters
    ----------
    colour : str
        Of its mark and outline.
    sign : str
        The lines of its mark, in a circle of radius 8 around the origin.
    ink : str
        The colour of these.
    hollow : bool
        Whether the circle is not filled.
    solid : bool
        Whether the lines enclose something that is.
    """

    colour: str
    sign: str
    ink: str = "#fff"
    hollow: bool = False
    solid: bool = False


LOOKS: Final[dict[StepState, Look]] = {
    "SUCCEEDED": Look("#009E73", "M-3.6 .3l2.5 2.7l4.8-5.6"),
    "SKIPPED": Look("#56B4E9", "M-3.4-3l3 3l-3 3M.6-3l3 3l-3 3", ink="#10303f"),
    "RUNNING": Look("#0072B2", "M-1.6-3.2l4.6 3.2l-4.6 3.2z", solid=True),
    "WAITING": Look(GREY, "", hollow=True),
    "FAILED": Look("#D55E00", "M-2.8-2.8l5.6 5.6M2.8-2.8l-5.6 5.6"),
    "STOPPED": Look("#E69F00", "M-2.4-2.4h4.8v4.8h-4.8z", ink="#3a2800", solid=True),
    "NOT RUN": Look(GREY, "M-3.2 0h6.4", ink="currentColor", hollow=True),
}


def mark(state: StepState, x: float, y: float, radius: float = 8) -> str:
    """Return the mark of a state as SVG, around a point; that of a running step pulses."""
    look = LOOKS[state]
    fill = "none" if look.hollow else look.colour
    stroke = f' stroke="{look.colour}" stroke-width="1.6"' if look.hollow else ""
    circle = f'<circle r="{7.2 if look.hollow else 8}" fill="{fill}"{stroke}/>'
    halo = _HALO.format(look.colour) if state == "RUNNING" else ""
    inside = look.ink if look.solid else "none"
    line = f'stroke="{look.ink}" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"'
    lines = f'<path d="{look.sign}" fill="{inside}" {line}/>' if look.sign else ""
    scale = f" scale({radius / 8:g})" if radius != 8 else ""
    return f'<g transform="translate({x:g} {y:g}){scale}">{halo}{circle}{lines}</g>'


# an animation and not a thread says that work goes on; it stops with the page that shows it
_HALO: Final = (
    '<circle r="8" fill="none" stroke="{}" stroke-width="2">'
    '<animate attributeName="r" values="8;13" dur="1.4s" repeatCount="indefinite"/>'
    '<animate attributeName="opacity" values=".7;0" dur="1.4s" repeatCount="indefinite"/></circle>'
)
