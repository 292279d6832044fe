"""Hours whose rows are gone, beside another reference than they were counted by.

What is kept of an hour was counted in the cells of the package's reference. In the cells of another one it
can be read as well, with a bound on what that may move; where the bound reaches over a limit, no verdict is
given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_jupyter.stats.categorical_profile import CategoricalProfile, categorical_profile
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import Unreadable
from mlops_jupyter.stats.rebinning import rebinned

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from mlops_jupyter.capture.windows import Window
    from mlops_jupyter.monitoring.questions import Endpoint
    from mlops_jupyter.stats.profiles import ColumnProfile, Profile


def remembered_hours(
    endpoint: Endpoint,
    window: Window,
    variant: str | None,
    reference: Profile,
    own: Profile,
    known: Collection[datetime],
) -> list[tuple[datetime, Profile]]:
    """Return hours of which only what was counted is left, in the cells of another reference.

    Parameters
    ----------
    endpoint : Endpoint
        The deployment.
    window, variant
        Which of its requests.
    reference : Profile
        In whose cells they are wanted.
    own : Profile
        In whose cells they were counted: that of the package.
    known : collection of datetime
        The hours whose rows are still there.
    """
    from mlops_jupyter.capture.hourly import hourly_profiles
    from mlops_jupyter.capture.keeping import FOLDER, digest_of

    kept = (endpoint.folder / FOLDER).glob(f"{endpoint.version}-*/{digest_of(own)[:8]}*")
    if not any(kept):
        return []
    hours = hourly_profiles(endpoint.folder, endpoint.version, own, window, variant)
    return [(hour, in_cells_of(profile, reference)) for hour, profile in hours if hour not in known]


def in_cells_of(profile: Profile, reference: Profile) -> Profile:
    """Return a profile in the cells and levels of another reference than it was counted by."""
    columns = {name: _column(name, column, reference) for name, column in profile.columns.items()}
    return replace(profile, columns=columns)


def _column(name: str, column: ColumnProfile, reference: Profile) -> ColumnProfile:
    wanted = reference.columns.get(name)
    if isinstance(column, NumericProfile) and isinstance(wanted, NumericProfile):
        return rebinned(column, wanted.edges)[0]
    if isinstance(column, CategoricalProfile) and isinstance(wanted, CategoricalProfile):
        found = categorical_profile({**column.levels, **column.new}, column.missing, wanted)
        return replace(found, count=column.count, other=found.other + column.other)
    if isinstance(column, Unreadable) or wanted is None:
        return column
    return Unreadable(name, "was counted as another type, and its rows are gone", column.rows)


def told(hours: int, every: int) -> str:
    """Return what to know of hours whose rows are gone.

    Examples
    --------
    >>> told(3, 24)
    'the rows of 3 of 24 hours are gone: what was counted of them is read in the cells of this reference'
    """
    many = f"{hours} of {every} hours" if every > 1 else "the hour"
    return f"the rows of {many} are gone: what was counted of them is read in the cells of this reference"
