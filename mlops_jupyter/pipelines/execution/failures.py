"""Why a step failed, told by what was seen of it and not by the status that papermill writes."""

from __future__ import annotations

import errno
import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.pipelines.execution.job import Failure
from mlops_jupyter.pipelines.execution.memory import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_jupyter.pipelines.execution.job import FailureKind

COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
LONGEST_MESSAGE: Final = 2000
SHOWN_LINES: Final = 3


class StepError(Exception):
    """Ends the run of a notebook, with the reason."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class StepStopped(Exception):  # noqa: N818 (nothing is wrong)
    """Ends the run of a notebook because somebody stopped it."""


def of_error(error: Mapping[str, Any]) -> Failure:
    """Return why a step failed one of whose cells ended in an exception.

    Parameters
    ----------
    error : mapping
        ``ename``, ``evalue`` and ``traceback`` as the kernel told them.
    """
    name, value = str(error.get("ename", "Error")), plain(str(error.get("evalue", "")))
    traceback = plain("\n".join(error.get("traceback") or []))
    return Failure(kind_of(name, value), one_line(f"{name}: {value}" if value else name), detail=traceback)


def placed(failure: Failure, cell: int, source: str) -> Failure:
    """Return a failure with the number of its cell, from 1, and that cell's first lines."""
    return replace(failure, cell=cell, source=first_lines(source))


def kind_of(name: str, value: str) -> FailureKind:
    """Return what kind of failure an exception is.

    Examples
    --------
    >>> kind_of("ValueError", "no rows"), kind_of("MemoryError", "")
    ('error', 'memory')
    >>> kind_of("OSError", "[Errno 28] No space left on device: 'x'")
    'disk'
    """
    if name == "MemoryError" or name.endswith("ArrayMemoryError"):
        return "memory"
    if any(value.startswith(f"[Errno {number}]") for number in FULL):
        return "disk"
    return "exit" if name == "SystemExit" else "error"


def of_exit(code: str, left: int) -> Failure:
    """Return why a step failed that ended itself by ``sys.exit``, ``exit`` or ``quit``.

    Examples
    --------
    >>> of_exit("0", 2).message
    'sys.exit(0) with 2 cells left to run'
    """
    behind = f" with {left} {'cell' if left == 1 else 'cells'} left to run" if left else ""
    return Failure("exit", one_line(f"sys.exit({code}){behind}"))


def of_death(code: int | None, starved: bool, held: int) -> Failure:
    """Return why a step failed whose kernel is gone.

    Parameters
    ----------
    code : int or None
        What its process ended with; a signal is negative.
    starved : bool
        Whether the system ended it for want of memory.
    held : int
        The bytes that it was last seen to hold.
    """
    if starved:
        last = f", of which it held {size(held)}" if held else ""
        return Failure("memory", f"the system ended the kernel: there was no memory left{last}")
    return Failure("dead kernel", f"the kernel died: {ending(code)}")


def ending(code: int | None) -> str:
    """Say how a process ended.

    Examples
    --------
    >>> ending(-11), ending(3), ending(None)
    ('signal 11 (SIGSEGV)', 'exit code 3', 'nobody knows why')
    """
    if code is None:
        return "nobody knows why"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


def plain(text: str) -> str:
    """Return a text without the colours of a terminal."""
    return COLOURS.sub("", text)


def one_line(text: str) -> str:
    r"""Return a text in one line, cut at 2000 characters.

    Examples
    --------
    >>> one_line("ValueError: a\n   b")
    'ValueError: a b'
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def first_lines(source: str, count: int = SHOWN_LINES) -> str:
    """Return the first lines of a cell that say something."""
    return "\n".join(list(telling(source.splitlines()))[:count])


def telling(lines: Iterable[str]) -> Iterable[str]:
    """Leave out empty lines."""
    return (line.rstrip() for line in lines if line.strip())
