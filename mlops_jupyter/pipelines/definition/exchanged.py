"""What the code of a notebook says of values it takes and gives, and of modules it imports."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.definition.sources import dotted, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE: Final = "mlops_jupyter"
USUAL: Final = frozenset({"mlops", PACKAGE})
TAKES: Final = "input"
SETTINGS: Final = ("environ", "putenv", "path", "filterwarnings", "set_start_method")


@dataclass(frozen=True)
class ValueCall:
    """One call of ``mlops.input`` or ``mlops.output`` whose name is written out.

    Parameters
    ----------
    name : str
        ``train.rows`` that is taken, ``rows`` that is given.
    cell : int
        The cell, counted from 1 among the code cells.
    optional : bool
        Whether the call has a default.
    """

    name: str
    cell: int
    optional: bool = False

    @property
    def step(self) -> str:
        """The step that a taken value comes from."""
        return self.name.rpartition(".")[0]


@functools.lru_cache(maxsize=512)
def values_taken(code: tuple[str, ...]) -> tuple[ValueCall, ...]:
    """Return the values that code cells take by ``mlops.input("train.rows")``."""
    return tuple(_calls(code))


def _calls(code: Iterable[str]) -> Iterator[ValueCall]:
    for at, source in enumerate(code, 1):
        tree = tree_of(source) if TAKES in source else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Call) and _is_ours(dotted(node.func)) and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield ValueCall(name.value, at, len(node.args) > 1 or bool(node.keywords))


def _is_ours(called: str) -> bool:
    owner, _, last = called.rpartition(".")
    return last == TAKES and owner in USUAL


@functools.lru_cache(maxsize=512)
def imports_ahead(code: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules of installed distributions that cells import first, at their top level.

    What comes after a line that sets the environment or ``sys.path`` is left out: it may depend on it. So are
    modules of the user's own, which change while they are worked on.
    """
    found: dict[str, None] = {}
    for statement in _before_the_scene_is_set(code):
        found.update(dict.fromkeys(name for name in _imported(statement) if is_installed(name.split(".")[0])))
    return tuple(found)


def _before_the_scene_is_set(code: Iterable[str]) -> Iterator[ast.stmt]:
    for source in code:
        if "%env" in source or "%run" in source:
            return
        watched = any(word in source for word in SETTINGS)
        tree = tree_of(source) if watched or "import" in source else None
        for statement in tree.body if tree else ():
            if watched and _sets_the_scene(statement):
                return
            yield statement


def _sets_the_scene(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in SETTINGS for node in ast.walk(statement))


def _imported(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        return [statement.module]
    return []


@functools.cache
def is_installed(name: str) -> bool:
    """Say whether a top-level module is a distribution's: neither Python's own nor the user's."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    where = (spec.origin or next(iter(spec.submodule_search_locations or ()), "")) if spec else ""
    return "site-packages" in where or "dist-packages" in where
