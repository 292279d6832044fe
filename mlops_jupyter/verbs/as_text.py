"""A result as plain text, for shells, logs and papermill: the answer, then aligned columns."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.results import Block, Code, Facts, Figure, Note, Picture, Table
from mlops_jupyter.verbs.values import SYMBOLS, Shown, aligned, is_numeric, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_jupyter.verbs.results import Result

_GAP: Final = "  "
_NARROWEST: Final = 24
_UNFOLDED: Final = 8  # lines that a log shows of what a notebook folds


def render_text(result: Result, width: int | None = None) -> str:
    """Return a result as plain text.

    Parameters
    ----------
    result : Result
        What to draw.
    width : int, optional
        Letters in a line; the terminal's when None, 110 where there is none.
    """
    wide = width or shutil.get_terminal_size((110, 24)).columns
    parts = [result.headline, *("\n".join(_block(block, wide)) for block in result.blocks())]
    return "\n\n".join(part for part in parts if part)


def _block(block: Block, width: int) -> list[str]:
    if isinstance(block, Figure | Picture):
        return []  # its message stands in the headline, its numbers in a table
    if isinstance(block, Note):
        mark = SYMBOLS[block.mark]
        return _wrapped(f"{mark} {block.text}", width, "  ")
    lines = list(_body(block, width))
    if block.folded and len(lines) > _UNFOLDED:
        lines = [*lines[:_UNFOLDED], f"… and {len(lines) - _UNFOLDED} more lines"]
    return [*([block.title] if block.title else []), *lines]


def _body(block: Table | Facts | Code, width: int) -> Iterable[str]:
    if isinstance(block, Code):
        return textwrap.indent(block.text, "    ").splitlines()
    if isinstance(block, Facts):
        return _grid([(Shown(str(name)), shown(value)) for name, value in block.pairs], width)
    if not block.rows:
        return [block.empty] if block.empty else []
    rows = [tuple(shown(value) for value in row) for row in block.rows]
    return _grid(rows, width, block.columns)


def _grid(rows: Sequence[Sequence[Shown]], width: int, heading: Sequence[str] = ()) -> list[str]:
    columns = [aligned(column) for column in zip(*rows, strict=True)]
    texts = [[_marked(cell) for cell in row] for row in zip(*columns, strict=True)]
    numeric = [is_numeric([row[i] for row in rows]) for i in range(len(rows[0]))] if rows else []
    sizes = [
        max(len(row[i]) for row in [*texts, *([heading] if heading else [])]) for i in range(len(numeric))
    ]
    sizes = _narrowed(sizes, width)
    lines = _row(heading, sizes, numeric) if heading else []
    if heading:
        lines.append(_GAP.join("─" * size for size in sizes))
    return [*lines, *(line for row in texts for line in _row(row, sizes, numeric))]


def _narrowed(sizes: list[int], width: int) -> list[int]:
    """Return the widths of the columns, the widest made to wrap when the line is too long."""
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    if over <= 0 or not sizes:
        return sizes
    widest = sizes.index(max(sizes))
    return [max(size - over, _NARROWEST) if i == widest else size for i, size in enumerate(sizes)]


def _row(cells: Sequence[str], sizes: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    columns = [_wrapped(cell, size) for cell, size in zip(cells, sizes, strict=True)]
    height = max(map(len, columns), default=0)
    lines = []
    for i in range(height):
        parts = [column[i] if i < len(column) else "" for column in columns]
        padded = [p.rjust(s) if n else p.ljust(s) for p, s, n in zip(parts, sizes, numeric, strict=True)]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    lines = []
    for line in text.splitlines() or [""]:
        fits = len(line) <= width
        # a path is to be copied, so no hyphen within it ends a line
        lines += (
            [line] if fits else textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
        )
    return lines


def _marked(cell: Shown) -> str:
    return f"{SYMBOLS[cell.mark]} {cell.text}" if cell.mark else cell.text
