"""The one command table: every verb, made from its signature and docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def verb(*, stage: str, audited: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Enter a function in the command table.

    Parameters
    ----------
    stage : str
        The heading of help it stands under: ``build``, ``catalog``, ``endpoints``, ``workspace``, ``track``.
    audited : bool
        Whether calls of it are recorded in the audit log, before and after.
    """

    def enter(function: Callable[P, R]) -> Callable[P, R]:
        return function

    return enter
