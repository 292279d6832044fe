"""A column too large to be sorted has the deciles and counts of one that was."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlops_jupyter.profiles import profiling, samples
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.profiles.samples import Sample
from mlops_jupyter.stats.edges import edges_of

ROWS = 30_000
RANDOM = np.random.default_rng(7)
NORMAL = RANDOM.normal(size=ROWS)
SHAPES = {
    "normal": NORMAL,
    "lognormal": RANDOM.lognormal(0, 3, ROWS),
    "Cauchy": RANDOM.standard_cauchy(ROWS),
    "Pareto": RANDOM.pareto(0.5, ROWS),
    "whole numbers": RANDOM.poisson(5, ROWS).astype(float),
    "two values": (NORMAL > 0.3).astype(float),
    "a spike at zero": np.where(NORMAL < 0.2, 0.0, NORMAL),
    "minus zero": np.where(NORMAL < 0.2, -0.0, np.abs(NORMAL)),
    "constant": np.full(ROWS, 3.0),
    "time stamps in order": 1.7e9 + np.arange(ROWS),
    "far from zero": 1e6 + NORMAL * 1e-3,
    "one outlier": np.append(NORMAL[1:], 1e12),
    "far modes": np.where(NORMAL < 0, -1e9, 1e9) + NORMAL,
    "subnormal": NORMAL * 1e-310,
    "infinite": np.where(NORMAL > 1.5, np.inf, np.where(NORMAL < -1, -np.inf, NORMAL)),
    "missing": np.where(NORMAL < 0, np.nan, NORMAL),
    "nothing": np.full(ROWS, np.nan),
    "few": np.where(np.arange(ROWS) % 5000 == 17, NORMAL, np.nan),
}


@pytest.fixture
def streamed(monkeypatch):
    """Profile values as if they were too many: a sample of 2,000 and 200 cells."""
    monkeypatch.setattr(profiling, "_SORTED", 0)
    monkeypatch.setattr(profiling, "SAMPLE", 2000)

    def profile(columns, size=1000):
        return profile_table(pa.table(columns).to_reader(size), cells=200).columns

    return profile


def assert_exact(column, values):
    finite = np.sort(values[np.isfinite(values)])
    expected = edges_of(values)
    assert np.array_equal(column.edges.values[column.edges.bins], expected.values[expected.bins])
    upto = np.searchsorted(finite, column.edges.values, "right")
    counts = np.diff(upto, prepend=0, append=len(finite))
    counts[0] += np.count_nonzero(values == -np.inf)
    counts[-1] += np.count_nonzero(values == np.inf)
    assert np.array_equal(column.counts, counts)
    assert column.missing == np.count_nonzero(np.isnan(values))
    if len(finite):
        assert (column.minimum, column.maximum) == (finite[0], finite[-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_deciles_and_counts_are_exact_whatever_the_distribution(streamed, shape):
    assert_exact(streamed({"x": SHAPES[shape]})["x"], SHAPES[shape])


@pytest.mark.parametrize("shape", SHAPES)
def test_no_cell_that_is_no_atom_holds_much_more_than_its_share(streamed, shape):
    column = streamed({"x": SHAPES[shape]})["x"]
    ends = pairwise(column.edges.values)
    inner = zip(column.counts[1:-1], ends, strict=True)
    wide = [rows for rows, (low, high) in inner if np.nextafter(high, -np.inf) > low]
    assert max(wide, default=0) <= 4 * ROWS / 200


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=hnp.arrays(
        np.float64,
        st.integers(1, 400),
        elements=st.one_of(
            st.integers(-3, 3).map(float), st.floats(width=64), st.sampled_from([np.nan, np.inf, -np.inf])
        ),
    ),
    size=st.integers(1, 150),
)
def test_deciles_and_counts_are_exact_of_any_values(monkeypatch, values, size):
    monkeypatch.setattr(profiling, "_SORTED", 0)
    monkeypatch.setattr(profiling, "SAMPLE", 30)
    column = profile_table(pa.table({"x": values}).to_reader(size), cells=10).columns["x"]
    assert_exact(column, values)


def test_text_that_streams_by_has_exact_deciles_of_its_length(streamed):
    texts = [f"{'word ' * (number % 37)}{number}" for number in range(10_000)]
    column = streamed({"x": texts})["x"]
    assert column.kind == "text"
    assert_exact(column, np.array([len(text) for text in texts], dtype=float))


def test_a_whole_window_that_streams_by_has_the_profile_of_one_in_memory(streamed):
    frame = pd.DataFrame({"x": NORMAL[:1500], "s": np.where(NORMAL[:1500] > 0, "a", "b")})
    found, expected = streamed(frame.to_dict("list")), profile_table(frame, cells=200).columns
    assert found["x"].edges.digest == expected["x"].edges.digest
    assert np.array_equal(found["x"].sample, expected["x"].sample)
    assert found["s"].levels == expected["s"].levels


def test_rows_of_a_table_that_is_no_file_are_sampled_together(monkeypatch):
    monkeypatch.setattr(samples, "SAMPLE", 500)
    monkeypatch.setattr(profiling, "SAMPLE", 500)
    table = pa.table({"x": NORMAL, "y": SHAPES["whole numbers"], "s": np.where(NORMAL > 0, "a", "b")})

    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    columns = profile_table(Stream(), cells=100).columns
    assert_exact(columns["x"], NORMAL)
    assert_exact(columns["y"], SHAPES["whole numbers"])
    assert sum(columns["s"].levels.values()) == ROWS


@pytest.mark.parametrize("rows", [None, ROWS])
def test_a_sample_is_spread_over_all_rows_and_never_too_large(rows):
    sample = Sample(1000, rows)
    for start in range(0, ROWS, 700):
        sample.add(np.arange(start, min(start + 700, ROWS), dtype=float))
        assert sample.kept <= 1000
    values = sample.values()
    assert len(np.unique(values)) == len(values) > 400
    assert np.histogram(values, 10, (0, ROWS))[0].min() > 30
    assert not sample.complete


def test_rows_that_come_in_turns_are_all_in_the_sample():
    sample = Sample(1000)
    for _ in range(30):
        sample.add(np.tile(np.arange(8.0), 128))
    assert set(sample.values()) == set(np.arange(8.0))


def test_memory_stays_flat_while_a_large_file_streams_by(tmp_path):
    path = tmp_path / "large.parquet"
    rows = 400_000
    with pq.ParquetWriter(path, pa.schema([(f"x{i}", pa.float64()) for i in range(5)])) as writer:
        for part in range(6):
            values = np.random.default_rng(part).normal(size=rows)
            writer.write_table(pa.table({f"x{i}": values + i for i in range(5)}))
    code = """
        import resource, sys
        import pyarrow.parquet, pyarrow.compute, pandas
        from mlops_jupyter.profiles import arrow_values, parquet_files
        from mlops_jupyter.profiles.profiling import profile_table
        scale = 1 if sys.platform == "darwin" else 1024
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
        before = peak()
        reference = profile_table(sys.argv[1])
        current = profile_table(sys.argv[1], reference)
        print(reference.rows, current.rows, peak() - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, check=True
    )
    reference, current, megabytes = done.stdout.split()
    assert int(reference) == int(current) == 6 * rows > profiling._SORTED
    assert float(megabytes) < 75  # the file holds 96
