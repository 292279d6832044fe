"""The verbs of drift: what changed, and the same as a file to pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlops_jupyter.verbs.drift_document import Written  # noqa: TC001 - the command table looks it up
from mlops_jupyter.verbs.drift_report import DriftReport  # noqa: TC001 - the same
from mlops_jupyter.verbs.table import verb

if TYPE_CHECKING:
    from mlops_jupyter.verbs.types import DataSource, DeploymentName, FilePath, Live

_LIVE: Final = 5.0  # seconds between two looks


@verb(stage="monitor")
def drift(
    deployment: DeploymentName | None = None,
    *,
    reference: Live[DataSource] | None = None,
    current: Live[DataSource] | None = None,
    last: str | None = None,
    since: str | None = None,
    until: str | None = None,
    window: str | None = None,
    measure: str = "psi",
    limit: str | float | None = None,
    variant: str | None = None,
    slice: str | None = None,  # noqa: A002 - what the field calls it
    multivariate: bool = False,
    live: bool = False,
) -> DriftReport:
    """Compare what a deployment is sent and answers with the data it was made from, column by column.

    A column is WARNING or CRITICAL when the lower bound of 95 % of its effect is over the limit, not when a
    p-value is small; with too few rows for a verdict it is INCONCLUSIVE, and INVALID when it cannot be
    compared. Missing values, new levels and changed types raise a verdict by themselves. Without a
    deployment, any two tables are compared: frames of pandas or Polars, Arrow, DuckDB, Parquet, CSV.

    Parameters
    ----------
    deployment : DeploymentName, optional
        The endpoint whose captured requests are looked at; none when `reference` and `current` are given.
    reference : Live[DataSource], optional
        What to compare with: data, a file or folder, a profile, or captured requests: ``7d`` are those of
        the seven days before the window, ``2026-10-01..2026-11-01`` those in between. By default the
        profile of the data that the version was packaged with.
    current : Live[DataSource], optional
        Data to compare in place of captured requests.
    last : str, optional
        How long ago the window begins: ``24h`` when nothing is said, ``7d``.
    since, until : str, optional
        When the window begins and ends: ``2026-11-20``, ``2026-11-20T18:30``.
    window : str, optional
        How long the windows of the trend are: ``1h``; an hour up to three days, then a day, then a week.
    measure : str
        What is judged: ``psi``, ``ks``, ``js``, ``wasserstein``, ``mean``, ``cramers_v``, ``tv`` or
        ``missing``; one that a column's kind does not have falls back, and the report says to what.
    limit : str or float, optional
        From which effect on a column is CRITICAL; WARNING keeps its proportion. Both as ``0.1,0.3``.
    variant : str, optional
        Only requests that this variant answered: ``stable``, ``candidate`` or ``shadow``.
    slice : str, optional
        Only captured rows for which this holds: ``origin == 'JFK' and distance > 500``.
    multivariate : bool
        Whether to tell the windows apart by all columns together as well; it needs rows of both.
    live : bool
        Whether the widget follows the traffic while it is looked at.

    Returns
    -------
    DriftReport
        ``ok``, ``r["distance"]``, ``to_frame()``, ``figure()``, ``figure("distance")``, ``payload()``.

    Raises
    ------
    DataError
        When no requests are captured, the window is empty, or no column is in both windows.
    NotFoundError
        When there is no such deployment, or its package has no profile and no reference is given.
    UsageError
        When an option is not what it can be: an unknown measure, a slice that does not parse.

    Examples
    --------
    >>> assert mlops.drift("churn", last="7d").ok  # doctest: +SKIP
    """
    from mlops_jupyter.verbs.drift_asking import Asked, answer

    asked = Asked(
        deployment, reference, current, last, since, until, window, measure, limit, variant, slice,
        multivariate, _LIVE if live else None,
    )  # fmt: skip
    return answer(asked)


@verb(stage="monitor")
def report(
    deployment: DeploymentName | None = None,
    *,
    to: FilePath,
    reference: Live[DataSource] | None = None,
    current: Live[DataSource] | None = None,
    last: str | None = None,
    since: str | None = None,
    until: str | None = None,
    window: str | None = None,
    measure: str = "psi",
    limit: str | float | None = None,
    variant: str | None = None,
    slice: str | None = None,  # noqa: A002 - what the field calls it
    multivariate: bool = False,
) -> Written:
    """Write what drifted to one file: a page that needs nothing else, Markdown, or JSON.

    Parameters
    ----------
    deployment : DeploymentName, optional
        The endpoint; none when `reference` and `current` are given.
    to : FilePath
        The file; its ending says what it becomes: ``.html``, ``.md`` or ``.json``.
    reference, current, last, since, until, window, measure, limit, variant, slice, multivariate
        As `drift` takes them.

    Returns
    -------
    Written
        Where it is, and the report itself as ``report``.

    Raises
    ------
    UsageError
        When the ending is not known, or the folder is not there; and whatever `drift` raises.

    Examples
    --------
    >>> mlops.report("churn", to="drift.html", last="7d")  # doctest: +SKIP
    """
    from mlops_jupyter.verbs.drift_asking import Asked, answer
    from mlops_jupyter.verbs.drift_document import checked_path, write

    path = checked_path(to)
    asked = Asked(
        deployment, reference, current, last, since, until, window, measure, limit, variant, slice,
        multivariate,
    )  # fmt: skip
    return write(answer(asked), path)
