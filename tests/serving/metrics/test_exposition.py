"""What Prometheus reads, read back by Prometheus's own parser."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mlops_jupyter.serving.metrics import folding
from mlops_jupyter.serving.metrics.exposition import CONTENT_TYPE, exposition
from mlops_jupyter.serving.metrics.folding import fold_slabs
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.problems import Problem

STABLE = {"model": "churn", "version": "1.0.0", "variant": "stable"}


def parse(source):
    """The families of a page by name; a name twice or a sample of no family would show here."""
    families = list(text_string_to_metric_families(exposition(source).decode()))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def values(family, suffix=""):
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for sample in family.samples
        if sample.name == family.name + suffix
    }


def value(family, suffix="", **labels):
    return values(family, suffix)[tuple(sorted(labels.items()))]


@pytest.fixture
def busy():
    """A meter with something in every family."""
    meter = Meter(None, "churn")
    series = meter.series("1.0.0", "stable", ["age"])
    for code, seconds in ((200, 0.0002), (200, 0.02), (422, 0.3), (200, 99.0)):
        series.began()
        series.answered(code, seconds)
    series.queued(5)
    series.batched(3)
    series.dropped(2)
    series.invalid([Problem(0, "age", "type", "'x'", "a number")])
    meter.cache_hit()
    meter.cache_miss()
    return meter


def test_every_metric_has_the_name_and_the_type_that_the_documentation_says(busy):
    assert {name: family.type for name, family in parse(busy).items()} == {
        "mlops_requests": "counter",
        "mlops_request_duration_seconds": "histogram",
        "mlops_in_flight": "gauge",
        "mlops_queue_depth": "gauge",
        "mlops_batch_size": "histogram",
        "mlops_validation_errors": "counter",
        "mlops_capture_dropped": "counter",
        "mlops_answer_cache_hits": "counter",
        "mlops_answer_cache_misses": "counter",
        "mlops_processes": "gauge",
    }
    assert all(family.documentation for family in parse(busy).values())
    assert b"\nmlops_requests_total{" in exposition(busy)


def test_requests_are_told_by_code_and_durations_over_all_codes(busy):
    page = parse(busy)
    assert value(page["mlops_requests"], "_total", **STABLE, code="200") == 3
    assert value(page["mlops_requests"], "_total", **STABLE, code="422") == 1
    duration = page["mlops_request_duration_seconds"]
    assert value(duration, "_count", **STABLE) == 4
    assert value(duration, "_sum", **STABLE) == pytest.approx(99.3202)
    assert value(duration, "_bucket", **STABLE, le="0.00025") == 1
    assert value(duration, "_bucket", **STABLE, le="0.025") == 2
    assert value(duration, "_bucket", **STABLE, le="10.0") == 3
    assert value(duration, "_bucket", **STABLE, le="+Inf") == 4


def test_the_rest_is_told_too(busy):
    page = parse(busy)
    assert value(page["mlops_in_flight"], **STABLE) == 4
    assert value(page["mlops_queue_depth"], **STABLE) == 5
    assert value(page["mlops_batch_size"], "_sum", **STABLE) == 3
    assert value(page["mlops_batch_size"], "_bucket", **STABLE, le="4.0") == 1
    assert value(page["mlops_capture_dropped"], "_total", **STABLE) == 2
    assert value(page["mlops_validation_errors"], "_total", **STABLE, field="age", reason="type") == 1
    assert value(page["mlops_answer_cache_hits"], "_total", model="churn") == 1
    assert value(page["mlops_answer_cache_misses"], "_total", model="churn") == 1
    assert value(page["mlops_processes"]) == 1


def test_what_only_a_variant_has_is_not_told_of_none():
    meter = Meter(None, "churn")
    before_routing = meter.series("", "")
    for version, variant in (("1.0.0", ""), ("1.0.0", "stable")):
        meter.series(version, variant)
    page = parse(meter)
    assert list(values(page["mlops_in_flight"])) == [tuple(sorted(STABLE.items()))]
    assert list(values(page["mlops_queue_depth"])) == [tuple(sorted(STABLE.items()))]
    dropped = page["mlops_capture_dropped"]
    assert {sample.labels["version"] for sample in dropped.samples} == {"1.0.0"}
    assert value(dropped, "_total", **STABLE | {"variant": ""}) == 0
    before_routing.answered(401, 0.001)
    refused = {"model": "churn", "version": "", "variant": "", "code": "401"}
    assert value(parse(meter)["mlops_requests"], "_total", **refused) == 1


@given(st.lists(st.floats(0, 20), max_size=30))
def test_buckets_only_rise_and_end_at_the_count(durations):
    meter = Meter(None, "churn")
    series = meter.series("1.0.0", "stable")
    for seconds in durations:
        series.answered(200, seconds)
    family = parse(meter)["mlops_request_duration_seconds"]
    buckets = [(float(s.labels["le"]), s.value) for s in family.samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == (math.inf, value(family, "_count", **STABLE)) == (math.inf, len(durations))
    assert all(below == sum(seconds <= edge for seconds in durations) for edge, below in buckets)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_column_of_any_name_is_read_back(name):
    meter = Meter(None, "churn")
    meter.series("1.0.0", "stable", [name]).invalid([Problem(0, name, "type", "", "")])
    family = parse(meter)["mlops_validation_errors"]
    assert value(family, "_total", **STABLE, field=name, reason="type") == 1


def test_workers_are_summed_and_gauges_are_of_the_living(folder):
    meters = [Meter(folder, "churn") for _ in range(3)]
    for meter in meters:
        series = meter.series("1.0.0", "stable")
        series.began()
        series.answered(200, 0.001)
        series.queued(2)
    meters[0].close()
    for _ in range(2):  # before and after the fold
        page = parse(folder)
        assert value(page["mlops_requests"], "_total", **STABLE, code="200") == 3
        assert value(page["mlops_in_flight"], **STABLE) == 2
        assert value(page["mlops_queue_depth"], **STABLE) == 4
        assert value(page["mlops_processes"]) == 2
        fold_slabs(folder)
    for meter in meters[1:]:
        meter.close()


def test_a_sum_of_seconds_is_the_same_in_whichever_order_workers_are_read_and_folded(folder, monkeypatch):
    """Of floats it would be another one in the last digit, which is a counter that goes back."""
    meters = [Meter(folder, "churn") for _ in range(5)]
    rng = random.Random(0)
    for meter in meters:
        for _ in range(50):
            meter.series("1.0.0", "stable").answered(200, rng.random())
    read, seen = folding.read_slabs, set()
    monkeypatch.setattr(folding, "read_slabs", lambda where: shuffled(rng, read(where)))
    for meter in meters:
        seen.add(value(parse(folder)["mlops_request_duration_seconds"], "_sum", **STABLE))
        meter.close()
        fold_slabs(folder)
    seen.add(value(parse(folder)["mlops_request_duration_seconds"], "_sum", **STABLE))
    assert len(seen) == 1


def shuffled(rng, items):
    return rng.sample(items, len(items))


def test_where_nobody_counts_there_are_no_processes(folder):
    assert {name: values(family) for name, family in parse(folder).items()} == {"mlops_processes": {(): 0}}


def test_the_content_type_is_that_of_the_format():
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    assert CONTENT_TYPE.decode() == CONTENT_TYPE_PLAIN_0_0_4


def test_counting_imports_nothing_that_writes_metrics(run_alone):
    code = """
import sys
from mlops_jupyter.serving.metrics import exposition, meter
meter.Meter(None, "churn").series("1.0.0", "stable").answered(200, 0.1)
print([name for name in ("prometheus_client", "numpy", "pydantic") if name in sys.modules])
"""
    assert run_alone(code).strip() == "[]"
