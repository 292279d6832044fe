from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.definition.templates import dated, filled, named

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MOMENT = datetime(2026, 3, 31, 6, 0, tzinfo=UTC)
VALUES = st.integers() | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@patient
@given(st.text())
def test_text_without_an_at_is_left_alone(text):
    assert filled(text.replace("@", ""), {}, MOMENT) == text.replace("@", "")


@patient
@given(st.text())
def test_any_text_can_be_escaped(text):
    assert filled(text.replace("@", "@@"), {}, MOMENT) == text


@patient
@given(VALUES)
def test_a_parameter_alone_keeps_its_type(value):
    made = filled({"x": ["@param(v)"]}, {"v": value}, MOMENT)["x"][0]
    assert made == value
    assert type(made) is type(value)


@patient
@given(st.text("ab@{}()%", max_size=20))
def test_braces_are_never_filled(text):
    try:
        made = filled(text, {"a": 1}, MOMENT)
    except UsageError:
        return
    assert str(made).count("{") == text.count("{")


@patient
@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(-500, 500))
def test_days_are_counted_by_the_calendar(day, amount):
    moment = datetime(day.year, day.month, day.day, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert dated(f"%Y-%m-%d, {amount} days", moment) == (day + timedelta(days=amount)).isoformat()


@patient
@given(st.integers(-400, 400))
def test_months_never_leave_the_month(amount):
    index = MOMENT.year * 12 + MOMENT.month - 1 + amount
    assert dated(f"%Y-%m, {amount} months", MOMENT) == f"{index // 12}-{index % 12 + 1:02}"


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("@date()", "2026-03-31"),
        ("@date(%d, -1 month)", "28"),
        ("@date(%d, -1 month, +1 day)", "01"),
        ("@date(%d, %m)", "31, 03"),
        ("@date(%d, %m, -1 day)", "30, 03"),
        ("@date(-1 day)", "2026-03-30"),
        ("m@param(a).csv", "m1.csv"),
        ("@param(flag)-x", "true-x"),
        ("@@param(a)", "@param(a)"),
        ("@@@param(a)", "@1"),
        ("me@here.org", "me@here.org"),
        ("@param( a )", 1),
    ],
)
def test_templates_are_filled(written, made):
    assert filled(written, {"a": 1, "flag": True}, MOMENT) == made


def test_an_hour_is_an_hour_on_the_day_that_daylight_saving_begins():
    before = datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert dated("%H:%M, +1 hour", before) == "03:30"
    assert dated("%d %H:%M, +1 day", before) == "30 01:30"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("@param(mnth)", "@param(mnth) names no parameter; did you mean month?"),
        ("@parma(month)", "'@parma(' is no template; write @param(name)"),
        ("x-@param(month", "'@param(month' is never closed"),
        ("@date(%Q)", "'%Q' is no part of a date"),
        ("@date(yesterday)", "has neither a form nor an offset"),
        ("@date(%Y, -9999 years)", "out of the calendar"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(written, said):
    with pytest.raises(UsageError) as caught:
        filled(written, {"month": 1}, MOMENT)
    assert said in str(caught.value)


def test_the_parameters_that_templates_name_are_known():
    assert named({"a": ["@param(x)", "@date()"], "b": "@@param(y)-@param(z)"}) == {"x", "z"}
