"""A widget over the static output of a result, where a front end is there to draw it.

The static table and figure are always in the notebook. On top of them, in an output of its own, comes the
widget; while it is on the screen its static twin hides by a rule of CSS. So what is saved reads the same in
nbconvert, on GitHub, and in JupyterLab with no kernel. Runners such as papermill and nbclient get no widget
at all: they would save its state, and nbconvert would then prefer that to the html and look for a script on
the network.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from mlops_jupyter.notebook.drift_widget import DriftWidget

_REPORT: Final = ("mlops_jupyter.verbs.drift_report", "DriftReport")
_VIEW: Final = "application/vnd.jupyter.widget-view+json"


class RunningCell(NamedTuple):
    """A cell of a front end that draws widgets, and which run of it this is."""

    name: str
    run: str


#: The widgets of each cell's last run: running the cell again closes them.
_widgets: Final[dict[RunningCell, list[DriftWidget]]] = {}


class Interactive(Protocol):
    """What a report gives so that a widget can stand over it."""

    #: Seconds between two looks at the traffic, or None when the report does not follow it.
    every: float | None
    #: What answers another question, or None for two tables, which are compared as they are.
    again: Any

    def payload(self) -> dict[str, Any]:
        """Return what the widget draws."""

    def ask(self, selection: dict[str, Any]) -> dict[str, Any]:
        """Return the payload of another window, reference, variant or slice."""

    def _repr_mimebundle_(self) -> dict[str, str]:
        """Return the static output."""


def install(shell: InteractiveShell) -> None:
    """Show drift reports with a widget; by name, so that nothing is imported for it."""
    shell.display_formatter.mimebundle_formatter.for_type_by_name(*_REPORT, make_bundle)


def uninstall(shell: InteractiveShell) -> None:
    """Show drift reports as they show themselves."""
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.deferred_printers.pop(_REPORT, None)
    for kind in [k for k in formatter.type_printers if (k.__module__, k.__name__) == _REPORT]:
        formatter.type_printers.pop(kind)


def make_bundle(report: Interactive) -> dict[str, str]:
    """Publish the widget if a front end can draw it, and return the static output."""
    cell = cell_with_widgets()
    if cell is None:
        return report._repr_mimebundle_()
    twin = uuid.uuid4().hex[:12]
    # first, so that the browser draws it while the static output's figure is drawn here
    _publish(widget_in(cell, report, twin))
    static = report._repr_mimebundle_()
    return static | {"text/html": behind_widget(static["text/html"], twin)}


def cell_with_widgets() -> RunningCell | None:
    """Return the running cell when a front end that draws widgets runs it.

    JupyterLab, Notebook and VS Code name the cell in what they ask the kernel; consoles and runners do not.
    """
    from IPython.core.getipython import get_ipython

    parent: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)() or {}
    named = parent.get("metadata", {}).get("cellId")
    return RunningCell(str(named), str(parent.get("header", {}).get("msg_id"))) if named else None


def widget_in(cell: RunningCell, report: Interactive, twin: str = "") -> DriftWidget:
    """Return a new widget over a report, and close those of earlier runs of its cell."""
    from mlops_jupyter.notebook.drift_widget import DriftWidget

    for earlier in [each for each in _widgets if each.name == cell.name and each.run != cell.run]:
        for widget in _widgets.pop(earlier):
            widget.close()
    ask = report.ask if report.again is not None else None
    widget = DriftWidget(report.payload(), ask, every=report.every, snapshot=twin)
    _widgets.setdefault(cell, []).append(widget)
    return widget


def behind_widget(html: str, twin: str) -> str:
    """Return html that hides while its live twin is in the page, and else the line that the twin left.

    A notebook opened again has no model for the widget, and JupyterLab says so in the output before this one.
    """
    live, static = f'[data-mlops-live="{twin}"]', f'[data-mlops-static="{twin}"]'
    output = ".jp-OutputArea-child"
    rules = (
        f"body:has({live}) {static},body:has({live}) {output}:has({static}){{display:none}}"
        f"body:not(:has({live})) {output}:has(+ {output} {static}){{display:none}}"
    )
    return f'<div data-mlops-static="{twin}"><style>{rules}</style>{html}</div>'


def _publish(widget: DriftWidget) -> None:
    from IPython.display import display

    bundle: tuple[Mapping[str, Any], Mapping[str, Any]] | None = widget._repr_mimebundle_()
    if bundle is not None:
        data, metadata = bundle
        # the view alone: without a kernel there is nothing to say in its place, the twin below says it all
        display({_VIEW: data[_VIEW]}, metadata=metadata, raw=True)
