"""Requests: what a real deployment was asked, and what became of it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.capture.newest import captured_span
from mlops_jupyter.errors import DataError, NotFoundError, UsageError
from mlops_jupyter.verbs import table

ROWS, REFUSED = 40, 3


@dataclass(frozen=True)
class Asked:
    """A deployment that answered forty rows, refused three, and answered five of the past."""

    name: str
    answers: list[bool]


@pytest.fixture(scope="module")
def endpoint(workshop, shared_name) -> Asked:
    past = workshop.frame.head(5).assign(when=pd.Timestamp("2013-07-04T12:00Z"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_HOME", str(workshop.home))
        mlops.deploy("late", version="1.0.0", as_=shared_name)
        answers = mlops.predict(shared_name, workshop.frame.head(ROWS))["prediction"]
        for _ in range(REFUSED):
            with contextlib.suppress(DataError):
                mlops.predict(shared_name, workshop.frame.head(1).assign(distance="far"))
        mlops.predict(shared_name, past, at="when")
    return Asked(shared_name, list(answers))


@pytest.fixture
def asked(endpoint, home, wait) -> str:
    """Its name, when all is captured."""
    folder = home.home / "deployments" / endpoint.name
    wait(lambda: (span := captured_span(folder)) and span.rows == ROWS + REFUSED + 5)
    return endpoint.name


def test_answers_and_refusals_are_rows_of_a_frame(asked, home, endpoint):
    found = mlops.requests(asked, last="1h")
    frame = found.to_frame()
    assert found.frame is frame
    assert len(found) == found.rows == ROWS + REFUSED
    assert found.statuses == {200: ROWS, 422: REFUSED}
    assert found.failed == REFUSED
    answered, refused = frame[frame.status == 200], frame[frame.status == 422]
    assert list(answered.distance) == list(home.frame.distance.head(ROWS))
    assert list(answered.prediction) == endpoint.answers
    assert refused.error.str.contains("distance: expected a number, got 'far'").all()
    assert refused.distance.isna().all()
    assert str(frame.time.dtype) == "datetime64[us, UTC]"
    assert (datetime.now(UTC) - frame.time < timedelta(hours=1)).all()
    assert list(found["variant"].unique()) == ["stable"]
    assert frame["score.true"].dropna().between(0, 1).all()


def test_it_says_in_words_how_many_there_are_and_which_failed(asked):
    text = str(mlops.requests(asked, last="1h"))
    assert f"{ROWS + REFUSED} rows of {asked}, " in text
    assert f"{REFUSED} of them refused or failed" in text
    assert "✗ 422" in text
    assert "number, got 'far'" in text
    html = mlops.requests(asked, last="1h")._repr_mimebundle_()["text/html"]
    assert "last 10 of" in html


def test_a_condition_takes_some_of_them(asked):
    assert mlops.requests(asked, last="1h", where="status >= 400").statuses == {422: REFUSED}
    frame = mlops.requests(asked, where="distance between 1000 and 2000 and not prediction").to_frame()
    assert frame.distance.between(1000, 2000).all()
    assert not frame.prediction.any()
    assert len(frame)


def test_the_newest_are_given_and_all_are_counted(asked):
    found = mlops.requests(asked, last="1h", limit=5)
    assert (len(found), found.rows) == (5, ROWS + REFUSED)
    assert (found.frame.status == 422).sum() == REFUSED
    assert "the newest 5 of 43 rows: --limit gives more" in str(found)


def test_a_window_of_the_past_has_what_was_replayed(asked):
    found = mlops.requests(asked, since="2013-07-04T00:00Z", until="2013-07-05T00:00Z")
    assert set(found.frame.time) == {pd.Timestamp("2013-07-04T12:00Z")}
    assert found.rows == 5


def test_a_window_with_nothing_says_how_much_there_is_and_when(asked):
    found = mlops.requests(asked, since="2014-01-01", until="2014-02-01")
    assert len(found) == 0
    assert "distance" in found.frame.columns
    text = " ".join(str(found).split())
    assert f"no requests of {asked}" in text
    assert f"{ROWS + REFUSED + 5} rows are captured, from 2013-07-04" in text


def test_it_is_ready_for_json(asked):
    found = json.loads(json.dumps(mlops.requests(asked, where="status == 422").to_dict()))
    assert (found["rows"], found["statuses"]) == (REFUSED, {"422": REFUSED})
    assert [request["distance"] for request in found["requests"]] == [None] * REFUSED


def test_variants_and_versions_are_told_apart(asked, home):
    assert mlops.requests(asked, variant="stable", version="1.0.0").rows == ROWS + REFUSED
    assert mlops.requests(asked, variant="candidate").rows == 0
    mlops.deploy("late", version="1.0.1", as_=asked)
    with pytest.raises(
        DataError, match=r"no requests to .* 1.0.1 are captured; known: 1.0.0|did you mean 1.0.0"
    ):
        mlops.requests(asked, version="1.0.1")


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"where": "status=400"}, UsageError, "--where cannot be 'status=400': at column 7"),
        (
            {"where": "statu >= 400"},
            UsageError,
            "at column 1, there is no column 'statu'; did you mean status",
        ),
        ({"where": ""}, UsageError, "--where is empty"),
        ({"last": "soon"}, UsageError, "--last cannot be 'soon'"),
        ({"since": "2014-01-02", "until": "2014-01-01"}, UsageError, "--since must be before --until"),
        ({"variant": "canary"}, UsageError, "there is no variant 'canary'"),
        ({"version": "9.9.9"}, DataError, r"no requests to .* 9.9.9 are captured"),
        ({"limit": 0}, UsageError, "--limit cannot be 0; 1 to 10,000,000"),
    ],
)
def test_what_cannot_be_looked_for_is_said_in_one_line(asked, given, error, told):
    with pytest.raises(error, match=told) as raised:
        mlops.requests(asked, **given)
    assert "\n" not in str(raised.value)


def test_a_deployment_that_is_unknown_is_named(home, asked):
    with pytest.raises(NotFoundError, match=f"no deployment named .*did you mean {asked}"):
        mlops.requests(f"{asked}x")


def test_where_nobody_asked_it_says_how_to_send_some(home, name):
    mlops.deploy("late", version="1.0.0", as_=name)
    with pytest.raises(
        DataError, match=f"no requests to {name} are captured yet; mlops predict {name} DATA sends"
    ):
        mlops.requests(name)


def test_where_nothing_is_captured_it_says_so(home, name):
    mlops.deploy("late", version="1.0.0", as_=name, capture=False)
    mlops.predict(name, home.frame.head(2))
    with pytest.raises(DataError, match=f"{name} captures no requests: it was deployed with --no-capture"):
        mlops.requests(name)


def test_every_option_has_its_word():
    words = {parameter.word for parameter in table.command("requests").parameters}
    assert words == {"deployment", "last", "since", "until", "where", "variant", "version", "limit"}
