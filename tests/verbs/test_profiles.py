"""`profile` shows what any table holds, and writes the counts that drift is measured by."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mlops
from mlops_jupyter import cli
from mlops_jupyter.errors import DataError, NotFoundError, WorkspaceError
from mlops_jupyter.profiles.files import read_profile


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal in which no line breaks."""
    monkeypatch.setenv("COLUMNS", "220")


@pytest.fixture
def frame():
    rows = 1000
    return pd.DataFrame(
        {
            "distance": np.linspace(17.0, 4983.0, rows),
            "origin": np.resize(["JFK", "JFK", "LGA"], rows),
            "late": np.resize([True, False], rows),
            "at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "empty": np.nan,
            "route": [["JFK", "LAX"]] * rows,
        }
    )


def test_the_first_line_says_how_much_of_what(frame):
    assert mlops.profile(frame).headline == (
        "DataFrame: 1,000 rows, 6 columns (2 numeric, 1 categorical, 1 boolean, 1 dates, 1 unreadable)"
    )


def test_columns_are_shown_with_range_levels_and_what_is_missing(frame):
    text = str(mlops.profile(frame))
    assert re.search(r"distance \(numeric\) +0 % +17 to 4,980 +2,500 ", text)
    assert "JFK 66.7 %, LGA 33.3 %" in text
    assert "2024-01-01 00:00 to 2024-02-11 15:00" in text
    assert "! route holds lists" in text


def test_it_is_drawn_in_a_notebook_without_a_kernel(frame):
    html = mlops.profile(frame)._repr_mimebundle_()["text/html"]
    assert html.count("<svg") >= 4
    assert "distribution of distance" in html


def test_a_row_for_each_column_is_a_frame(frame):
    table = mlops.profile(frame).to_frame()
    assert table.loc["distance", ["minimum", "maximum"]].tolist() == [17.0, 4983.0]
    assert table.loc["empty", "missing"] == 1000
    assert table.loc["origin", "most_frequent"] == "JFK"
    assert table.loc["route", "kind"] == "unreadable"


def test_it_is_ready_for_json(frame):
    document = json.loads(json.dumps(mlops.profile(frame).to_dict(), allow_nan=False))
    assert document["columns"]["distance"]["mean"] == pytest.approx(2500)


def test_a_column_is_found_by_its_name_and_others_are_suggested(frame):
    report = mlops.profile(frame)
    assert report["origin"].levels == {"JFK": 667, "LGA": 333}
    with pytest.raises(NotFoundError, match="there is no column 'distanse'; did you mean distance"):
        report["distanse"]


def test_the_figure_has_a_panel_for_each_column_that_has_values(frame):
    report = mlops.profile(frame)
    assert [axes.get_title("left") for axes in report.figure().axes] == ["distance", "origin", "late", "at"]
    assert len(report.figure("origin").axes) == 1


def test_a_profile_is_written_where_it_is_wanted(frame, tmp_path):
    report = mlops.profile(frame, to=str(tmp_path / "deep" / "train.profile"))
    found = read_profile(tmp_path / "deep" / "train.profile")
    assert found.about == {"label": "DataFrame"}
    assert found.profile.columns["origin"].levels == {"JFK": 667, "LGA": 333}
    assert str(tmp_path / "deep" / "train.profile") in str(report)


def test_a_place_that_cannot_be_written_is_told_in_one_line(frame, tmp_path):
    (tmp_path / "folder.profile").mkdir()
    with pytest.raises(WorkspaceError, match=r"folder.profile cannot be written: "):
        mlops.profile(frame, to=str(tmp_path / "folder.profile"))


def test_a_file_is_streamed_and_not_read_whole(frame, tmp_path, monkeypatch):
    frame.drop(columns="route").to_parquet(tmp_path / "train.parquet")
    monkeypatch.setattr(pd, "read_parquet", None)
    assert mlops.profile(tmp_path / "train.parquet").headline.startswith("train.parquet: 1,000 rows")


def test_a_shell_profiles_a_file(frame, tmp_path, capsys):
    frame.drop(columns="route").to_csv(tmp_path / "train.csv", index=False)
    assert cli.main(["profile", str(tmp_path / "train.csv")]) == 0
    assert "train.csv: 1,000 rows, 5 columns" in capsys.readouterr().out


def test_what_is_no_table_is_told_in_one_line(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match=r"x.parquet is no Parquet file: it begins with 'no'"):
        mlops.profile(tmp_path / "x.parquet")


def test_a_table_of_no_rows_is_no_profile(frame, tmp_path):
    with pytest.raises(DataError, match="DataFrame has no rows; give data that has some"):
        mlops.profile(frame.iloc[:0], to=tmp_path / "none.profile")
    assert not (tmp_path / "none.profile").exists()
