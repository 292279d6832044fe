"""Progress of long work, told in words wherever the verb was called from.

A notebook gets one output that is rewritten, a terminal one line that is rewritten, a log plain lines. What
stays is one tidy line with the seconds of each stage.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from mlops_jupyter.verbs.results import Quantity
from mlops_jupyter.verbs.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_UPDATES_A_SECOND: Final = 4
_QUIET: Final = (
    "color:var(--jp-content-font-color2,#767676);font-family:var(--jp-content-font-family,system-ui,"
)
_STYLE: Final = _QUIET + "sans-serif);font-size:.92em;font-variant-numeric:tabular-nums"
# An animation and not a thread says that work goes on; it stops with the page that shows it.
_PULSE: Final = (
    '<svg width="9" height="9" viewBox="0 0 10 10" aria-hidden="true">'
    '<circle cx="5" cy="5" r="4" fill="#0072B2">'
    '<animate attributeName="opacity" values="1;.2;1" dur="1.2s" repeatCount="indefinite"/></circle></svg> '
)


@dataclass
class Stages:
    """The stages of one piece of work, with the moment each began."""

    title: str
    began: list[tuple[str, float]] = field(default_factory=list)
    ended: float | None = None
    failed: bool = False
    detail: str = ""

    def seconds(self) -> list[tuple[str, float]]:
        """Return each stage with its seconds so far."""
        moments = [moment for _, moment in self.began] + [self.ended or time.perf_counter()]
        return [(name, moments[i + 1] - moments[i]) for i, (name, _) in enumerate(self.began)]

    def line(self) -> str:
        """Return the stages in one line.

        Examples
        --------
        >>> Stages("package churn", [("schema", 1.0), ("model", 1.25)], ended=3.25).line()
        'package churn: 2.25 s (schema 250 ms, model 2 s)'
        """
        parts = ", ".join(f"{name} {_time(seconds)}" for name, seconds in self.seconds())
        if self.ended is None:
            return f"{self.title}: {self.now} …"
        if self.failed:
            return f"{self.title}: stopped in {self.began[-1][0]} after {_time(self._total())}"
        return f"{self.title}: {_time(self._total())}" + (f" ({parts})" if len(self.began) > 1 else "")

    @property
    def now(self) -> str:
        """The stage under way, and how far it is."""
        return f"{self.began[-1][0]}, {self.detail}" if self.detail else self.began[-1][0]

    def _total(self) -> float:
        return (self.ended or time.perf_counter()) - self.began[0][1]


class Report(Protocol):
    """Tells what is done now."""

    def __call__(self, stage: str, detail: str = "") -> None:
        """Tell that a stage began, or how far the one under way is.

        Parameters
        ----------
        stage : str
            Its name; the same as before for how far it is.
        detail : str
            How far it is: shown while it lasts.
        """


class _Screen(Protocol):
    def show(self, stages: Stages) -> None:
        """Show where the work is."""


_outer: ContextVar[Report | None] = ContextVar("outer", default=None)


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Yield a function to call with the name of each stage as it begins.

    Work within work tells its stages to the outermost.

    Parameters
    ----------
    title : str
        What is done: ``package churn``.

    Examples
    --------
    >>> with progress("package churn") as report:
    ...     report("schema")
    """
    outer = _outer.get()
    if outer is not None:
        yield outer
        return
    stages, screen = Stages(title), _screen()

    def report(stage: str, detail: str = "") -> None:
        stages.detail = detail
        if not (detail and stages.began and stages.began[-1][0] == stage):
            stages.began.append((stage, time.perf_counter()))
        screen.show(stages)

    token = _outer.set(report)
    try:
        yield report
    except BaseException:
        stages.failed = True
        raise
    finally:
        _outer.reset(token)
        if stages.began:
            stages.ended = time.perf_counter()
            screen.show(stages)


def _screen() -> _Screen:
    if in_notebook():
        return _Notebook()
    return _Terminal(sys.stderr) if sys.stderr.isatty() else _Log(sys.stderr)


def in_notebook() -> bool:
    """Return whether a kernel shows our output; IPython is not imported to find that out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class _Notebook:
    """One output, rewritten at most four times a second; the last state is always shown."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.at = 0.0

    def show(self, stages: Stages) -> None:
        now = time.perf_counter()
        if stages.ended is None and now - self.at < 1 / _UPDATES_A_SECOND:
            return
        self.at = now
        bundle = {"text/plain": stages.line(), "text/html": _html(stages)}
        if self.handle is None:
            from IPython.display import display

            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


class _Terminal:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def show(self, stages: Stages) -> None:
        end = "" if stages.ended is None else "\n"
        self.stream.write(f"\r\033[K{stages.line()}{end}")
        self.stream.flush()


class _Log:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.stages = 0

    def show(self, stages: Stages) -> None:
        if stages.ended is None and self.stages == len(stages.began):
            return  # a log is told of stages alone
        self.stages = len(stages.began)
        print(stages.line(), file=self.stream, flush=True)


def _html(stages: Stages) -> str:
    if stages.ended is not None:
        return f'<div style="{_STYLE}">{escape(stages.line())}</div>'
    done = [f"{escape(name)} {_time(seconds)}" for name, seconds in stages.seconds()[:-1]]
    words = " · ".join([*done, f"<strong>{escape(stages.now)}</strong> …"])
    return f'<div style="{_STYLE}">{_PULSE}{escape(stages.title)}: {words}</div>'


def _time(seconds: float) -> str:
    return shown(Quantity(seconds, "s")).text
