"""Where two executed copies of one notebook begin to show something else."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
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


def first_other_cell(one: Path, two: Path, folders: tuple[Path, Path]) -> tuple[int, str] | None:
    """Return the first cell that shows something else, by its number from 1, and what; None when none does.

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
        told = list(_told(first, folders[0])), list(_told(second, folders[1]))
        if told[0] != told[1]:
            return number, _parted(*told)
    return None


def _parted(one: list[tuple[str, str]], two: list[tuple[str, str]]) -> str:
    """Return where two outputs part: the first lines that are not the same, or what kind they are."""
    for (kind, first), (other, second) in zip_longest(one, two, fillvalue=("", "")):
        if kind.startswith("image/") and kind == other and first != second:
            return "the picture is not the same"
        for here, there in zip_longest(first.split("\n"), second.split("\n"), fillvalue=""):
            if here != there:
                return f"{_short(here)} against {_short(there)}"
    return "it is not the same"


def _short(line: str) -> str:
    said = line.strip()
    return repr(said if len(said) <= 60 else f"{said[:59]}…")


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
