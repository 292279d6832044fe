"""Predict: a frame in, a frame out, and who answered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import DataError, UnavailableError


@pytest.fixture(scope="module")
def endpoint(workshop, shared_name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(workshop.home))
        mlops.deploy("late", version="1.0.0", as_=shared_name)
    return shared_name


def test_it_behaves_like_the_frame_it_is(endpoint, home):
    rows = home.frame.sample(7, random_state=1)
    found = mlops.predict(endpoint, rows)
    assert len(found) == 7
    assert list(found.index) == list(rows.index)
    assert list(found.columns) == ["prediction", "probability_false", "probability_true", "confidence"]
    assert np.asarray(found[["confidence"]]).shape == (7, 1)
    assert found.to_frame() is found.frame
    assert found["probability_true"].between(0, 1).all()
    assert found.version == "1.0.0"
    assert f"7 predictions by {endpoint} 1.0.0 (stable)" in str(found)


def test_many_rows_are_sent_in_pieces_and_come_back_in_order(endpoint, home):
    rows = pd.concat([home.frame] * 40, ignore_index=True)
    found = mlops.predict(endpoint, rows)
    assert len(found) == len(rows) == 12000
    once = mlops.predict(endpoint, home.frame)
    assert found["probability_true"].to_numpy() == pytest.approx(
        np.tile(once["probability_true"].to_numpy(), 40), abs=1e-9
    )


def test_columns_the_model_does_not_know_are_not_sent(endpoint, home):
    more = home.frame.head(3).assign(late=True, other=object())
    assert list(mlops.predict(endpoint, more)["prediction"]) == list(
        mlops.predict(endpoint, home.frame.head(3))["prediction"]
    )


def test_a_wrong_value_is_named_by_row_and_field_of_the_data(endpoint, home):
    rows = pd.concat([home.frame] * 20, ignore_index=True).astype({"distance": object})
    rows.loc[5500, "distance"] = "far"
    with pytest.raises(DataError) as raised:
        mlops.predict(endpoint, rows)
    text = str(raised.value)
    assert "row 5500" in text
    assert "distance" in text
    assert "far" in text
    assert "\n" not in text


def test_a_column_that_is_missing_or_misspelt_is_named(endpoint, home):
    with pytest.raises(DataError, match=r"hour.*did you mean 'hours'"):
        mlops.predict(endpoint, home.frame.rename(columns={"hour": "hours"}).head(2))
    with pytest.raises(DataError, match="none of the model's columns"):
        mlops.predict(endpoint, pd.DataFrame({"x": [1]}))
    with pytest.raises(DataError, match="hour"):
        mlops.predict(endpoint, home.frame[["distance"]].head(2))
    with pytest.raises(DataError, match="no rows"):
        mlops.predict(endpoint, home.frame.head(0))
    with pytest.raises(DataError, match="takes a data frame"):
        mlops.predict(endpoint, np.zeros((2, 2)))


def test_a_value_unlike_the_training_data_is_a_warning(endpoint, home):
    found = mlops.predict(endpoint, home.frame.head(2).assign(distance=9e9))
    (warning,) = found.warnings
    assert warning.startswith("distance: 2 such as 9000000000, expected")
    assert "distance: 2 such as 9000000000" in str(found)


def test_nothing_answers_is_one_line(endpoint, home):
    mlops.stop(endpoint)
    with pytest.raises(UnavailableError, match="nothing answers at"):
        mlops.predict(endpoint, home.frame.head(1))
