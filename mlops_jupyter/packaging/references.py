"""Which classes and functions a model refers to, found without executing or storing anything.

A model is walked as pickle would walk it, into nowhere: the pickler's hook sees each object once, classes and
functions are noted by where they are defined and never followed, so a lambda is found rather than fatal.
"""

from __future__ import annotations

import importlib.metadata
import pickle
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Origin: TypeAlias = str
INSTALLED, PROJECT, NOTEBOOK, PYTHON = "installed", "project", "notebook", "python"
_MAIN = ("__main__", "__mp_main__")
_CYTHON = "_cython_"  # where compiled functions have their type; it has no file


@dataclass(frozen=True, order=True)
class Reference:
    """A class or function by the name pickle would use.

    Examples
    --------
    >>> str(Reference("features", "clock"))
    'features.clock'
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class References:
    """All that a model refers to, by where it comes from."""

    installed: tuple[Reference, ...]
    project: tuple[Reference, ...]
    notebook: tuple[Reference, ...]

    @property
    def project_modules(self) -> tuple[str, ...]:
        """The modules of the project, each once."""
        return tuple(sorted({reference.module for reference in self.project}))

    @property
    def distributions(self) -> tuple[str, ...]:
        """The top-level modules of installed libraries, each once."""
        return tuple(sorted({reference.module.partition(".")[0] for reference in self.installed}))


def find_references(*objects: Any) -> References:
    """Return every class and function that these objects refer to.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> import numpy as np
    >>> find_references(FunctionTransformer(np.log1p)).distributions
    ('numpy', 'sklearn')
    """
    walk = _Walk()
    for value in objects:
        walk.follow(value)
    found: dict[Origin, list[Reference]] = {}
    for reference in sorted(walk.found):
        found.setdefault(origin(reference.module), []).append(reference)
    return References(
        tuple(found.get(INSTALLED, ())), tuple(found.get(PROJECT, ())), tuple(found.get(NOTEBOOK, ()))
    )


def origin(module: str) -> Origin:
    """Return where a module comes from: ``python``, ``installed``, ``project`` or ``notebook``.

    Examples
    --------
    >>> origin("json"), origin("numpy"), origin("__main__")
    ('python', 'installed', 'notebook')
    """
    top = module.partition(".")[0]
    if top in _MAIN:
        return NOTEBOOK
    if top in sys.stdlib_module_names or top in sys.builtin_module_names or top.startswith(_CYTHON):
        return PYTHON
    source = module_file(module) or module_file(top)
    if source is None:
        return NOTEBOOK if module in sys.modules and not _is_namespace(module) else INSTALLED
    return INSTALLED if any(source.is_relative_to(folder) for folder in _library_folders()) else PROJECT


def module_file(module: str) -> Path | None:
    """Return the file a loaded module came from."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve() if file else None


def installed_versions() -> dict[str, str]:
    """Return the version of every installed distribution by its normalised name."""
    return dict(_installed(tuple(_changed(folder) for folder in sys.path)))


@lru_cache(maxsize=1)
def _installed(_moment: tuple[int, ...]) -> dict[str, str]:
    """Read the metadata of hundreds of distributions once, until a folder of them changes."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(normalised(name), distribution.version)
    return dict(sorted(found.items()))


def _changed(folder: str) -> int:
    try:
        return Path(folder or ".").stat().st_mtime_ns
    except OSError:
        return 0


def normalised(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it.

    Examples
    --------
    >>> normalised("Scikit_Learn")
    'scikit-learn'
    """
    return name.lower().replace("_", "-").replace(".", "-")


def _is_namespace(module: str) -> bool:
    return bool(getattr(sys.modules[module], "__path__", None))


@cache
def _library_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    keys = ("purelib", "platlib", "stdlib", "platstdlib")
    return tuple({Path(paths[key]).resolve() for key in keys} | set(_other_site_folders()))


def _other_site_folders() -> Iterable[Path]:
    return (Path(entry).resolve() for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))


class _Walk(pickle.Pickler):
    """Pickle into nowhere, noting classes and functions."""

    def __init__(self) -> None:
        super().__init__(_Nowhere(), protocol=5, buffer_callback=lambda _: None)
        self.found: set[Reference] = set()

    def follow(self, value: Any) -> None:
        try:
            self.dump(value)
        except Exception:  # noqa: BLE001 - what cannot be pickled is the format's concern: note what was seen
            self._note(type(value))

    def reducer_override(self, value: Any) -> Any:
        if value is str:
            return NotImplemented  # it stands for every class and function below, so it must end there
        if isinstance(value, ModuleType):
            self.found.add(Reference(value.__name__, ""))
            return (str, ())
        if isinstance(value, type | FunctionType | BuiltinFunctionType):
            bound = getattr(value, "__self__", None)
            if bound is None or isinstance(bound, ModuleType | type):
                self._note(value)
                return (str, ())
        self._note(type(value))
        return NotImplemented

    def _note(self, value: Any) -> None:
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if module and name:
            self.found.add(Reference(module, name))


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)
