"""Captured traffic as profiles, hour by hour: each hour is profiled once, and a week is a merge.

What was counted is kept, with how many rows of which files it was. So when more comes, a late row or more
replayed traffic, that alone is counted; and when the files have had their time, the counts are still there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.stats.profiles import Profile, merged

from .captured import CapturedBatch, CapturedTable, Selection, fitted, in_batches, schema_of
from .files import captured_files, read_batches
from .hours import hours_of, seen_in
from .keeping import FOLDER, Kept, KeptProfiles, as_kept, prune
from .windows import HOUR, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from .files import CapturedFile

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 48  # hours whose profiles are made in one pass over their files


def hourly_profiles(
    deployment: Path,
    version: str,
    reference: Profile,
    window: Window,
    variant: str | None = None,
    now: datetime | None = None,
) -> list[tuple[datetime, Profile]]:
    """Return the profile of each hour of a window.

    Parameters
    ----------
    deployment : Path
        The deployment's folder.
    version : str
        Whose answers.
    reference : Profile
        By whose cells and levels they are counted.
    window : Window
        Of hours that it has only a part of, that part is counted, and not kept; nor is the present hour.
    variant : str, optional
        What the version was then; all but shadows when left out.
    now : datetime, optional
        What is now.

    Returns
    -------
    list of tuple of datetime and Profile
        The beginning of each hour, the earliest first, and its profile; hours without rows are left out.
    """
    return list(each_hour(deployment, version, reference, window, variant, now))


def each_hour(
    deployment: Path,
    version: str,
    reference: Profile,
    window: Window,
    variant: str | None = None,
    now: datetime | None = None,
) -> Iterator[tuple[datetime, Profile]]:
    """Yield what `hourly_profiles` returns, few hours of it in memory at a time."""
    files = captured_files(deployment, version)
    folder = deployment / FOLDER / _folder_name(deployment, version, files)
    selection = Selection(window, variant, answered=True)
    hours = _Hours(tuple(files), folder, reference, selection, now or datetime.now(UTC))
    yield from hours.profiles()
    if hours.kept:
        prune(deployment / FOLDER)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """An hour that is not whole yet, or not at all: what is kept of it, and what its files have."""

    part: Window
    whole: bool
    kept: Kept
    rows: Mapping[str, int]

    @property
    def new(self) -> dict[str, int]:
        """How many rows to pass over in each file that has more than were counted."""
        counted = self.kept.files
        return {name: counted.get(name, 0) for name, rows in self.rows.items() if rows > counted.get(name, 0)}


class _Hours:
    """The hours of a window of one version."""

    def __init__(
        self,
        files: tuple[CapturedFile, ...],
        folder: Path,
        reference: Profile,
        selection: Selection,
        now: datetime,
    ) -> None:
        self._files, self._reference, self._selection, self._now = files, reference, selection, now
        self._kept = KeptProfiles(folder, reference, selection.variant)
        self.kept = 0  # of how many hours a profile was written
        self._seen = seen_in(files, folder, selection.window) if files else {}

    def profiles(self) -> Iterator[tuple[datetime, Profile]]:
        parts = list(self._selection.window.parts(HOUR))
        for start in range(0, len(parts), _AT_ONCE):
            wanted = {_hour(part.since): self._wanted(part) for part in parts[start : start + _AT_ONCE]}
            more = self._counted({hour: each for hour, each in wanted.items() if each.new})
            for hour, each in wanted.items():
                profile = self._together(hour, each, more.get(hour, []))
                if profile.rows:
                    yield _EPOCH + hour * HOUR, profile

    def _wanted(self, part: Window) -> _Wanted:
        hour = _hour(part.since)
        whole = part.length == HOUR and part.until <= self._now
        kept = self._kept.read(hour) if whole else None
        rows = {name: seen.rows[hour] for name, seen in self._seen.items() if hour in seen.rows}
        return _Wanted(part, whole, kept or Kept(Profile()), rows)

    def _together(self, hour: int, wanted: _Wanted, more: Sequence[Profile]) -> Profile:
        """Return what was counted before and what is new as one, and keep it."""
        found = [profile for profile in (wanted.kept.profile, *more) if profile.rows]
        profile = merged(found) if found else Profile()
        profile = replace(profile, begun=wanted.part.since, ended=wanted.part.until)
        if wanted.whole and wanted.new:
            profile = as_kept(profile)  # today as tomorrow, when it is read again
            self._kept.write(hour, Kept(profile, {**wanted.kept.files, **wanted.rows}))
            self.kept += 1
        return profile

    def _counted(self, wanted: Mapping[int, _Wanted]) -> dict[int, list[Profile]]:
        """Return profiles of the new rows of some hours, in one pass over the files that have any."""
        found: dict[int, list[Profile]] = {hour: [] for hour in wanted}
        files = [file for file in self._files if any(file.path.name in each.new for each in wanted.values())]
        schema = schema_of(files)
        for file in files:
            skip = {
                hour: each.new[file.path.name] for hour, each in wanted.items() if file.path.name in each.new
            }
            limit = {hour: wanted[hour].rows[file.path.name] for hour in skip}
            for batch in in_batches(_rows_between(file.path, skip, limit)):
                for hour, rows in _by_hour(fitted(batch, schema)):
                    found[hour].append(self._profile(rows, wanted[hour].part))
        return found

    def _profile(self, rows: pa.RecordBatch, part: Window) -> Profile:
        chosen = replace(self._selection, window=part).of(rows)
        return (
            profile_table(CapturedTable(CapturedBatch(chosen)), self._reference)
            if chosen.num_rows
            else Profile()
        )


def _rows_between(path: Path, skip: Mapping[int, int], limit: Mapping[int, int]) -> Iterator[pa.RecordBatch]:
    """Yield rows of some hours: of each those behind as many as were counted, up to as many as were seen."""
    met = Counter[int]()
    for batch in read_batches(path):
        hours = hours_of(batch)
        mask = np.zeros(len(hours), np.bool_)
        for hour in np.unique(hours).tolist():
            if hour in skip:
                at = np.flatnonzero(hours == hour)
                mask[at[max(0, skip[hour] - met[hour]) : max(0, limit[hour] - met[hour])]] = True
                met[hour] += len(at)
        if mask.any():
            yield batch if mask.all() else batch.take(np.flatnonzero(mask))


def _by_hour(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    hours = hours_of(batch)
    order = np.argsort(hours, kind="stable")
    found, starts = np.unique(hours[order], return_index=True)
    if len(found) > 1:
        batch = batch.take(order)
    for hour, start, end in zip(found.tolist(), starts, [*starts[1:], len(hours)], strict=True):
        yield hour, batch.slice(start, end - start)


def _hour(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(hours=1)


def _folder_name(deployment: Path, version: str, files: Sequence[CapturedFile]) -> str:
    """Return the folder of a version's profiles: named as that of its captures, which may be gone."""
    if files:
        return files[-1].path.parent.name
    kept = sorted((deployment / FOLDER).glob(f"{version}-*"), key=lambda path: path.stat().st_mtime)
    return kept[-1].name if kept else version
