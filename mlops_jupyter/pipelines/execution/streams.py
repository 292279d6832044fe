"""What cells printed, as a notebook shows it: one output for all that was printed in a row."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def joined(outputs: Sequence[Any]) -> list[Any]:
    """Return outputs with what was printed in a row as one, and progress bars as they look at their end.

    nbclient's own ``coalesce_streams`` takes a time that grows with the square of a line's length.
    """
    found: list[Any] = []
    for kind, group in groupby(outputs, key=stream_of):
        each = list(group)
        found += each if kind is None else [printed(each)]
    return found


def stream_of(output: Any) -> str | None:
    """Return ``stdout`` or ``stderr``, None of what was not printed."""
    return output["name"] if output["output_type"] == "stream" else None


def printed(outputs: list[Any]) -> Any:
    """Return several outputs of one stream as one."""
    whole = "".join(output["text"] for output in outputs)
    return type(outputs[0])({**outputs[0], "text": overwritten(whole)})


def overwritten(text: str) -> str:
    r"""Return what a terminal shows of a text whose lines go back to their beginning.

    Examples
    --------
    >>> overwritten("10 %\r20 %\rdone\nnext\r\n")
    'done\nnext\r\n'
    """
    return "\n".join(map(last_written, text.split("\n"))) if "\r" in text else text


def last_written(line: str) -> str:
    """Return what stands in a line at its end."""
    kept = line.rstrip("\r")
    return kept.rpartition("\r")[2] + line[len(kept) :]
