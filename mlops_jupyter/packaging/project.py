"""The project's own modules that a model needs, followed through their imports and copied into `code/`."""

from __future__ import annotations

import ast
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.errors import ModelError, NotFoundError

from .references import module_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NEVER = ("__pycache__", ".git", ".ipynb_checkpoints", ".mlops", ".venv", "node_modules")


@dataclass(frozen=True)
class Code:
    """Files for `code/`.

    Parameters
    ----------
    files : dict of str to Path
        From the path under `code/` (posix) to the file it is copied from.
    """

    files: dict[str, Path]

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules, each once."""
        return tuple(sorted({path.partition("/")[0].removesuffix(".py") for path in self.files}))

    def write(self, folder: Path) -> None:
        """Copy them under `folder`."""
        for relative, source in sorted(self.files.items()):
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def collect_code(modules: Iterable[str], added: Sequence[str] = ()) -> Code:
    """Find the files of loaded project modules, of all that they import from the project, and added ones.

    Parameters
    ----------
    modules : iterable of str
        Names of loaded modules: ``features``, ``src.features.clock``.
    added : sequence of str
        Files and folders the reader named by ``--code``.

    Raises
    ------
    NotFoundError
        When an added file does not exist.
    ModelError
        When the source of a module is not there.
    """
    files: dict[str, Path] = {}
    for name in sorted(set(modules)):
        source = module_file(name)
        if source is None or not source.is_file():
            raise ModelError(f"the source of module {name!r} is not there", hint="add it with --code FILE")
        _follow(name, import_root(name, source), files)
    for word in added:
        _add(Path(word).expanduser(), files)
    return Code(files)


def import_root(name: str, source: Path) -> Path:
    """Return the folder from which a module is imported.

    Examples
    --------
    >>> import_root("features.clock", Path("/project/features/clock.py")).as_posix()
    '/project'
    >>> import_root("features", Path("/project/features/__init__.py")).as_posix()
    '/project'
    """
    levels = name.count(".") + (source.name == "__init__.py")
    return source.parents[levels]


def _follow(name: str, root: Path, files: dict[str, Path]) -> None:
    """Add a module, the packages around it and, transitively, what they import from the same folder."""
    pending = [name]
    seen: set[str] = set()
    while pending:
        current = pending.pop()
        if current in seen or not current:
            continue
        seen.add(current)
        source = _locate(current, root)
        if source is None:
            continue
        pending.append(current.rpartition(".")[0])
        files[source.relative_to(root).as_posix()] = source
        pending.extend(imported_names(source, current))


def _locate(name: str, root: Path) -> Path | None:
    """Return the file of a module under `root`, without importing it."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    base = root.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def imported_names(source: Path, module: str) -> list[str]:
    """Return the absolute names of all that a file may import, wherever in it the import stands.

    ``from a import b`` gives both ``a`` and ``a.b``, for `b` may be a module.
    """
    try:
        tree = ast.parse(source.read_bytes(), filename=str(source))
    except (SyntaxError, ValueError):
        return []
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    return [name for node in ast.walk(tree) for name in _names(node, package)]


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, package)
        yield base
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _add(path: Path, files: dict[str, Path]) -> None:
    path = path.resolve()
    if path.is_file():
        files[path.name] = path
        if path.suffix == ".py":
            _follow(path.stem, path.parent, files)
        return
    if not path.is_dir():
        raise NotFoundError(f"--code {path.name}: no such file or folder")
    for inner in sorted(path.rglob("*")):
        relative = inner.relative_to(path.parent)
        if inner.is_file() and not inner.is_symlink() and not set(relative.parts) & set(_NEVER):
            files[relative.as_posix()] = inner
