"""Which cells of a notebook are not those that its last run executed."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.pipelines.definition.notebooks import INJECTED, notebook_cells

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = 3


def code_change(executed: Path | None, notebook: Path) -> str:
    """Say in which cells the code of a notebook changed, as counted from 1 in the notebook.

    Parameters
    ----------
    executed : Path or None
        The executed copy of the last run; where it is gone, only that something changed can be said.
    notebook : Path
        The notebook as it is now.
    """
    try:
        before = [source for _, source in code_of(executed)] if executed and executed.exists() else []
        return located(before, code_of(notebook)) if before else "code changed"
    except MlopsError:
        return "code changed"


def code_of(notebook: Path) -> list[tuple[int, str]]:
    """Return the code cells that count, each with its number."""
    return [
        (number, cell.source.rstrip())
        for number, cell in enumerate(notebook_cells(notebook), 1)
        if cell.kind == "code" and INJECTED not in cell.tags and cell.source.strip()
    ]


def located(before: list[str], now: list[tuple[int, str]]) -> str:
    """Say where code changed.

    Examples
    --------
    >>> located(["import os", "fit()"], [(1, "import os"), (3, "fit(2)")])
    'code changed in cell 3'
    >>> located(["import os", "fit()"], [(1, "import os")])
    'code changed: 1 cell removed'
    """
    matched = SequenceMatcher(None, before, [source for _, source in now], autojunk=False)
    edits = [edit for edit in matched.get_opcodes() if edit[0] != "equal"]
    cells = [now[place][0] for _, _, _, first, last in edits for place in range(first, last)]
    removed = sum(last - first for _, first, last, _, _ in edits)
    if cells:
        return f"code changed in {listed(cells)}"
    return f"code changed: {removed} cell{'s' if removed > 1 else ''} removed" if removed else "code changed"


def listed(cells: list[int]) -> str:
    """Return numbers of cells, the first of them.

    Examples
    --------
    >>> listed([3]), listed([3, 4]), listed([3, 4, 5, 6])
    ('cell 3', 'cells 3, 4', 'cells 3, 4, 5 and 1 more')
    """
    numbers = ", ".join(map(str, cells[:SHOWN]))
    more = f" and {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
    return f"cell{'s' if len(cells) > 1 else ''} {numbers}{more}"
