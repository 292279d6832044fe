"""Durations as people write them."""

import pytest

from mlops_jupyter.durations import seconds_of
from mlops_jupyter.errors import UsageError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("2m", 120), ("1h30m", 5400), ("45", 45), ("0.5s", 0.5), (" 2 MIN ", 120)],
)
def test_it_is_read_as_it_is_written(written, seconds):
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", ["", "soon", "-3s", "3x", "s", "1e3"])
def test_what_is_no_duration_is_refused_with_an_example(written):
    with pytest.raises(UsageError, match="write 30s, 2m or 1h30m"):
        seconds_of(written, "duration")
