"""Rows of both windows for the measures of all columns at once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_jupyter.monitoring.multivariate import drawn_rows
from mlops_jupyter.profiles.tables import open_table
from mlops_jupyter.stats.multivariate import two_sample_test


def test_times_take_no_part_as_they_alone_tell_any_two_windows_apart():
    rng = np.random.default_rng(0)
    sides = [
        pd.DataFrame(
            {"asked": pd.date_range(day, periods=200, freq="min", tz="UTC"), "x": rng.normal(size=200)}
        )
        for day in ("2026-01-01", "2026-02-01")
    ]
    before, now = (drawn_rows(open_table(side), 1000) for side in sides)
    result = two_sample_test(before, now)
    assert "holds times" in result.left_out["asked"]
    assert result.low < 0.5 < result.high


def test_rows_that_are_drawn_keep_their_order_and_belong_together():
    table = open_table({"x": np.arange(200_000.0), "y": -np.arange(200_000.0)})
    rows = drawn_rows(table, 500)
    assert len(rows["x"]) == 500
    assert (np.diff(rows["x"]) > 0).all()
    assert (rows["x"] == -rows["y"]).all()
