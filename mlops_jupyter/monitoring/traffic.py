"""The current window where it is captured traffic: profiled hour by hour, summed, and kept as a trend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_jupyter.capture.windows import HOUR, Window
from mlops_jupyter.errors import DataError
from mlops_jupyter.monitoring import remembered
from mlops_jupyter.monitoring.sides import Side, package_profile
from mlops_jupyter.stats.profiles import Profile, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    from mlops_jupyter.capture.captured import CapturedTable
    from mlops_jupyter.monitoring.questions import Endpoint, Question
    from mlops_jupyter.monitoring.sides import Report

    Parts = list[tuple[Window, Profile]]


def find_traffic(
    question: Question, endpoint: Endpoint, window: Window, reference: Profile, report: Report
) -> Side:
    """Return what was asked of a deployment in a window.

    Raises
    ------
    DataError
        When nothing was ever captured, or nothing in this window; it says what there is.
    """
    _check_captured(endpoint)
    parts, notes = _parts(question, endpoint, window, reference, report)
    if not any(profile.rows for _, profile in parts):
        raise _nobody(question, endpoint, window)
    whole = merged([profile for _, profile in parts if profile.rows])
    table = _rows(question, endpoint, window) if question.multivariate else None
    trend = tuple(_grouped(parts, window, question.length))
    return Side(
        f"requests to {endpoint.name}", whole, window, table, trend if len(trend) > 1 else (), notes=notes
    )


def _rows(question: Question, endpoint: Endpoint, window: Window) -> CapturedTable:
    from mlops_jupyter.capture.captured import captured_table

    return captured_table(
        endpoint.folder, _version(question, endpoint), window, question.variant, question.slice
    )


def _parts(
    question: Question, endpoint: Endpoint, window: Window, reference: Profile, report: Report
) -> tuple[Parts, tuple[str, ...]]:
    """Return the profiles of short windows, and what to know of them; of whole hours each is made once."""
    version = _version(question, endpoint)
    if question.slice is not None or version is None or question.length < HOUR:
        return list(_profiled_anew(question, endpoint, window, reference, report)), ()
    from mlops_jupyter.capture.hourly import hourly_profiles

    found = hourly_profiles(endpoint.folder, version, reference, window, question.variant)
    gone = _remembered(question, endpoint, window, reference, {hour for hour, _ in found})
    hours = sorted([*found, *gone], key=lambda one: one[0])
    parts = [(Window(max(hour, window.since), min(hour + HOUR, window.until)), one) for hour, one in hours]
    return parts, (remembered.told(len(gone), len(hours)),) if gone else ()


def _remembered(
    question: Question, endpoint: Endpoint, window: Window, reference: Profile, known: set[datetime]
) -> list[tuple[datetime, Profile]]:
    own = package_profile(endpoint) if question.reference is not None else None
    if own is None or own.profile is reference:
        return []
    return remembered.remembered_hours(endpoint, window, question.variant, reference, own.profile, known)


def _profiled_anew(
    question: Question, endpoint: Endpoint, window: Window, reference: Profile, report: Report
) -> Iterator[tuple[Window, Profile]]:
    from mlops_jupyter.profiles.profiling import profile_table

    for part in window.parts(question.length):
        report(str(part))
        yield part, profile_table(_rows(question, endpoint, part), reference)


def _grouped(parts: Parts, window: Window, every: timedelta) -> Iterator[tuple[Window, Profile]]:
    """Yield the whole window in parts of a length, those without a request too."""
    for part in window.parts(every):
        within = [one for at, one in parts if part.since <= at.since < part.until and one.rows]
        yield part, merged(within) if within else Profile()


def _version(question: Question, endpoint: Endpoint) -> str | None:
    """Return the version whose requests are looked at: of a variant that is named, whichever it was."""
    return endpoint.version if question.variant in (None, "stable") else None


def _check_captured(endpoint: Endpoint) -> None:
    from mlops_jupyter.capture.files import captured_files
    from mlops_jupyter.capture.keeping import FOLDER

    # what was counted of files that have had their time is still there
    if not captured_files(endpoint.folder) and not (endpoint.folder / FOLDER).exists():
        raise DataError(
            f"no requests to {endpoint.name} are captured yet",
            hint=f"send some: mlops predict {endpoint.name} DATA; or compare your own: --current df",
        )


def _nobody(question: Question, endpoint: Endpoint, window: Window) -> DataError:
    from mlops_jupyter.capture.files import captured_files

    files = captured_files(endpoint.folder)
    versions = sorted({file.version for file in files})
    of_whom = f" of {question.variant}" if question.variant else ""
    where = f" where {question.slice.text}" if question.slice else ""
    what = f"no answered requests to {endpoint.name}{of_whom} from {window}{where}"
    if not files:
        return DataError(what, hint="only profiles of whole hours are left: give a longer --last")
    return DataError(
        what, hint=f"captured since {_told(files[0].begun)}, of {_listed(versions)}: give a longer --last"
    )


def _told(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _listed(versions: Iterable[str]) -> str:
    return "version " + ", ".join(versions)
