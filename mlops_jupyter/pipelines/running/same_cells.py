"""Where two executed copies of one notebook begin to show something else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{6,}")
TIMING: Final = re.compile(
    r"^(?:CPU times|Wall time|Peak memory).*$|\d+(?:\.\d+)? [nµmu]?s ± .*$", re.MULTILINE
)
QUIET: Final = frozenset({"application/vnd.jupyter.widget-view+json", "text/html"})


def code_cells(notebook: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the code cells of an executed notebook, numbered from 1 among all of its cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8")).get("cells", [])
    return [(at, cell) for at, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"]


def source_of(cell: dict[str, Any]) -> str:
    """Return the text of a cell."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def first_other_cell(one: Path, two: Path, folders: tuple[Path, Path]) -> int | None:
    """Return the first cell that shows something else, by its number from 1; None when all show the same.

    Parameters
    ----------
    one, two : Path
        The executed notebooks.
    folders : tuple of Path
        Where each ran: its name in an output is no difference. Neither are addresses, times taken by magics,
        counts, and what stderr holds.
    """
    pairs = zip(code_cells(one), code_cells(two), strict=False)
    for (number, first), (_, second) in pairs:
        if list(_told(first, folders[0])) != list(_told(second, folders[1])):
            return number
    return None


def _told(cell: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    text = ""
    for output in cell.get("outputs", ()):
        if output.get("output_type") == "stream" and output.get("name") != "stderr":
            text += _joined(output.get("text", ""))
        for kind, content in sorted(output.get("data", {}).items()):
            if kind not in QUIET or "text/plain" not in output["data"]:
                yield kind, _plain(content, folder)
    yield "stdout", _plain(text, folder)


def _plain(content: Any, folder: Path) -> str:
    text = _joined(content) if isinstance(content, str | list) else json.dumps(content, sort_keys=True)
    return TIMING.sub("", ADDRESS.sub("0x…", text.replace(str(folder), "")))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
