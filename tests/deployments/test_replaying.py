"""Past traffic, replayed through a real deployment, lies in the past."""

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.errors import DataError
from mlops_jupyter.serving.access.keys import KEYS


@pytest.fixture(scope="module")
def endpoint(workshop, shared_name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(workshop.home))
        mlops.deploy("late", version="1.0.0", as_=shared_name)
    return shared_name


def captured(home, name, since) -> pd.DataFrame:
    """Return the rows that lie after a time."""
    files = captured_files(home.home / "deployments" / name)
    frames = [batch.to_pandas() for file in files for batch in read_batches(file.path)]
    frame = pd.concat(frames) if frames else pd.DataFrame({"time": pd.to_datetime([], utc=True)})
    return frame[(frame.time >= since) & (frame.time < since + timedelta(days=30))]


def past(home, start: str, rows: int = 50) -> pd.DataFrame:
    """Return rows of some hours of the past, in no order."""
    times = pd.date_range(start, periods=rows // 5, freq="h").repeat(5)
    return home.frame.head(rows).assign(when=np.random.default_rng(1).permutation(times))


def test_rows_are_captured_as_asked_when_they_were_and_answered_as_they_stand(endpoint, home, wait):
    rows = past(home, "2013-01-01T00:00Z")
    found = mlops.predict(endpoint, rows, at="when")
    pd.testing.assert_frame_equal(found.frame, mlops.predict(endpoint, home.frame.head(50)).frame)
    since = pd.Timestamp("2013-01-01", tz=UTC)
    [lying] = wait(lambda: [frame for frame in [captured(home, endpoint, since)] if len(frame) == 50])
    expected = rows.sort_values("when", kind="stable")
    assert list(lying.time) == list(expected.when)
    assert list(lying.distance) == list(expected.distance)
    assert lying.prediction_id.nunique() == 10


def test_all_rows_are_captured_when_it_is_done(endpoint, home):
    mlops.predict(endpoint, past(home, "2012-01-01T00:00Z"), at="when")
    assert len(captured(home, endpoint, pd.Timestamp("2012-01-01", tz=UTC))) == 50


def test_times_without_a_zone_are_local(endpoint, home, wait):
    rows = past(home, "2014-03-01").assign(when=lambda frame: frame.when.astype("datetime64[s]"))
    mlops.predict(endpoint, rows, at="when")
    since = pd.Timestamp("2014-03-01").to_pydatetime().astimezone(UTC)
    [lying] = wait(lambda: [frame for frame in [captured(home, endpoint, since)] if len(frame) == 50])
    assert lying.time.min() == since


def test_a_key_for_the_deployment_changes_nothing_for_its_own_workspace(endpoint, home, wait):
    mlops.key("create", endpoint)
    try:
        mlops.predict(endpoint, past(home, "2015-01-01T00:00Z"), at="when")
    finally:
        (home.home / "deployments" / endpoint / KEYS).unlink()
    wait(lambda: len(captured(home, endpoint, pd.Timestamp("2015-01-01", tz=UTC))) == 50)


def test_a_wrong_value_is_named_by_its_row_in_the_data(endpoint, home):
    rows = past(home, "2016-01-01T00:00Z").astype({"distance": object})
    rows.iloc[31, rows.columns.get_loc("distance")] = "far"
    with pytest.raises(DataError, match="row 31, distance"):
        mlops.predict(endpoint, rows, at="when")


WRONG = {
    "no column 'when' with the times; did you mean whenn": lambda rows: rows.rename(
        columns={"when": "whenn"}
    ),
    "no column 'when' with the times": lambda rows: rows.to_numpy(),
    "when holds no times, but str; pd.to_datetime": lambda rows: rows.assign(when=rows.when.astype(str)),
    "row 7 has no time in when": lambda rows: rows.assign(when=rows.when.where(rows.index != rows.index[7])),
    "there are no rows": lambda rows: rows.head(0),
    "more than a day ahead": lambda rows: rows.assign(when=rows.when + pd.Timedelta(days=36500)),
}


@pytest.mark.parametrize("told", WRONG)
def test_what_has_no_times_is_refused_in_one_line(endpoint, home, told):
    with pytest.raises(DataError, match=told):
        mlops.predict(endpoint, WRONG[told](past(home, "2017-01-01T00:00Z")), at="when")
