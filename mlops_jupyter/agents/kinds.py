"""What schedules can be of: how each kind of work is done, and how what became of it is found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mlops_jupyter.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_jupyter.store.direct import Kept
    from mlops_jupyter.store.firings import Ended, Firing
    from mlops_jupyter.store.schedules import Schedule

    Perform: TypeAlias = Callable[[Kept, Schedule, Firing, Callable[[str], None]], Ended]
    Recover: TypeAlias = Callable[[Kept, Schedule, Firing], Ended | None]


@dataclass(frozen=True)
class Kind:
    """How work of a kind is done.

    Parameters
    ----------
    perform : callable
        Does it, and tells what to look for (a run's id) as soon as that is known.
    recover : callable
        Says what became of it when the process that did it died; None when it had not begun, and must.
    """

    perform: Perform
    recover: Recover


def kind_of(name: str) -> Kind:
    """Return a kind by its name, importing what it needs.

    Raises
    ------
    NotFoundError
        When this release does not know it.
    """
    if name == "pipeline":
        from mlops_jupyter.pipelines.scheduling.performing import perform, recover

        return Kind(perform, recover)
    raise NotFoundError(f"this release knows no schedules of {name!r}", hint="pip install -U mlops_jupyter")
