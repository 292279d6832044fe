"""The two windows of a comparison: found where they are, and made into profiles."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.capture.windows import Window
from mlops_jupyter.errors import DataError, NotFoundError, UsageError
from mlops_jupyter.stats.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_jupyter.monitoring.questions import Endpoint, Question
    from mlops_jupyter.profiles.files import ProfileFile
    from mlops_jupyter.profiles.tables import Table

    Report = Callable[[str], None]

PROFILE_SUFFIX: Final = ".profile"  # as profiles.files has it, which is imported only where it is needed


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two windows.

    Parameters
    ----------
    label : str
        What it is, in words.
    profile : Profile
        What is known of it.
    window : Window or None
        From when to when, for captured requests.
    table : Table or None
        Its rows, where they are still there to be read again.
    parts : tuple
        Shorter windows and their profiles, for the trend.
    roles : Mapping
        Which columns are predictions or scores, where that is known.
    notes : tuple of str
        What to know of it.
    """

    label: str
    profile: Profile
    window: Window | None = None
    table: Table | None = None
    parts: tuple[tuple[Window, Profile], ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_reference(question: Question, report: Report) -> Side:
    """Return what is compared with.

    Raises
    ------
    NotFoundError
        When the package has no profile, and nothing else was given.
    DataError
        When what was given is no table, or has no rows.
    """
    given, endpoint = question.reference, question.endpoint
    if given is None:
        return _of_package(_required(endpoint))
    if isinstance(given, Profile):
        return Side(question.labels.get("reference", "the given profile"), given)
    if isinstance(given, Path) and given.suffix == PROFILE_SUFFIX:
        return _of_file(given)
    if isinstance(given, Window):
        return _captured(_required(endpoint), given, question, report)
    table = _opened(given)
    profile = _profiled(table, None, report)
    if not profile.rows:
        raise DataError(f"{_label(given, question, 'reference')} has no rows", hint="give data that has some")
    return Side(_label(given, question, "reference"), profile, table=table)


def find_given(question: Question, reference: Profile, report: Report) -> Side:
    """Return the current window where it was given as a table.

    Raises
    ------
    DataError
        When it is no table, or has no rows.
    """
    given = question.current
    if isinstance(given, Profile):
        return Side(question.labels.get("current", "the given profile"), given)
    table = _opened(given)
    profile = _profiled(table, reference, report)
    if not profile.rows:
        raise DataError(f"{_label(given, question, 'current')} has no rows", hint="give data that has some")
    return Side(_label(given, question, "current"), profile, table=table)


def _of_package(endpoint: Endpoint) -> Side:
    found = package_profile(endpoint)
    if found is None:
        raise NotFoundError(
            f"the package of {endpoint.model} {endpoint.version} has no reference profile",
            hint="package it again with --data, or give --reference df",
        )
    return Side(f"the data of {endpoint.model} {endpoint.version}", found.profile, roles=found.roles)


def package_profile(endpoint: Endpoint) -> ProfileFile | None:
    """Return the reference profile of the package that a deployment serves; None of one made without."""
    return _reference(endpoint.package, endpoint.digest)


@cache  # a package never changes, and verifying a large one takes longer than all the rest
def _reference(package: Path, digest: str) -> ProfileFile | None:
    from mlops_jupyter.packaging.profile import read_reference

    return read_reference(package, digest or None)


def _of_file(path: Path) -> Side:
    from mlops_jupyter.profiles.files import read_profile

    found = read_profile(path)
    return Side(path.name, found.profile, roles=found.roles)


def _captured(endpoint: Endpoint, window: Window, question: Question, report: Report) -> Side:
    from mlops_jupyter.capture.captured import captured_table

    table = captured_table(endpoint.folder, None, window, question.variant, question.slice)
    profile = _profiled(table, None, report)
    if not profile.rows:
        raise DataError(
            f"no requests to {endpoint.name} are captured of {window}", hint="give another --reference"
        )
    return Side(f"requests of {window}", profile, window, table, roles=table.roles)


def _opened(given: Any) -> Table:
    from mlops_jupyter.profiles.tables import open_table

    return open_table(given)


def _profiled(table: Table, reference: Profile | None, report: Report) -> Profile:
    from mlops_jupyter.profiles.profiling import profile_table

    return profile_table(table, reference, progress=report)


def _label(given: Any, question: Question, side: str) -> str:
    """Return what a table is called: the file's name, else the variable's, else which side it is."""
    if isinstance(given, str | os.PathLike):
        return Path(given).name
    return question.labels.get(side, "the reference" if side == "reference" else "the current data")


def _required(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise UsageError(
            "drift needs a deployment, or both --reference and --current",
            hint="mlops drift churn, or mlops drift --reference a.parquet --current b.parquet",
        )
    return endpoint
