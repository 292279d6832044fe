"""What counts as the same file, the same value, the same cell; and what in code may change it."""

from __future__ import annotations

import gzip
import json
import zipfile

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from skops.io import dump

from mlops_jupyter.pipelines.running.same_cells import first_other_cell
from mlops_jupyter.pipelines.running.same_files import difference, different_values
from mlops_jupyter.pipelines.running.suspects import suspects

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [0.1, 0.2, 0.3]})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (FRAME, ""),
        (FRAME.iloc[::-1], "the same rows in another order"),
        (FRAME.assign(a=[1, 2, 4]), "1 of 3 rows differ, in a"),
        (FRAME.assign(c=FRAME["c"] * (1 + 1e-15)), "3 of 3 rows differ, in c (by rounding alone)"),
        (FRAME.iloc[:2], "3 rows against 2"),
        (FRAME[["b", "a", "c"]], "its columns are in another order"),
        (FRAME.rename(columns={"a": "q"}), "columns differ: a, q"),
    ],
)
def test_tables_are_compared_by_their_rows(tmp_path, other, said):
    FRAME.to_parquet(tmp_path / "1.parquet")
    other.to_parquet(tmp_path / "2.parquet", compression="gzip")
    assert difference(tmp_path / "1.parquet", tmp_path / "2.parquet") == said


def test_text_tables_are_compared_as_they_are_written(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,01\n")
    (tmp_path / "2.csv").write_text("a,b\r\n1,01\r\n")
    (tmp_path / "3.csv").write_text("a,b\n1,1\n")
    assert difference(tmp_path / "1.csv", tmp_path / "2.csv") == ""
    assert difference(tmp_path / "1.csv", tmp_path / "3.csv") == "1 of 1 rows differ, in b"


def test_a_model_saved_twice_is_the_same_and_another_is_not(tmp_path):
    for at, rows in enumerate(([[1.0], [2.0]], [[1.0], [2.0]], [[1.0], [3.0]])):
        dump(LinearRegression().fit(rows, [1, 2]), tmp_path / f"{at}.skops")
    assert difference(tmp_path / "0.skops", tmp_path / "1.skops") == ""
    assert difference(tmp_path / "0.skops", tmp_path / "2.skops") == "the models differ"


def test_archives_are_compared_by_what_is_in_them(tmp_path):
    for at, (year, text) in enumerate([(2020, "x"), (2021, "x"), (2020, "y")]):
        with zipfile.ZipFile(tmp_path / f"{at}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("in.txt", (year, 1, 1, 0, 0, 0)), text)
        with gzip.GzipFile(tmp_path / f"{at}.gz", "w", mtime=year) as file:
            file.write(text.encode())
    assert difference(tmp_path / "0.zip", tmp_path / "1.zip") == ""
    assert difference(tmp_path / "0.zip", tmp_path / "2.zip") == "in.txt in it differs"
    assert difference(tmp_path / "0.gz", tmp_path / "1.gz") == ""
    assert difference(tmp_path / "0.gz", tmp_path / "2.gz") == "its bytes differ"


def test_folders_are_compared_file_by_file(tmp_path):
    for folder in ("1", "2"):
        (tmp_path / folder / "in").mkdir(parents=True)
        (tmp_path / folder / "in" / "a.bin").write_bytes(b"\x00")
    assert difference(tmp_path / "1", tmp_path / "2") == ""
    (tmp_path / "2" / "in" / "a.bin").write_bytes(b"\x00\x01")
    assert difference(tmp_path / "1", tmp_path / "2") == "in/a.bin: 1 bytes against 2"
    (tmp_path / "2" / "b.bin").touch()
    assert difference(tmp_path / "1", tmp_path / "2") == "b.bin is there in one run only"


def test_a_table_that_is_none_is_compared_by_its_bytes(tmp_path):
    (tmp_path / "1.parquet").write_bytes(b"no")
    (tmp_path / "2.parquet").write_bytes(b"on")
    assert difference(tmp_path / "1.parquet", tmp_path / "2.parquet") == "its bytes differ"


def test_values_are_the_same_when_they_read_the_same():
    one = {"a": 1, "b": [float("nan")], "c": 0.1, "d": "x", "e": 1}
    two = {"a": 1, "b": [float("nan")], "c": 0.1 + 1e-16, "d": "y", "f": 1}
    assert different_values(one, two) == {
        "c": "0.1 against 0.1000000000000001 (by rounding alone)",
        "d": "'x' against 'y'",
        "e": "it is given in one run only",
        "f": "it is given in one run only",
    }


def executed(path, *outputs):
    cells = [{"cell_type": "markdown", "source": "# T"}]
    cells += [
        {"cell_type": "code", "source": "x", "execution_count": 1, "outputs": list(each)} for each in outputs
    ]
    path.write_text(json.dumps({"cells": cells}))
    return path


def said(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_the_first_cell_that_shows_something_else_is_found(tmp_path):
    one = executed(tmp_path / "1.ipynb", [said("a")], [said("b")], [said("c")])
    two = executed(tmp_path / "2.ipynb", [said("a")], [said("B")], [said("C")])
    assert first_other_cell(one, two, (tmp_path, tmp_path)) == (3, "'b' against 'B'")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([said("in /p/one/x")], [said("in /p/two/x")]),
        ([said("<object at 0x7f00aa11>")], [said("<object at 0x7f00bb22>")]),
        (
            [said("CPU times: user 1 s\nWall time: 1 s\ndone")],
            [said("CPU times: user 2 s\nWall time: 3 s\ndone")],
        ),
        ([said("50%", "stderr")], [said("51%", "stderr")]),
        ([said("a"), said("b")], [said("ab")]),
        (
            [{"output_type": "display_data", "data": {"text/plain": "x", "text/html": "<p id=1>"}}],
            [{"output_type": "display_data", "data": {"text/plain": "x", "text/html": "<p id=2>"}}],
        ),
    ],
)
def test_what_says_nothing_of_the_result_is_no_difference(tmp_path, first, second):
    from pathlib import Path

    folders = (Path("/p/one"), Path("/p/two"))
    one, two = executed(tmp_path / "1.ipynb", first), executed(tmp_path / "2.ipynb", second)
    assert first_other_cell(one, two, folders) is None


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("np.random.rand(3)", ["random"]),
        ("np.random.seed(0)\nnp.random.rand(3)", []),
        ("rng = np.random.default_rng()", ["random"]),
        ("rng = np.random.default_rng(7)\nrng.random()", []),
        ("train_test_split(X, y)", ["random"]),
        ("train_test_split(X, y, random_state=0)", []),
        ("RandomForestClassifier(random_state=None)", ["random"]),
        ("frame.sample(3)", ["random"]),
        ("name = uuid.uuid4()", ["random"]),
        ("random.seed(1)\nname = uuid.uuid4()", ["random"]),
        ("pd.Timestamp.now()", ["clock"]),
        ("from time import time\ntime()", ["clock"]),
        ("for word in set(words):\n    print(word)", ["order of sets"]),
        ("for word in sorted(set(words)):\n    print(word)", []),
        ("words = {1, 2}\nlist(words)", ["order of sets"]),
        ("hash('a')", ["order of sets"]),
        ("for file in Path('.').glob('*'):\n    print(file)", ["order of files"]),
        ("files = sorted(os.listdir('.'))", []),
        ("os.getpid()", ["process"]),
        ("pd.read_csv('x').to_csv('y')", []),
    ],
)
def test_code_that_may_give_something_else_is_suspected(code, kinds):
    assert [found.kind for found in suspects([(1, code)])] == kinds
