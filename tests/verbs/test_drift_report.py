"""A drift report: the answer in words, a ranking that needs no kernel, figures, what the widget draws."""

from __future__ import annotations

import json
import re
import typing
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.errors import DataError, MlopsError, NotFoundError, UsageError
from mlops_jupyter.verbs import drift_payload
from mlops_jupyter.verbs.as_html import LIMIT

EXAMPLE = json.loads((Path(__file__).parents[1] / "notebook" / "drift_payload.json").read_text("utf-8"))
LATER = pd.Timestamp("2026-06-01", tz="UTC")


def frame(rows: int, seed: int, *, drifted: bool) -> pd.DataFrame:
    """A frame of every kind of column; two are as before when the others are not."""
    rng = np.random.default_rng(seed)
    by = float(drifted)
    days = rng.random(rows) * 90 + 60 * by
    return pd.DataFrame(
        {
            "distance": rng.lognormal(6.7 + 0.5 * by, 0.6, rows),
            "hour": np.clip(rng.normal(12 + 2.5 * by, 4, rows).round(), 0, 23),
            "carrier": rng.choice(["UA", "DL", "OO"], rows, p=[0.6 - 0.1 * by, 0.4, 0.1 * by]),
            "weekend": rng.random(rows) < 0.3,
            "scheduled": LATER + pd.to_timedelta(days, unit="D"),
            "pressure": rng.normal(1013, 8, rows),
            "visib": rng.normal(10, 1, rows) if not drifted else ["10 mi"] * rows,
        }
    )


@pytest.fixture
def wide(monkeypatch):
    """A terminal in which no line breaks."""
    monkeypatch.setenv("COLUMNS", "220")


@pytest.fixture(scope="module")
def before() -> pd.DataFrame:
    return frame(8_000, 1, drifted=False)


@pytest.fixture(scope="module")
def report(before):
    return mlops.drift(reference=before, current=frame(3_000, 2, drifted=True))


def keys_of(kind: type, values: dict, path: str) -> None:
    """Check that values have the keys of a typed dict, and those in them."""
    hints = typing.get_type_hints(kind)
    assert set(values) <= set(hints), path
    assert kind.__required_keys__ <= set(values), path
    for name, hint in hints.items():
        inner = next((each for each in _inside(hint) if typing.is_typeddict(each)), None)
        found = values.get(name)
        if inner and found is not None:
            many = found if isinstance(found, list) else found.values() if "dict[" in str(hint) else [found]
            for each in many:
                keys_of(inner, each, f"{path}.{name}")


def _inside(hint) -> list:
    return [hint, *(each for part in typing.get_args(hint) for each in _inside(part))]


def test_the_example_of_the_widget_and_a_real_payload_have_the_keys_of_the_contract(report):
    keys_of(drift_payload.Payload, EXAMPLE, "example")
    keys_of(drift_payload.Payload, report.payload(), "payload")


def test_a_payload_is_plain_json_that_any_reader_takes(report):
    text = json.dumps(report.payload(), allow_nan=False)
    assert json.loads(text)["columns"][0]["name"] == report.columns[0].name
    assert report.to_dict() == report.payload()


def test_columns_of_both_payloads_that_can_be_drawn_have_as_many_shares_as_cells(report):
    for column in (*EXAMPLE["columns"], *report.payload()["columns"]):
        drawn = column["histogram"]
        if drawn is None:
            assert column["verdict"] == "INVALID"
            continue
        cells = len(drawn["edges"]) - 1 if "edges" in drawn else len(drawn["labels"])
        assert len(drawn["reference"]) == len(drawn["current"]) == cells
        for side, shares in enumerate((drawn["reference"], drawn["current"])):
            beyond = drawn["lower"][side] + drawn["upper"][side]
            assert sum(shares) + beyond == pytest.approx(1, abs=0.01), column["name"]


def test_every_column_can_be_judged_by_every_measure(report):
    for column in report.payload()["columns"]:
        if column["verdict"] != "INVALID":
            assert set(column["effects"]) == set(report.payload()["measures"])
    carrier = next(c for c in report.payload()["columns"] if c["name"] == "carrier")
    assert carrier["effects"]["ks"]["measure"] == "tv"


def test_the_first_line_is_the_answer(report):
    assert report.headline == (
        "the current data drifted in 4 of 7 columns, most of all scheduled, distance and carrier; "
        "visib cannot be compared"
    )
    assert str(report).startswith(report.headline)
    assert not report.ok


def test_no_drift_is_said_in_words(before):
    same = mlops.drift(reference=before, current=before)
    assert same.ok
    assert same.headline == "the current data shows no drift in any of its 7 columns"


def test_too_few_rows_are_no_drift_and_not_ok(before, wide):
    few = mlops.drift(reference=before[["pressure"]], current=before[["pressure"]].head(5))
    assert not few.ok
    assert few["pressure"].verdict == "INCONCLUSIVE"
    assert few.headline == "too few rows to tell whether the current data drifted in 1 of 1 column: pressure"
    assert re.search(r"5 rows; a verdict takes [\d,]+", str(few))


def test_it_is_used_as_columns_and_as_a_frame(report):
    assert len(report) == 7
    assert report["distance"].words
    assert [column.name for column in report] == list(report.to_frame().index)
    row = report.to_frame().loc["distance"]
    assert row["low"] < row["value"] < row["high"]
    with pytest.raises(NotFoundError, match="did you mean distance"):
        _ = report["distanc"]


class Page(HTMLParser):
    """Counts what is open, and collects addresses and ids."""

    VOID = frozenset({"br", "img", "meta", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.addresses, self.tags, self.alt = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        found = dict(attributes)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        self.alt += [found["alt"]] if "alt" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_ranking_is_html_that_needs_no_kernel_and_no_network(report):
    html = report._repr_mimebundle_()["text/html"]
    page = Page(html)
    assert page.open == []
    assert "script" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert len(html.encode()) < LIMIT
    assert re.search(r"✗ </span>CRITICAL</td>", html), "a verdict is a word and a mark"
    assert 'aria-label="distance: current filled, the reference as a line"' in html
    assert page.alt == ["How scheduled, distance, carrier and hour changed since the reference"]


def test_many_columns_stay_a_page_and_what_is_as_before_is_folded():
    rng = np.random.default_rng(0)
    wide = {f"c{i}": rng.normal(0, 1, 2_000) for i in range(300)}
    later = {name: values + (name == "c7") for name, values in wide.items()}
    html = mlops.drift(reference=wide, current=later)._repr_mimebundle_()["text/html"]
    assert len(html.encode()) < LIMIT
    assert "<summary>299 columns are OK</summary>" in html


def test_names_and_values_are_escaped():
    evil = "<img src=x onerror=alert(1)>"
    report = mlops.drift(reference={evil: ["a", "b"] * 400}, current={evil: ["a", evil, "b", evil] * 200})
    html = report._repr_mimebundle_()["text/html"]
    assert "<img src=x" not in html
    assert Page(html).open == []


def test_text_is_for_shells(report):
    lines = str(report).splitlines()
    (row,) = [line for line in lines if line.startswith("distance")]
    assert re.search(r"✗ CRITICAL +\d\.\d{3}  [▁-█]{2,12} +moved up by", row)
    assert max(map(len, lines)) <= 160


def titles(figure) -> list[str]:
    return [axes.get_title("left") for axes in figure.axes]


def test_the_overview_shows_what_drifted_and_says_so(report):
    figure = report.figure()
    assert figure.get_suptitle() == "How scheduled, distance, carrier and hour changed since the reference"
    assert titles(figure) == ["scheduled", "distance", "carrier", "hour"]


def test_a_feature_is_drawn_with_both_distributions_and_its_quantiles(report):
    figure = report.figure("distance")
    assert figure.get_suptitle().startswith("distance: moved up by")
    assert [axes.get_title("left") for axes in figure.axes] == [
        "share of the values",
        "how far each quantile moved",
    ]
    levels = report.figure("carrier")
    assert [axes.get_title("left") for axes in levels.axes] == [
        "share of the levels",
        "change of each level, points",
    ]
    with pytest.raises(UsageError, match="did you mean distance"):
        report.figure("distanse")
    with pytest.raises(MlopsError, match="visib cannot be drawn: arrives as text"):
        report.figure("visib")


def test_each_measure_has_its_limits_and_one_limit_keeps_the_proportion(before):
    current = frame(3_000, 2, drifted=True)
    strict = mlops.drift(reference=before, current=current, measure="ks", limit="0.02,0.05")
    assert strict.payload()["limits"]["ks"] == [0.02, 0.05]
    loose = mlops.drift(reference=before, current=current, limit=50)
    assert loose.payload()["limits"]["psi"] == [25, 50]
    assert loose["distance"].verdict == "OK"
    assert "KS, WARNING over 0.02, CRITICAL over 0.05" in str(strict)


@pytest.mark.parametrize("limit", ["much", 0, -1, float("nan"), "0.3,0.2", "0.1,0.2,0.3"])
def test_a_limit_that_is_none_is_one_line(before, limit):
    with pytest.raises(UsageError, match=r"--limit cannot be '.*'; ") as told:
        mlops.drift(reference=before, current=before, limit=limit)
    assert "\n" not in str(told.value)


def test_an_unknown_measure_lists_all(before):
    with pytest.raises(
        UsageError, match=r"no measure named 'psy'; did you mean psi\?; known: cramers_v, js, ks"
    ):
        mlops.drift(reference=before, current=before, measure="psy")


def test_one_side_alone_is_no_comparison(before):
    with pytest.raises(UsageError, match="needs a deployment, or both --reference and --current"):
        mlops.drift(reference=before)


def test_what_only_traffic_has_is_not_asked_of_data(before):
    with pytest.raises(UsageError, match="--last says which captured requests to look at"):
        mlops.drift(reference=before, current=before, last="24h")


def test_a_file_that_is_no_parquet_is_one_line(before, tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_text("not at all")
    with pytest.raises(DataError) as told:
        mlops.drift(reference=path, current=before)
    assert "rows.parquet" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_text_that_is_no_file_says_what_can_be_given(before):
    with pytest.raises(UsageError, match="'nowhere' is no file and no stretch of captured requests"):
        mlops.drift(reference="nowhere", current=before)


def test_tables_without_a_common_column_are_named(before):
    with pytest.raises(
        DataError, match="no column in common: the reference has age, the current data distance"
    ):
        mlops.drift(reference={"age": [1.0, 2.0]}, current=before)


def test_files_are_called_by_their_names(before, tmp_path):
    before.to_parquet(tmp_path / "winter.parquet")
    frame(500, 3, drifted=True).to_parquet(tmp_path / "summer.parquet")
    found = mlops.drift(reference=tmp_path / "winter.parquet", current=str(tmp_path / "summer.parquet"))
    assert found.headline.startswith("summer.parquet drifted in")
    assert "winter.parquet, 8,000 rows" in str(found)


def test_a_column_that_is_gone_or_new_stays_in_the_report(before):
    found = mlops.drift(reference=before, current=before.rename(columns={"hour": "hours"}))
    assert found["hour"].verdict == found["hours"].verdict == "INVALID"
    assert "hour and hours" in found.headline
