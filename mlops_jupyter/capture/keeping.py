"""Hourly profiles on disk: they outlive the rows that they were made of."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import CategoricalProfile
from mlops_jupyter.stats.encoding import WRITTEN_SAMPLE
from mlops_jupyter.stats.numeric_profile import NumericProfile
from mlops_jupyter.stats.profiles import Profile

from .storing import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_jupyter.stats.profiles import ColumnProfile

FOLDER: Final = "profiles"
SUFFIX: Final = ".profile"
_DIGEST: Final = 8  # hex digits of it in a folder's name
_HOUR: Final = 3600
MOST: Final = 2**30  # bytes of all that is kept of a deployment


class _Written(msgspec.Struct):
    files: dict[str, int]
    profile: bytes


@dataclass(frozen=True, eq=False)
class Kept:
    """The profile of an hour, and what it was made of.

    Parameters
    ----------
    profile : Profile
        The counts.
    files : mapping of str to int
        How many rows of the hour it has seen in each file, those of other variants included.
    """

    profile: Profile
    files: Mapping[str, int] = field(default_factory=dict)


class KeptProfiles:
    """The hourly profiles of one version, by one reference.

    Parameters
    ----------
    folder : Path
        Of the version's profiles.
    reference : Profile
        Whose cells and levels they are counted by.
    variant : str, optional
        Of which variant alone.
    """

    def __init__(self, folder: Path, reference: Profile, variant: str | None) -> None:
        self._folder, self._reference = folder / digest_of(reference)[:_DIGEST], reference
        self._end = f"-{variant}{SUFFIX}" if variant else SUFFIX

    def read(self, hour: int) -> Kept | None:
        """Return the profile of an hour; None where there is none, or none that can be read."""
        try:
            written = msgspec.msgpack.decode(self._path(hour).read_bytes(), type=_Written)
            return Kept(Profile.from_bytes(written.profile, self._reference), written.files)
        except (OSError, msgspec.DecodeError, DataError):
            return None

    def write(self, hour: int, kept: Kept) -> None:
        """Keep the profile of an hour; where nothing can be written, it is made again the next time."""
        written = _Written(dict(kept.files), kept.profile.to_bytes(with_edges=False))
        try:
            write_whole(self._path(hour), msgspec.msgpack.encode(written))
        except OSError:
            return

    def _path(self, hour: int) -> Path:
        return self._folder / f"{datetime.fromtimestamp(hour * _HOUR, UTC):%Y%m%dT%HZ}{self._end}"


def prune(folder: Path, most: int = MOST) -> int:
    """Remove the profiles that were kept longest ago, where all of a deployment take more than they may.

    Returns
    -------
    int
        How many were removed.
    """
    found = []
    for path in folder.rglob(f"*{SUFFIX}"):
        with suppress(OSError):  # another may be at it as well
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    over, removed = sum(size for _, size, _ in found) - most, 0
    for _, size, path in sorted(found):
        if over <= 0:
            break
        path.unlink(missing_ok=True)
        over, removed = over - size, removed + 1
    return removed


def as_kept(profile: Profile) -> Profile:
    """Return a profile without the values that are not written down with it."""
    return replace(profile, columns={name: _without_values(each) for name, each in profile.columns.items()})


def _without_values(column: ColumnProfile) -> ColumnProfile:
    if isinstance(column, NumericProfile) and column.sample is not None:
        return replace(column, sample=None) if column.sample.size > WRITTEN_SAMPLE else column
    return column


def digest_of(reference: Profile) -> str:
    """Return what tells two references apart whose profiles cannot be merged, in hex."""
    digest = hashlib.sha256()
    for name, column in reference.columns.items():
        digest.update(repr((name, *_said(column))).encode(errors="replace"))
    return digest.hexdigest()


def _said(column: ColumnProfile) -> tuple[object, ...]:
    if isinstance(column, NumericProfile):
        return column.kind, column.edges.digest, column.vocabulary
    if isinstance(column, CategoricalProfile):
        return column.kind, tuple(column.levels)
    return ("unreadable",)
