"""The totals as Prometheus reads them: ``GET /metrics``. The format is written by `prometheus_client`."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from .families import ANSWERED, CAPTURE_DROPPED, DURATION, PROCESSES, REQUESTS, SHOWN, Family
from .folding import Totals, add_counts, read_totals
from .meter import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client import Metric

    from .slab import Counts, Key

PREFIX = "mlops_"
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


def exposition(source: Path | Meter) -> bytes:
    """Return the metrics as text.

    Takes about a millisecond, and the first time a tenth of a second more, for the library it imports: not
    for the event loop.

    Parameters
    ----------
    source : Path or Meter
        The folder of a deployment's slabs, whose counts are summed; or the meter of a server of one process.

    Examples
    --------
    >>> meter = Meter(None, "churn")
    >>> meter.cache_hit()
    >>> [line for line in exposition(meter).decode().splitlines() if "hits_total{" in line]
    ['mlops_answer_cache_hits_total{model="churn"} 1.0']
    """
    from prometheus_client import generate_latest

    totals = Totals(source.read(), 1) if isinstance(source, Meter) else read_totals(source)
    return generate_latest(_Collected(totals))


class _Collected:
    """What `prometheus_client` asks for its metrics."""

    def __init__(self, totals: Totals) -> None:
        self._shown = {(PROCESSES.tag,): (totals.processes,), **totals.counts, **_derived(totals.counts)}

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have a label set."""
        for family in SHOWN:
            counts = {key: cells for key, cells in self._shown.items() if key[0] == family.tag}
            told = {key: cells for key, cells in counts.items() if not _says_nothing(family, key, cells)}
            if told:
                yield _metric(family, told)


def _says_nothing(family: Family, key: Key, cells: tuple[int, ...]) -> bool:
    """Return whether nothing is counted there: of no variant, what only a variant has.

    What was dropped is counted by version alone, and is told at 0: a rate needs a value before the first.
    """
    labels = dict(zip(family.labels, key[1:], strict=True))
    if labels.get("variant", "any") or any(cells):
        return False
    return family is not CAPTURE_DROPPED or not labels["version"]


def _derived(counts: Counts) -> Counts:
    """Return requests by code and durations over all codes, which both follow from what was answered."""
    answered = {key[1:]: cells for key, cells in counts.items() if key[0] == ANSWERED.tag}
    requests = {(REQUESTS.tag, *labels): (sum(cells[:-1]),) for labels, cells in answered.items()}
    durations = ({(DURATION.tag, *labels[:-1]): cells} for labels, cells in answered.items())
    return requests | add_counts(durations)


def _metric(family: Family, counts: Counts) -> Metric:
    if family.kind == "histogram":
        return _histogram(family, counts)
    from prometheus_client import core

    name = PREFIX + family.name
    metric: core.CounterMetricFamily | core.GaugeMetricFamily
    if family.kind == "counter":
        metric = core.CounterMetricFamily(name, family.help, labels=family.labels)
    else:
        metric = core.GaugeMetricFamily(name, family.help, labels=family.labels)
    for key, (value,) in sorted(counts.items()):
        metric.add_metric(key[1:], value)
    return metric


def _histogram(family: Family, counts: Counts) -> Metric:
    from prometheus_client import core
    from prometheus_client.utils import floatToGoString

    metric = core.HistogramMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
    edges = [floatToGoString(edge) for edge in (*family.edges, float("inf"))]  # type: ignore[no-untyped-call]
    for key, (*cells, total) in sorted(counts.items()):
        metric.add_metric(key[1:], list(zip(edges, accumulate(cells), strict=True)), total / family.unit)
    return metric
