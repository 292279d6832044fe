"""The verb that shows what a deployment was asked, and what it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.errors import DataError, UsageError
from mlops_jupyter.verbs.requests_report import RequestsReport
from mlops_jupyter.verbs.table import verb
from mlops_jupyter.verbs.watching import open_state

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.verbs.types import DeploymentName, VersionName

MOST_ROWS: Final = 10_000_000


@verb(stage="monitor")
def requests(
    deployment: DeploymentName,
    *,
    last: str | None = None,
    since: str | None = None,
    until: str | None = None,
    where: str | None = None,
    variant: str | None = None,
    version: VersionName | None = None,
    limit: int = 1000,
) -> RequestsReport:
    """Show what a deployment was asked and what it answered, refusals and failures too.

    Parameters
    ----------
    deployment : DeploymentName
        The endpoint.
    last : str, optional
        How far back to look: ``1h``, ``7d``; the last 24 hours when neither this nor `since` is given.
    since, until : str, optional
        From when and up to when: ``2026-11-20``, ``2026-11-20T18:30``; local where no zone is said.
    where : str, optional
        Which rows: ``status >= 400``, ``origin == 'JFK' and distance > 500``, ``tailnum is missing``.
    variant : str, optional
        Only what was answered as ``stable``, ``candidate`` or ``shadow``; copies for a shadow are left out
        unless they are asked for.
    version : VersionName, optional
        Only what this version answered.
    limit : int
        How many rows at most: the newest. All are counted.

    Returns
    -------
    RequestsReport
        Behaves like a data frame with time, variant, version, status, latency, error, features, prediction
        and scores; says how many rows there are by status.

    Raises
    ------
    DataError
        When nothing was ever captured.
    UsageError
        When a time, a length or a condition cannot be read; it says where.

    Examples
    --------
    >>> mlops.requests("churn", last="1h", where="status >= 400").to_frame()  # doctest: +SKIP
    """
    from mlops_jupyter.capture.captured import Selection
    from mlops_jupyter.capture.newest import captured_span, newest_rows
    from mlops_jupyter.capture.slices import parse_slice
    from mlops_jupyter.capture.windows import window_of
    from mlops_jupyter.deployments.folder import find_folder

    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"--limit cannot be {limit:,}", hint=f"1 to {MOST_ROWS:,}")
    window = window_of(last, since, until)
    selection = Selection(window, variant, parse_slice(where, "where") if where is not None else None)
    workspace, _ = open_state()
    folder = find_folder(workspace.deployments, deployment)
    _check_captured(folder, version)
    found = newest_rows(folder, selection, limit, version)
    span = None if found.rows else captured_span(folder, version)
    return RequestsReport(
        deployment, window, where, variant, version, found.to_frame(), found.statuses, limit, span
    )


def _check_captured(folder: Path, version: str | None) -> None:
    """Check that something is there to look at.

    Raises
    ------
    DataError
        When nothing is; it says whether anything would be, and how to send some.
    """
    from mlops_jupyter.capture.files import captured_files
    from mlops_jupyter.deployments.folder import read_serving
    from mlops_jupyter.errors import did_you_mean

    versions = {file.version for file in captured_files(folder)}
    if version in versions or (versions and version is None):
        return
    if versions:
        raise DataError(
            f"no requests to {folder.name} {version} are captured", hint=did_you_mean(str(version), versions)
        )
    serving = read_serving(folder)
    if serving is not None and not serving.spec.options.capture:
        hint = f"mlops deploy {folder.name} without --no-capture"
        raise DataError(f"{folder.name} captures no requests: it was deployed with --no-capture", hint=hint)
    raise DataError(
        f"no requests to {folder.name} are captured yet", hint=f"mlops predict {folder.name} DATA sends some"
    )
