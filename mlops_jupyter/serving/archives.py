"""Look at a zip file's table of contents before anything is read out of it."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = 1_000_000
EXPANSION = 200  # a sparse matrix of zeros is the most compressible thing an honest model holds
FREE = 64 * 2**20


class UnsafeArchiveError(ValueError):
    """The archive would expand without measure, or names files outside itself."""


def check_archive(path: Path) -> None:
    """Refuse an archive with members outside it, named twice, or expanding without measure.

    Raises
    ------
    UnsafeArchiveError
        Naming the member.
    zipfile.BadZipFile
        When it is no archive at all.
    """
    allowed = FREE + EXPANSION * path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        _check_members(archive, allowed)
        # a sparse matrix is an archive inside the archive
        for member in archive.infolist():
            if member.filename.endswith(".npz"):
                with zipfile.ZipFile(io.BytesIO(archive.read(member))) as inner:
                    _check_members(inner, allowed)


def _check_members(archive: zipfile.ZipFile, allowed: int) -> None:
    members = archive.infolist()
    if len(members) > MEMBERS or len({m.filename for m in members}) != len(members):
        raise UnsafeArchiveError("too many members, or one named twice")
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
            raise UnsafeArchiveError(f"member {member.filename!r} points outside it")
        if member.flag_bits & 1:
            raise UnsafeArchiveError(f"member {member.filename!r} is encrypted")
    if (size := sum(member.file_size for member in members)) > allowed:
        raise UnsafeArchiveError(f"it would expand to {size / 2**20:,.0f} MiB")
