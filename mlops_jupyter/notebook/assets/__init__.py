"""What a browser runs: modules by hand, with no build, joined into the one that anywidget takes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

# a module before those that import it
_MODULES: Final = (
    *("rows", "judge", "numbers", "dom", "charts"),
    *("ranking", "controls", "detail", "together", "live", "drift"),
)
_FOLDER: Final = Path(__file__).parent / "drift"
_IMPORT: Final = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def drift_module() -> str:
    """Return the drift widget as one ES module.

    anywidget gives a browser one module and no address to load others from; so the imports between ours
    go, and what they name stands in the same file.
    """
    return "\n".join(_joinable(_read(f"{name}.js")) for name in _MODULES)


@cache
def drift_style() -> str:
    """Return the drift widget's style sheet."""
    return _read("drift.css")


def _joinable(source: str) -> str:
    return _EXPORT.sub("", _IMPORT.sub("", source))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
