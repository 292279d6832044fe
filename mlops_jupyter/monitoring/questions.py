"""What is asked of drift: which deployment, what with what, when, and how it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.capture.slices import Slice
    from mlops_jupyter.capture.windows import Window
    from mlops_jupyter.stats.measures import Limits

_HOUR: Final = timedelta(hours=1)
_HOURLY: Final = timedelta(days=3)  # up to here a trend is of hours, then of days, then of weeks
_DAILY: Final = timedelta(days=93)


@dataclass(frozen=True)
class Endpoint:
    """A deployment whose traffic is looked at.

    Parameters
    ----------
    folder : Path
        Its folder, named as it is.
    model, version : str
        The version whose requests are looked at.
    package, digest : Path, str
        Its package, and the content digest it is known by.
    roles : tuple of str
        What variants there are: ``stable``, ``candidate``, ``shadow``.
    withheld : tuple of str
        Features whose values are captured as missing or as hashes, as its owner wants it.
    """

    folder: Path
    model: str
    version: str
    package: Path
    digest: str = ""
    roles: tuple[str, ...] = ("stable",)
    withheld: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How the deployment is called."""
        return self.folder.name


@dataclass(frozen=True, eq=False)
class Question:
    """One comparison.

    Parameters
    ----------
    endpoint : Endpoint or None
        The deployment; None when two tables are compared.
    reference, current : object
        A table, the path of one, a profile, a window of captured requests, or None for what the deployment
        has: its package's profile, and its traffic.
    window : Window or None
        Which traffic is current.
    every : timedelta or None
        How long the windows of the trend are; by the span of `window` when None.
    measure, limits : str, mapping
        What is judged, and from where on.
    variant, slice : str or None, Slice or None
        Which of the captured rows.
    multivariate : bool
        Whether all columns are looked at together as well.
    labels : Mapping
        What ``reference`` and ``current`` are called, where their objects do not tell.
    """

    endpoint: Endpoint | None = None
    reference: Any = None
    current: Any = None
    window: Window | None = None
    every: timedelta | None = None
    measure: str = "psi"
    limits: Mapping[str, Limits] = field(default_factory=dict)
    variant: str | None = None
    slice: Slice | None = None
    multivariate: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> timedelta:
        """How long the windows of the trend are."""
        if self.every is not None or self.window is None:
            return self.every or _HOUR
        if self.window.length <= _HOURLY:
            return _HOUR
        return timedelta(days=1 if self.window.length <= _DAILY else 7)
