"""A drift report as one file: a page that needs no network and no kernel, Markdown, or JSON."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, WorkspaceError, did_you_mean
from mlops_jupyter.verbs.results import Facts, Quantity, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlops_jupyter.verbs.drift_report import DriftReport
    from mlops_jupyter.verbs.results import Block

ENDINGS: Final = (".html", ".md", ".json")


@dataclass(frozen=True, eq=False)
class Written(Result):
    """A report that was written to a file.

    Parameters
    ----------
    path : str
        The file.
    bytes : int
        How large it is.
    report : DriftReport
        What it says.
    """

    path: str
    bytes: int
    report: DriftReport = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether every column is OK."""
        return self.report.ok

    @property
    def headline(self) -> str:
        """Where it is, and what it says."""
        return f"{self.path} says: {self.report.headline}"

    def blocks(self) -> Iterable[Block]:
        """Yield where it is and how large."""
        yield Facts((("file", str(Path(self.path).absolute())), ("size", Quantity(self.bytes, "B"))))

    def to_dict(self) -> dict[str, Any]:
        """Return where it is, and everything that the report holds."""
        return {"path": self.path, "bytes": self.bytes, "report": self.report.to_dict()}


def checked_path(to: str) -> Path:
    """Return where to write.

    Raises
    ------
    UsageError
        When the ending says nothing, or there is no such folder.
    """
    path = Path(to).expanduser()
    if path.suffix.lower() not in ENDINGS:
        near = did_you_mean(path.suffix, ENDINGS)
        raise UsageError(f"--to {to!r} has no ending that is known", hint=near)
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {str(path.parent)!r}", hint="make it, or write elsewhere")
    return path


def write(report: DriftReport, path: Path) -> Written:
    """Write a report, whole or not at all.

    Raises
    ------
    WorkspaceError
        When the file cannot be written.
    """
    content = _FORMS[path.suffix.lower()](report).encode()
    try:
        _replace(path, content)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written", error.strerror or str(error)) from None
    return Written(str(path), len(content), report)


def as_json(report: DriftReport) -> str:
    """Return everything that a report holds."""
    return json.dumps(report.payload(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_page(report: DriftReport) -> str:
    """Return a report as a page."""
    from mlops_jupyter.verbs.drift_page import page

    return page(report, datetime.now().astimezone())


def as_markdown(report: DriftReport) -> str:
    """Return a report as Markdown, as GitHub reads it."""
    from mlops_jupyter.verbs.drift_markdown import markdown

    return markdown(report)


_FORMS: Final[dict[str, Callable[[DriftReport], str]]] = {
    ".html": as_page,
    ".md": as_markdown,
    ".json": as_json,
}


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)  # as any file that is made: a report is there to be passed on
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
