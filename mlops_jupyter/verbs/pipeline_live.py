"""A run while it goes on: its graph in a notebook, lines that are rewritten in a terminal, a log's lines.

There is no thread: whoever follows the run tells how it stands, and that is drawn at most four times a
second. What stays in a notebook is one quiet line, or all of the report when the run did not succeed.
"""

from __future__ import annotations

import shutil
import sys
import time
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from mlops_jupyter.verbs import pipeline_words as words
from mlops_jupyter.verbs.pipeline_graph import graph_of
from mlops_jupyter.verbs.pipeline_lanes import each_step, letters, width_of
from mlops_jupyter.verbs.progress import in_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord
    from mlops_jupyter.verbs.results import Result

_UPDATES_A_SECOND: Final = 4
_MOST_LANES: Final = 6
_MOST_NAMES: Final = 5
_FONT: Final = "font-family:var(--jp-content-font-family,system-ui,sans-serif)"
_HEAD: Final = f"color:var(--jp-content-font-color1,inherit);{_FONT};font-size:1.02em;font-weight:600"
_QUIET: Final = f"color:var(--jp-content-font-color2,#767676);{_FONT};font-size:.92em"
_INTERESTING: Final = ("FAILED", "RUNNING", "STOPPED")


class Screen(Protocol):
    """Where a run is shown while it goes on."""

    def show(self, record: RunRecord) -> None:
        """Show how the run stands."""

    def end(self, record: RunRecord | None, report: Result | None = None) -> None:
        """Leave what stays: the report where one is given, for it will not be returned."""


def screen() -> Screen:
    """Return what suits where the verb was called from."""
    if in_notebook():
        return NotebookScreen()
    return TerminalScreen(sys.stderr) if sys.stderr.isatty() else LogScreen(sys.stderr)


class Pace:
    """Says when it is time to draw again."""

    def __init__(self) -> None:
        self._at = 0.0

    def due(self) -> bool:
        """Return whether enough time has passed since it last was."""
        now = time.monotonic()
        if now - self._at < 1 / _UPDATES_A_SECOND:
            return False
        self._at = now
        return True


class NotebookScreen:
    """One output that is rewritten."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._handle: Any = None

    def show(self, record: RunRecord) -> None:
        """Draw the graph."""
        if self._pace.due():
            self._put({"text/plain": words.headline_of(record), "text/html": _drawn(record)})

    def end(self, record: RunRecord | None, report: Result | None = None) -> None:
        """Leave the report, or one line."""
        if report is not None:
            self._put(report._repr_mimebundle_())
        elif record is not None and self._handle is not None:
            line = words.headline_of(record)
            self._put({"text/plain": line, "text/html": f'<div style="{_QUIET}">{escape(line)}</div>'})

    def _put(self, bundle: dict[str, str]) -> None:
        if self._handle is None:
            from IPython.display import display

            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _drawn(record: RunRecord) -> str:
    from mlops_jupyter.verbs.pipeline_picture import picture

    return f'<div style="{_HEAD}">{escape(words.headline_of(record))}</div>{picture(record)}'


class TerminalScreen:
    """Lines that are rewritten, and gone at the end: the result stands there then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._pace, self._lines = stream, Pace(), 0

    def show(self, record: RunRecord) -> None:
        """Write a line a step; with more of them than lines, those that are not done."""
        if self._pace.due():
            columns, height = shutil.get_terminal_size()
            lines = [line[: columns - 1] for line in text_lines(record, height - 2)]
            self._clear()
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
            self._lines = len(lines)

    def end(self, record: RunRecord | None, report: Result | None = None) -> None:  # noqa: ARG002
        """Clear the lines, and print the report."""
        self._clear()
        if report is not None:
            print(report, file=self._stream)
        self._stream.flush()

    def _clear(self) -> None:
        if self._lines:
            self._stream.write(f"\033[{self._lines}A\033[J")
        self._lines = 0


class LogScreen:
    """A line for each change of a step's state."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._known: dict[str, str] = {}

    def show(self, record: RunRecord) -> None:
        """Write what changed."""
        changed = [s for s in record.steps if s.state != self._known.get(s.name, "WAITING")]
        self._known |= {step.name: step.state for step in changed}
        for line in change_lines(changed):
            print(f"{record.pipeline}: {line}", file=self._stream, flush=True)

    def end(self, record: RunRecord | None, report: Result | None = None) -> None:
        """Write the last changes, and the report."""
        if record is not None:
            self.show(record)
        if report is not None:
            print(report, file=self._stream, flush=True)


def text_lines(record: RunRecord, most: int) -> list[str]:
    """Return how a run stands as lines of text: the answer, then a line a step, at most so many."""
    rows = each_step(graph_of(record))
    steps = {step.name: step for step in record.steps}
    wide = width_of(rows)
    if len(rows) + 1 > most:
        rows = tuple(row for row in rows if steps[row.name].state in _INTERESTING)[: max(most - 2, 0)]
        wide = _MOST_LANES + 1
    name = max((len(row.name) for row in rows), default=0)
    now = datetime.now(UTC)
    lines = [f"{words.headline_of(record)} …"]
    for row in rows:
        step = steps[row.name]
        letter = words.LETTERS[step.state]
        lanes = letters(row, letter, wide) if wide <= _MOST_LANES else letter
        lines.append(f"  {lanes} {row.name:{name}}  {_state(step, now)}".rstrip())
    return lines


def _state(step: StepRecord, now: datetime) -> str:
    took = words.duration(words.seconds_of(step, now))
    cells = words.cells_of(step) if step.state == "RUNNING" else ""
    parts = (f"{words.word_of(step):<10}", f"{cells:>7}", f"{took:>8}")
    return "  ".join(parts)


def change_lines(changed: list[StepRecord]) -> Iterator[str]:
    """Yield what a log says of steps that changed; those that were skipped or not run share a line.

    Examples
    --------
    >>> from mlops_jupyter.pipelines.records.run import StepRecord
    >>> list(change_lines([StepRecord("a", "SKIPPED"), StepRecord("b", "RUNNING", "code changed")]))
    ['skipped: a', 'b running: code changed']
    """
    for state in ("SKIPPED", "NOT RUN"):
        names = [step.name for step in changed if step.state == state]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        if names:
            yield f"{state.lower()}: {', '.join(names[:_MOST_NAMES])}{more}"
    for step in changed:
        if step.state not in ("SKIPPED", "NOT RUN", "WAITING"):
            yield _changed(step)


def _changed(step: StepRecord) -> str:
    took = words.duration(step.seconds)
    if step.state == "RUNNING":
        return f"{step.name} running" + (f": {step.reason}" if step.reason else "")
    why = f": {step.failure.message}" if step.failure else ""
    return f"{step.name} {words.word_of(step)}" + (f" after {took}" if took else "") + why
