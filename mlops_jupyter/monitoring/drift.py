"""A question of drift answered: both windows found, compared column by column, and over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from mlops_jupyter.capture.windows import Window
from mlops_jupyter.errors import DataError, UsageError
from mlops_jupyter.monitoring.sides import Side, find_given, find_reference
from mlops_jupyter.stats.comparing import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mlops_jupyter.monitoring.multivariate import Together
    from mlops_jupyter.monitoring.questions import Endpoint, Question
    from mlops_jupyter.monitoring.sides import Report
    from mlops_jupyter.stats.column_drift import Role
    from mlops_jupyter.stats.profiles import Profile

_NAMED = 5


@dataclass(frozen=True, eq=False)
class Found:
    """The answer to a question of drift.

    Parameters
    ----------
    question : Question
        What was asked.
    reference, current : Side
        The two windows.
    comparison : Comparison
        Every column.
    trend : tuple of (Window, Comparison or None)
        The same in shorter windows, one after the other; None where there was no request.
    together : Together or None
        All columns at once, where that was asked for.
    notes : tuple of str
        What to know of the comparison.
    """

    question: Question
    reference: Side
    current: Side
    comparison: Comparison
    trend: tuple[tuple[Window, Comparison | None], ...] = ()
    together: Together | None = None
    notes: tuple[str, ...] = ()


def look(question: Question, report: Report) -> Found:
    """Find both windows and compare them.

    Parameters
    ----------
    question : Question
        What is asked.
    report : callable
        Told how far the work is.

    Raises
    ------
    DataError
        When a window has no rows, or both have no column in common.
    NotFoundError
        When the package has no profile and no reference was given.
    """
    reference = find_reference(question, report)
    current = _find_current(question, reference, report)
    profile, known, notes = _comparable(question, reference.profile, current.profile)
    roles = _roles(question, reference)
    comparison = compare(profile, known, question.measure, question.limits, roles)
    return Found(
        question,
        reference,
        replace(current, profile=known),
        comparison,
        tuple(_trend(question, profile, current, roles)),
        _together(question, reference, current),
        (*current.notes, *notes, *_of_part(question)),
    )


def narrowed(found: Found, begin: datetime) -> Found:
    """Return the same answer of one of the trend's windows: what is current is what began there.

    Raises
    ------
    UsageError
        When no window begins there, or nothing was asked in it.
    """
    at = next((part for part in found.current.parts if part[0].since == begin), None)
    if at is None or not at[1].rows:
        raise UsageError(f"no requests in the window from {begin:%Y-%m-%d %H:%M %Z}", hint="choose another")
    window, profile = at
    question, roles = found.question, _roles(found.question, found.reference)
    comparison = compare(found.reference.profile, profile, question.measure, question.limits, roles)
    current = replace(found.current, profile=profile, window=window)
    return replace(found, current=current, comparison=comparison, together=None)


def _find_current(question: Question, reference: Side, report: Report) -> Side:
    if question.current is not None or question.endpoint is None or question.window is None:
        return find_given(question, reference.profile, report)
    from mlops_jupyter.monitoring.traffic import find_traffic

    return find_traffic(question, question.endpoint, question.window, reference.profile, report)


def _comparable(
    question: Question, reference: Profile, current: Profile
) -> tuple[Profile, Profile, list[str]]:
    """Return both profiles with the columns that are to be compared, and what was left aside, in words.

    Two tables are compared in all their columns. Of data beside a deployment, columns that the model does not
    know are no features, and without predictions in the data those of the reference have no counterpart.

    Raises
    ------
    DataError
        When no column is in both.
    """
    from mlops_jupyter.stats.profiles import Unreadable

    there = [name for name, column in current.columns.items() if not isinstance(column, Unreadable)]
    if not set(there) & set(reference.columns):
        raise DataError(
            "the reference and the current data have no column in common",
            f"the reference has {_named(reference.columns)}, the current data {_named(current.columns)}",
            "give a --reference with the same columns",
        )
    if question.endpoint is None:
        return reference, current, []
    if question.current is None:
        return _captured(question.endpoint, reference, current)
    unknown = [name for name in current.columns if name not in reference.columns]
    answers = [name for name in reference.columns if role_of(name) != "feature" and name not in there]
    notes = [f"not compared, for the model does not know it: {_named(unknown)}"] if unknown else []
    notes += [f"not compared, for the data has no answers: {_named(answers)}"] if answers else []
    return _without(reference, answers), _without(current, [*unknown, *answers]), notes


def _captured(endpoint: Endpoint, reference: Profile, current: Profile) -> tuple[Profile, Profile, list[str]]:
    """Return both without what is not captured because its owner does not want it: that is no alarm."""
    withheld = [name for name in current.columns if name.removeprefix("feature.") in endpoint.withheld]
    notes = [f"not compared, for its values are not captured: {_named(withheld)}"] if withheld else []
    return _without(reference, withheld), _without(current, withheld), notes


def _of_part(question: Question) -> Iterable[str]:
    """Yield what to know where a part of the traffic is compared with a whole, which differs by the cut."""
    if question.slice is not None and not isinstance(question.reference, Window):
        cut = ", ".join(f"`{name}`" for name in question.slice.columns)
        yield (
            f"the slice cuts the current rows alone, so {cut} differ by it; "
            "--reference 7d compares with captured requests, cut the same way"
        )


def _without(profile: Profile, names: Iterable[str]) -> Profile:
    left = set(names)
    columns = {name: column for name, column in profile.columns.items() if name not in left}
    return replace(profile, columns=columns)


def _named(names: Iterable[str]) -> str:
    """Return names, the first ones when they are many."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def role_of(name: str) -> Role:
    """Return what a captured column is, by its name.

    Examples
    --------
    >>> role_of("prediction"), role_of("score.late"), role_of("distance")
    ('prediction', 'score', 'feature')
    """
    if name == "prediction" or name.startswith("prediction."):
        return "prediction"
    return "score" if name.startswith("score.") else "feature"


def _roles(question: Question, reference: Side) -> Mapping[str, Role]:
    if reference.roles:
        return cast("Mapping[str, Role]", reference.roles)
    return {name: role_of(name) for name in reference.profile.columns} if question.endpoint else {}


def _trend(
    question: Question, reference: Profile, current: Side, roles: Mapping[str, Role]
) -> Iterable[tuple[Window, Comparison | None]]:
    for window, profile in current.parts:
        rows = profile.rows
        yield (
            window,
            compare(reference, profile, question.measure, question.limits, roles) if rows else None,
        )


def _together(question: Question, reference: Side, current: Side) -> Together | None:
    if not question.multivariate:
        return None
    from mlops_jupyter.monitoring.multivariate import look_together

    return look_together(reference, current)
