"""Which pipeline is meant when a file is named, or none is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = ("pipeline.yaml", "pipeline.yml")
SKIPPED: Final = frozenset({"node_modules", "__pycache__", "site-packages"})
FIRST: Final = "mlops pipeline init NOTEBOOKS… writes one"


def find_pipeline(given: str | None, cwd: Path) -> Path:
    """Return the file of the pipeline that is meant.

    Parameters
    ----------
    given : str or None
        A file, or a folder with a ``pipeline.yaml``; None is the one in the working folder, else
        the only one in a folder below it.
    cwd : Path
        The working folder.

    Raises
    ------
    NotFoundError
        When there is none.
    UsageError
        When there are several and none is named.
    """
    if given:
        return _named(given, cwd)
    here = _in(cwd)
    below = [here] if here else _below(cwd)
    if not below:
        raise NotFoundError(f"no pipeline.yaml in {cwd} or a folder below it", hint=FIRST)
    if len(below) > 1:
        names = ", ".join(file.relative_to(cwd).as_posix() for file in below)
        raise UsageError(f"there are {len(below)} pipelines below {cwd}", hint=f"name one: {names}")
    return below[0]


def _in(folder: Path) -> Path | None:
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def _below(cwd: Path) -> list[Path]:
    folders = [item for item in sorted(cwd.glob("*")) if item.is_dir() and _is_looked_into(item)]
    return [file for file in map(_in, folders) if file]


def _is_looked_into(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.name not in SKIPPED


def _named(given: str, cwd: Path) -> Path:
    path = cwd / given
    if path.is_dir():
        found = _in(path)
        if not found:
            raise NotFoundError(f"no pipeline.yaml in {given}", hint=FIRST)
        return found
    if path.is_file():
        if path.suffix not in {".yaml", ".yml"}:
            hint = f"mlops pipeline init {given} writes a pipeline of it" if path.suffix == ".ipynb" else ""
            raise UsageError(f"{given} is no pipeline; those are YAML files", hint=hint)
        return path
    there = {file.relative_to(cwd).as_posix() for file in [*_below(cwd), *filter(None, [_in(cwd)])]}
    near = did_you_mean(given, there | {item.name for item in path.parent.glob("*.y*ml")})
    raise NotFoundError(f"no pipeline at {given}", hint=near or FIRST)
