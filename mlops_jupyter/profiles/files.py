"""Profiles as files: what a package carries, and what `%mlops profile --to` writes."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mlops_jupyter.errors import DataError, NotFoundError, did_you_mean
from mlops_jupyter.stats.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where a package has the profile of its training data and of the model's answers to it.
PACKAGE_FILE: Final = "model/reference_profile.bin"
SUFFIX: Final = ".profile"
_MAGIC: Final = b"mlops-profile 1\n"


@dataclass(frozen=True)
class ProfileFile:
    """A profile, and what it is of.

    Parameters
    ----------
    profile : Profile
        The counts.
    about : mapping
        ``label`` (what the reader calls it), and whatever else the writer knew; ``roles`` of the columns
        that are no features: ``{"prediction": "prediction", "score.late": "score"}``.
    """

    profile: Profile
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, str]:
        """What each column is: ``feature``, ``prediction`` or ``score``."""
        known = self.about.get("roles", {})
        return {name: known.get(name, "feature") for name in self.profile.columns}


def as_bytes(profile: Profile, about: Mapping[str, Any]) -> bytes:
    """Return a profile as a file holds it; the same bytes for the same profile."""
    words = msgspec.json.encode(dict(about), order="sorted")
    return b"".join((_MAGIC, len(words).to_bytes(4, "big"), words, profile.to_bytes()))


def write_profile(path: Path, profile: Profile, about: Mapping[str, Any]) -> None:
    """Write a profile, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced.
    profile : Profile
        The counts.
    about : mapping
        What it is of, ready for JSON: ``label``, ``roles``.
    """
    data = as_bytes(profile, about)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_profile(path: Path) -> ProfileFile:
    """Read a profile.

    Raises
    ------
    NotFoundError
        When there is no such file.
    DataError
        When it is no profile, or a damaged one.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise _absent(path) from None
    if not data.startswith(_MAGIC):
        raise DataError(f"{path.name} is no profile", hint="write one with %mlops profile DATA --to FILE")
    at = len(_MAGIC) + 4
    length = int.from_bytes(data[len(_MAGIC) : at], "big")
    try:
        about = msgspec.json.decode(data[at : at + length], type=dict)
    except msgspec.DecodeError:
        raise DataError(f"{path.name} is damaged", hint="profile the data again") from None
    return ProfileFile(Profile.from_bytes(data[at + length :]), about)


def is_profile(path: Path) -> bool:
    """Return whether a file is a profile and no table."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _absent(path: Path) -> NotFoundError:
    beside = [found.name for found in path.parent.glob("*")] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, beside)
    return NotFoundError(f"there is no profile {str(path)!r}", hint=hint if hint.startswith("did") else "")
