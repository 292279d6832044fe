"""What a drift report holds as plain values: drawn by tables, figures and the widget, written as JSON.

All numbers are decided here and in the rooms below; whatever shows a report only draws them.
`tests/notebook/drift_payload.json` is an example.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

Verdict = Literal["OK", "WARNING", "CRITICAL", "INCONCLUSIVE", "INVALID"]

#: From what must be looked at first.
VERDICTS: Final[tuple[Verdict, ...]] = ("CRITICAL", "INVALID", "WARNING", "INCONCLUSIVE", "OK")


class EffectValues(TypedDict):
    """One measure of one column.

    `measure` says what it really is: a column of categories has no Kolmogorov-Smirnov distance, and under
    ``ks`` there is its total variation. Bounds are of 95 %; `error` is by how much `value` may be wrong where
    a window was counted in other cells; `p_adjusted` is Benjamini and Hochberg's over the columns;
    `rows_needed` is how many rows it takes to be sure of an effect of the critical size; `cells` and
    `row_variance` say how many that is at other limits.
    """

    measure: str
    value: float
    low: float
    high: float
    error: float
    p: float | None
    p_adjusted: float | None
    rows_needed: int
    cells: int
    row_variance: float


class Histogram(TypedDict, total=False):
    """Two distributions: shares of the values in cells between `edges`, or of `labels`.

    `lower` and `upper` are the shares below the first and above the last edge, of reference and current.
    Moments are seconds since 1970, texts their lengths.
    """

    edges: list[float]
    labels: list[str]
    reference: list[float]
    current: list[float]
    lower: list[float]
    upper: list[float]


class ColumnValues(TypedDict):
    """One column.

    `alarm` is the verdict of what no measure sees (missing values, new levels, types), under which the
    verdict never falls whatever the measure and its limit. `effects` and `trend` have every selectable
    measure; both are empty for a column that cannot be compared, and `histogram` is null then. `rows` counts
    those looked at. `quantiles` are (quantile, reference, current).
    """

    name: str
    role: str
    kind: str
    verdict: Verdict
    reason: str
    alarm: Verdict
    share: float
    words: list[str]
    missing: list[float | None]
    out_of_range: float | None
    new_levels: list[tuple[str, float]]
    vanished: list[str]
    rows: int
    rows_needed: int | None
    effects: dict[str, EffectValues]
    trend: dict[str, list[float | None]]
    histogram: Histogram | None
    quantiles: list[tuple[float, float, float]]


class ReferenceValues(TypedDict):
    """What is compared with."""

    label: str
    rows: int


class CurrentValues(TypedDict):
    """What is compared; `since` and `until` are null for data without times."""

    label: str
    rows: int
    since: str | None
    until: str | None


class ReferenceChoice(TypedDict):
    """What else to compare with: `value` is what ``--reference`` takes, null for the package's profile."""

    value: str | None
    label: str


class SelectionValues(TypedDict):
    """What was asked for, as it was written."""

    last: str | None
    since: str | None
    until: str | None
    variant: str | None
    slice: str | None
    reference: str | None


class MultivariateValues(TypedDict):
    """Whether all columns together tell the windows apart.

    `auc` with its bounds is that of a classifier that was trained to; `verdict` judges its lower bound.
    `features` are what it looks at, and by how much the AUC falls without each;
    `reconstruction` is the error of the reference's principal components on current rows, `usual` its range
    on the reference.
    """

    verdict: Verdict
    auc: float
    low: float
    high: float
    p: float
    features: list[tuple[str, float]]
    reconstruction: float | None
    usual: list[float]


class Payload(TypedDict):
    """A whole report. `windows` are the beginnings of those of `trend`, each `every` long."""

    title: str
    deployment: str
    ok: bool
    counts: dict[str, int]
    reference: ReferenceValues
    current: CurrentValues
    measure: str
    measures: list[str]
    limits: dict[str, list[float]]
    windows: list[str]
    every: str
    variants: list[str]
    references: list[ReferenceChoice]
    selection: SelectionValues
    notes: list[str]
    multivariate: MultivariateValues | None
    columns: list[ColumnValues]
