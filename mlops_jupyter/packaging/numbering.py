"""The next version number, from what changed in the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_jupyter.schema.change import bump, compare
from mlops_jupyter.store.versions import VersionRecord, reserve_version

from . import folders
from .sealing import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.database import Store

FIRST = "1.0.0"


def number(
    store: Store, contracts: Path, model: str, digest: str, schema: dict[str, Any]
) -> tuple[VersionRecord, str]:
    """Reserve the version of a content, and say why it has this number.

    Parameters
    ----------
    store : Store
        Where numbers are given out.
    contracts : Path
        A folder that keeps the schema of every digest, for a package may be gone when it is compared with.
    model, digest : str
        Whose version.
    schema : dict
        Its feature schema.

    Returns
    -------
    VersionRecord
        The record of this digest.
    str
        The reason: ``column `dest` removed``.
    """
    contracts.mkdir(parents=True, exist_ok=True)
    folders.write(contracts / f"{digest}.json", as_json(schema), "package.contract")
    reasons = ["its content has this number already"]

    def choose(known: list[VersionRecord]) -> str:
        version, reasons[0] = _next(known, contracts, schema)
        return version

    record = reserve_version(store, model, digest, choose)
    return record, reasons[0]


def _next(known: list[VersionRecord], contracts: Path, schema: dict[str, Any]) -> tuple[str, str]:
    if not known:
        return FIRST, "the first version"
    last = known[-1]
    old = _contract(last, contracts)
    if old is None:
        return bump(
            last.version, "patch"
        ), f"the contract of {last.version} is not known here, taken as unchanged"
    change = compare(old, schema)
    level = "patch" if change.level == "none" else change.level
    said = ", ".join(change.reasons[:3]) if level != "patch" else f"the same contract as {last.version}"
    return bump(last.version, level), said


def _contract(record: VersionRecord, contracts: Path) -> dict[str, Any] | None:
    places = [contracts / f"{record.digest}.json"]
    if record.package_path is not None:
        places.append(record.package_path / "model" / "feature_schema.json")
    for place in places:
        try:
            found: dict[str, Any] = json.loads(place.read_bytes())
        except (OSError, ValueError):
            continue
        return found
    return None
