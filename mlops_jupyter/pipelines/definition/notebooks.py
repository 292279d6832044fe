"""What a notebook says of itself, read from its JSON: cells, parameters, kernel, the digest of its code."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import NotFoundError, UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.sources import dotted, tree_of

if TYPE_CHECKING:
    from pathlib import Path

INJECTED: Final = "injected-parameters"
PARAMETERS: Final = "parameters"
TAGS_THAT_COUNT: Final = frozenset({"raises-exception", "skip-execution"})
ASSIGNMENT: Final = re.compile(r"^\s*([A-Za-z.][\w.]*)\s*(?:<-|=)[^=]")
CONFLICT: Final = "<<<<<<<"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    kind : str
        ``code``, ``markdown`` or ``raw``.
    source : str
        Its text.
    tags : frozenset of str
        Its tags.
    id : str
        Its id; empty in notebooks older than nbformat 4.5.
    """

    kind: str
    source: str
    tags: frozenset[str] = frozenset()
    id: str = ""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Parameters
    ----------
    default : Any
        What it is when nobody gives it; None when that is no plain value.
    type : str
        Python's name of what it takes, by its annotation or its default: ``int``; empty for anything.
    line : int
        Where it stands in its cell, from 1.
    """

    default: Any = None
    type: str = ""
    line: int = 0


@dataclass(frozen=True)
class Notebook:
    """What a notebook's file holds.

    Parameters
    ----------
    cells : tuple of Cell
        In their order.
    kernel : str
        The name of its kernel; empty when it names none.
    language : str
        What its code is written in, in lower case.
    """

    cells: tuple[Cell, ...]
    kernel: str
    language: str

    @property
    def code(self) -> tuple[str, ...]:
        """The sources of the code cells, without what papermill once put in."""
        return tuple(cell.source for cell in self.cells if cell.kind == "code" and INJECTED not in cell.tags)


def read_notebook(path: Path) -> Notebook:
    """Return what a notebook's file holds.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    NotFoundError
        When there is no such file.
    UsageError
        When it is no notebook of nbformat 4.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return _read(path, status.st_mtime_ns, status.st_size, status.st_ino)


@functools.lru_cache(maxsize=512)
def _read(path: Path, *_seen: int) -> Notebook:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is no notebook: no text in UTF-8") from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} is no notebook: {_why_no_json(text, error)}") from None
    return _notebook(path, content)


def _unreadable(path: Path, error: OSError) -> NotFoundError:
    if not isinstance(error, FileNotFoundError):
        return NotFoundError(f"{path} cannot be read", (error.strerror or str(error)).lower())
    there = {item.name for item in path.parent.glob("*.ipynb")} if path.parent.is_dir() else set()
    return NotFoundError(f"no notebook {path.name!r} in {path.parent}", hint=did_you_mean(path.name, there))


def _why_no_json(text: str, error: Exception) -> str:
    at = text.find(CONFLICT)
    if at >= 0:
        return f"line {text.count(chr(10), 0, at) + 1} is a conflict of a merge"
    if not text.strip():
        return "the file is empty"
    line = getattr(error, "lineno", None)
    return f"no JSON at line {line}" if line else "no JSON"


def _notebook(path: Path, content: Any) -> Notebook:
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        older = isinstance(content, dict) and "worksheets" in content
        hint = "open it in Jupyter and save it: nbformat 4 is needed" if older else ""
        raise UsageError(
            f"{path.name} is no notebook" + (" of today's format" if older else ": no cells"), hint=hint
        )
    metadata = _mapping(content.get("metadata"))
    spec, info = _mapping(metadata.get("kernelspec")), _mapping(metadata.get("language_info"))
    language = str(info.get("name") or spec.get("language") or "python").lower()
    cells = tuple(_cell(cell) for cell in content["cells"] if isinstance(cell, dict))
    return Notebook(
        cells, str(spec.get("name") or ""), "python" if language.startswith("ipython") else language
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    tags = _mapping(cell.get("metadata")).get("tags")
    known = frozenset(map(str, tags)) if isinstance(tags, list) else frozenset()
    return Cell(str(cell.get("cell_type", "")), text, known, str(cell.get("id", "")))


def notebook_cells(path: Path) -> list[Cell]:
    """Return a notebook's cells."""
    return list(read_notebook(path).cells)


def kernel_of(path: Path) -> str:
    """Return the name of a notebook's kernel; empty when it names none."""
    return read_notebook(path).kernel


def code_digest(path: Path) -> str:
    """Return the digest of what a notebook does.

    Code cells in their order, magics and the tags that change how a cell runs. Markdown, outputs, counts,
    other metadata, empty cells and the cell that papermill put in do not count.
    """
    told = [
        [cell.source.rstrip(), *sorted(cell.tags & TAGS_THAT_COUNT)]
        for cell in read_notebook(path).cells
        if cell.kind == "code" and INJECTED not in cell.tags and cell.source.strip()
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def parameters_of(path: Path) -> dict[str, Parameter]:
    """Return a notebook's parameters: what the cell tagged ``parameters`` assigns.

    Parameters
    ----------
    path : Path
        The notebook.

    Returns
    -------
    dict of str to Parameter
        By name, in their order; empty without such a cell. Of another language than Python, names alone.
    """
    notebook = read_notebook(path)
    source = parameters_cell(notebook)
    if source is None:
        return {}
    return _of_python(source) if notebook.language == "python" else _of_lines(source)


def parameters_cell(notebook: Notebook) -> str | None:
    """Return the source of the first cell tagged ``parameters``."""
    return next(
        (cell.source for cell in notebook.cells if PARAMETERS in cell.tags and cell.kind == "code"), None
    )


def _of_lines(source: str) -> dict[str, Parameter]:
    found = ((at, ASSIGNMENT.match(line)) for at, line in enumerate(source.split("\n"), 1))
    return {match[1]: Parameter(line=at) for at, match in found if match}


@functools.lru_cache(maxsize=512)
def _of_python(source: str) -> dict[str, Parameter]:
    tree = tree_of(source)
    if tree is None:
        return _of_lines(source)
    made: dict[str, Parameter] = {}
    for statement in tree.body:
        for name, value, annotation in _assigned(statement):
            made[name] = _parameter(value, annotation, statement.lineno)
    return made


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [(statement.target.id, statement.value, statement.annotation)]
    if not isinstance(statement, ast.Assign):
        return []
    made: list[tuple[str, ast.expr | None, ast.expr | None]] = []
    for target in statement.targets:
        made += [(node.id, _part(statement, target, node), None) for node in ast.walk(target) if _bound(node)]  # type: ignore[attr-defined]
    return made


def _bound(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _part(statement: ast.Assign, target: ast.expr, node: ast.AST) -> ast.expr | None:
    """Return the value of one name of ``a, b = 1, 2``; None when it cannot be told."""
    if target is node:
        return statement.value
    values = statement.value.elts if isinstance(statement.value, ast.Tuple) else []
    names = target.elts if isinstance(target, ast.Tuple) else []
    return next((value for name, value in zip(names, values, strict=False) if name is node), None)


def _parameter(value: ast.expr | None, annotation: ast.expr | None, line: int) -> Parameter:
    try:
        default = ast.literal_eval(value) if value is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        default = None
    said = _annotated(annotation) if annotation is not None else type(default).__name__
    return Parameter(default, said if said in KNOWN_TYPES else "", line)


KNOWN_TYPES: Final = frozenset({"int", "float", "str", "bool", "list", "dict", "tuple", "set"})


def _annotated(annotation: ast.expr) -> str:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.split("[")[0].strip()
    inner = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return dotted(inner).rpartition(".")[2].replace("List", "list").replace("Dict", "dict")
