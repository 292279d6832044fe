"""Figures of matplotlib shown in a notebook where nobody has imported pyplot.

A kernel learns to draw figures when pyplot is imported. The verbs draw without it, and what
``drift.figure("temp")`` returns would then be shown as ``<Figure size 940x460>``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib.figure import Figure

_FIGURE: Final = ("matplotlib.figure", "Figure")
_PNG: Final = "image/png"


def install(shell: InteractiveShell) -> None:
    """Show figures; by name, so that nothing is imported for it. pyplot, once imported, has the last word."""
    shell.display_formatter.formatters[_PNG].for_type_by_name(*_FIGURE, as_png)


def uninstall(shell: InteractiveShell) -> None:
    """Leave figures to pyplot."""
    formatter = shell.display_formatter.formatters[_PNG]
    formatter.deferred_printers.pop(_FIGURE, None)
    for kind in [kind for kind, printer in formatter.type_printers.items() if printer is as_png]:
        formatter.type_printers.pop(kind)


def as_png(figure: Figure) -> bytes:
    """Return a figure as it looks on a page, whatever the theme around it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
