"""What a step's cells printed, read from its executed notebook: as text, in the order it was printed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import NotFoundError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord, StepRecord

COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


@dataclass(frozen=True)
class CellLog:
    """What one cell printed.

    Parameters
    ----------
    number : int
        The cell, as counted from 1 in the executed notebook.
    source : str
        Its code.
    text : str
        What it printed and showed, without colours; progress bars as they stood at the end.
    failed : bool
        Whether it ended in an error.
    """

    number: int
    source: str
    text: str
    failed: bool = False


def logs(record: RunRecord, step: str) -> str:
    """Return what a step printed, each cell under its number and first line.

    Parameters
    ----------
    record : RunRecord
        The run.
    step : str
        The step's name.

    Raises
    ------
    NotFoundError
        When the run has no such step, it did not run, or its executed notebook is gone.
    """
    return "\n".join(paragraph(cell) for cell in cell_logs(executed_of(record, step)) if cell.text)


def paragraph(cell: CellLog) -> str:
    """Return what a cell printed, under a line that says which it is."""
    first = next(iter(cell.source.strip().splitlines()), "")
    return f"-- cell {cell.number}{', failed' if cell.failed else ''}: {first}\n{cell.text.rstrip()}\n"


def executed_of(record: RunRecord, step: str) -> Path:
    """Return the executed notebook of a step."""
    steps = {each.name: each for each in record.steps}
    if step not in steps:
        raise NotFoundError(f"run {record.id} has no step {step!r}", hint=did_you_mean(step, steps))
    executed = steps[step].executed
    if executed is None:
        raise NotFoundError(f"step {step} printed nothing in run {record.id}", why_nothing(steps[step]))
    if not executed.exists():
        gone = "it was cleaned away" if steps[step].state != "RUNNING" else "it has only begun"
        raise NotFoundError(f"no executed notebook of {step} in run {record.id}", gone)
    return executed


def why_nothing(step: StepRecord) -> str:
    """Say why a step has no executed notebook."""
    return f"it is {step.state}" + (f": {step.reason}" if step.reason else "")


def cell_logs(executed: Path) -> list[CellLog]:
    """Return what each code cell of an executed notebook printed.

    Raises
    ------
    NotFoundError
        When the file cannot be read as a notebook.
    """
    try:
        cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise NotFoundError(f"{executed} cannot be read", "it is no whole notebook") from failure
    return [logged(number, cell) for number, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"]


def logged(number: int, cell: Mapping[str, Any]) -> CellLog:
    """Return what one cell printed."""
    outputs = cell.get("outputs", [])
    text = "".join(piece for output in outputs for piece in printed(output))
    failed = any(output.get("output_type") == "error" for output in outputs)
    return CellLog(number, joined(cell.get("source", "")), as_shown(COLOURS.sub("", text)), failed)


def printed(output: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of one output; of a figure its name alone is text."""
    if output.get("output_type") == "stream":
        yield joined(output.get("text", ""))
    elif output.get("output_type") == "error":
        yield "\n".join(output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]) + "\n"
    elif text := joined(output.get("data", {}).get("text/plain", "")):
        yield f"{text}\n"


def joined(text: str | list[str]) -> str:
    """Return a text that a notebook may hold in lines."""
    return text if isinstance(text, str) else "".join(text)


def as_shown(text: str) -> str:
    r"""Return a text as a terminal would show it: what a carriage return wrote over is gone.

    Examples
    --------
    >>> as_shown("10%\r55%\r100%\ndone\n")
    '100%\ndone\n'
    """
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
