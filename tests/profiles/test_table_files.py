"""Files and folders: what they are is told by what is in them, and what is wrong with them in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_jupyter.errors import DataError, NotFoundError
from mlops_jupyter.profiles.profiling import profile_table
from mlops_jupyter.profiles.tables import open_table

FRAME = pd.DataFrame({"x": np.arange(1000.0), "s": ["a", "b"] * 500})


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_what_its_bytes_say(tmp_path):
    FRAME.to_parquet(tmp_path / "really_parquet.csv")
    assert profile_table(tmp_path / "really_parquet.csv").columns["x"].maximum == 999.0


def test_a_path_may_be_text_and_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    FRAME.to_parquet(tmp_path / "home.parquet")
    assert open_table("~/home.parquet").rows == 1000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.parquet", "a,b\n1,2\n", r"text.parquet is no Parquet file: it begins with 'a,b\\n1,2\\n'"),
        ("empty.parquet", "", "empty.parquet is no Parquet file: it is empty"),
        ("short.parquet", "PAR1 and no more", "short.parquet cannot be read as Parquet: "),
        ("text.feather", "a,b\n", "text.feather is no Arrow file: it begins with"),
        ("old.feather", "FEA1", "old.feather is of the first Feather format; write it again"),
        ("short.arrow", "ARROW1\0\0 and no more", "short.arrow cannot be read as Arrow: "),
        ("page.html", "<html>", "page.html is no table I can read; known: .parquet"),
        ("empty.csv", "", "empty.csv is empty; give a file with a line of names"),
        ("ragged.csv", "a,b\n1,2\n1,2,3\n", "ragged.csv cannot be read as CSV: .*Expected 2 columns, got 3"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_one_line(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words) as error:
        profile_table(written(tmp_path / name, content))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_lists_the_nearest(tmp_path):
    FRAME.to_parquet(tmp_path / "train.parquet")
    with pytest.raises(NotFoundError, match=r"there is no file .*trian.parquet'; did you mean train.parquet"):
        open_table(tmp_path / "trian.parquet")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_told_by_its_name(tmp_path, kept):
    path = tmp_path / "cut.parquet"
    FRAME.to_parquet(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataError, match=r"cut.parquet cannot be read as Parquet: .*; write it again"):
        profile_table(path)


def test_a_file_that_is_damaged_inside_is_told_by_its_name(tmp_path):
    path = tmp_path / "damaged.parquet"
    pd.DataFrame({"x": np.random.default_rng(0).normal(size=5000)}).to_parquet(path)
    data = bytearray(path.read_bytes())
    data[4:3000] = b"\xff" * 2996
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged.parquet cannot be read as Parquet: "):
        profile_table(path)


def test_a_folder_without_parquet_files_says_so(tmp_path):
    written(tmp_path / "notes.txt", "nothing")
    with pytest.raises(DataError, match="holds no Parquet files; give a folder of"):
        open_table(tmp_path)


def test_a_damaged_file_in_a_folder_is_told_by_its_name(tmp_path):
    FRAME.to_parquet(tmp_path / "good.parquet")
    written(tmp_path / "bad.parquet", "no")
    with pytest.raises(DataError, match=r"bad.parquet cannot be read as Parquet"):
        open_table(tmp_path)


def test_files_of_a_folder_are_bound_by_the_names_of_columns(tmp_path):
    FRAME.to_parquet(tmp_path / "1.parquet")
    FRAME[["s", "x"]].assign(y=1).to_parquet(tmp_path / "2.parquet")
    written(tmp_path / "_SUCCESS", "")
    profile = profile_table(tmp_path)
    assert list(profile.columns) == ["x", "s", "y"]
    assert (profile.rows, profile.columns["x"].count) == (2000, 2000)
    assert (profile.columns["y"].count, profile.columns["y"].missing) == (1000, 1000)


def test_a_column_of_two_types_in_a_folder_is_told_and_the_others_are_read(tmp_path):
    FRAME.to_parquet(tmp_path / "1.parquet")
    FRAME.assign(x="one").to_parquet(tmp_path / "2.parquet")
    profile = profile_table(tmp_path)
    assert profile.columns["x"].why == "holds numbers and text"
    assert profile.columns["s"].levels == {"a": 1000, "b": 1000}


def test_whole_numbers_in_one_file_and_fractions_in_another_are_numbers(tmp_path):
    FRAME.astype({"x": "int32"}).to_parquet(tmp_path / "1.parquet")
    FRAME.to_parquet(tmp_path / "2.parquet")
    assert profile_table(tmp_path).columns["x"].count == 2000


def test_folders_named_by_a_value_are_a_column(tmp_path):
    for month in ("01", "02"):
        (tmp_path / f"month={month}").mkdir()
        FRAME.to_parquet(tmp_path / f"month={month}" / "part.parquet")
    profile = profile_table(tmp_path)
    assert profile.columns["month"].levels == {"01": 1000, "02": 1000}
    assert profile_table(tmp_path, filter=pc.field("month") == "02").rows == 1000


def test_nested_columns_of_a_file_are_told_and_the_others_are_read(tmp_path):
    FRAME.assign(n=[[1, 2]] * 1000).to_parquet(tmp_path / "nested.parquet")
    profile = profile_table(tmp_path / "nested.parquet")
    assert profile.columns["n"].why.startswith("holds lists")
    assert profile.columns["x"].count == 1000


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_columns_of_a_csv_are_parted_by_what_its_first_line_has_most_of(tmp_path, separator):
    FRAME.to_csv(tmp_path / "table.csv", sep=separator, index=False)
    assert list(profile_table(tmp_path / "table.csv").columns) == ["x", "s"]


@pytest.mark.parametrize(
    ("late", "kind"),
    [("1.5", "numeric"), ("abc", "categorical"), ("", "numeric"), ("99999999999999999999", "numeric")],
)
def test_a_value_far_down_that_is_of_another_type_widens_its_column_alone(tmp_path, late, kind, monkeypatch):
    monkeypatch.setattr("mlops_jupyter.profiles.csv_files._BLOCK", 4096)
    lines = ["a,b", *(f"{number % 7},{number}" for number in range(5000)), f"{late},5000"]
    profile = profile_table(written(tmp_path / "late.csv", "\n".join(lines) + "\n"))
    assert profile.columns["a"].kind == kind
    assert profile.columns["a"].rows == 5001
    assert (profile.columns["b"].kind, profile.columns["b"].maximum) == ("numeric", 5000.0)


def test_a_column_that_begins_empty_takes_the_type_of_what_comes(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops_jupyter.profiles.csv_files._BLOCK", 4096)
    lines = ["a,b", *(f",{number}" for number in range(5000)), "2.5,1"]
    column = profile_table(written(tmp_path / "late.csv", "\n".join(lines) + "\n")).columns["a"]
    assert (column.kind, column.missing, column.mean) == ("numeric", 5000, 2.5)


def test_times_in_a_csv_are_dates(tmp_path):
    path = written(tmp_path / "times.csv", "t,u\n2024-01-01 10:00:00,2024-01-01T10:00:00Z\n")
    columns = profile_table(path).columns
    assert columns["t"].kind == columns["u"].kind == "datetime"
    assert columns["t"].minimum == columns["u"].minimum


def test_two_columns_of_one_name_in_a_csv_are_told(tmp_path):
    columns = profile_table(written(tmp_path / "twice.csv", "a,a,b\n1,2,3\n")).columns
    assert columns["a"].why == "2 columns have this name, rename all but one"
    assert columns["b"].mean == 3.0


def test_an_arrow_file_that_still_grows_is_told_by_its_name(tmp_path):
    path = tmp_path / "growing.arrow"
    table = pa.table({"x": np.arange(10_000.0)})
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"growing.arrow cannot be read as Arrow: "):
        profile_table(path)
