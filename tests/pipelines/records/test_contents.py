"""Digests of files: taken once, remembered, never mistaken."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import DataError
from mlops_jupyter.pipelines.records import contents as contents_module
from mlops_jupyter.pipelines.records.contents import contents, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.direct import Ledger


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files whose bytes are read."""
    read: list[str] = []
    taken = contents_module.digest_of_file

    def counted(path: Path) -> str:
        read.append(path.name)
        return taken(path)

    monkeypatch.setattr(contents_module, "digest_of_file", counted)
    return read


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is too young to be remembered."""
    monkeypatch.setattr(contents_module, "SETTLED_NS", -1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("data/b.csv", "data/a.csv", "data/deep/c.csv", "data/deep/.hidden.csv", "data/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def tree(ledger: Ledger, folder: Path, *names: str) -> dict[str, str]:
    with contents(ledger) as known:
        return known.tree(folder, names)


def test_a_file_that_was_not_touched_is_not_read_again(
    ledger: Ledger, data: Path, readings: list[str], settled: None
):
    first = tree(ledger, data, "data/a.csv")
    assert tree(ledger, data, "data/a.csv") == first == {"data/a.csv": sha("data/a.csv")}
    assert readings == ["a.csv"]


def test_a_file_that_was_touched_is_read_again(
    ledger: Ledger, data: Path, readings: list[str], settled: None
):
    tree(ledger, data, "data/a.csv")
    os.utime(data / "data/a.csv", ns=(1, 1))
    tree(ledger, data, "data/a.csv")
    assert readings == ["a.csv", "a.csv"]


def test_a_file_whose_time_was_set_back_is_read_again(ledger: Ledger, data: Path, settled: None):
    file = data / "data/a.csv"
    os.utime(file, ns=(1, 1))
    tree(ledger, data, "data/a.csv")
    file.write_text("DATA/A.CSV")
    os.utime(file, ns=(1, 1))
    assert tree(ledger, data, "data/a.csv") == {"data/a.csv": sha("DATA/A.CSV")}


def test_a_file_that_was_replaced_by_one_as_old_is_read_again(ledger: Ledger, data: Path, settled: None):
    file, other = data / "data/a.csv", data / "other"
    other.write_text("DATA/A.CSV")
    for path in (file, other):
        os.utime(path, ns=(1, 1))
    tree(ledger, data, "data/a.csv")
    other.replace(file)
    assert tree(ledger, data, "data/a.csv") == {"data/a.csv": sha("DATA/A.CSV")}


def test_a_file_that_is_just_written_is_not_remembered(ledger: Ledger, data: Path, readings: list[str]):
    os.utime(data / "data/a.csv", ns=(2**62, 2**62))
    for _ in range(2):
        tree(ledger, data, "data/a.csv")
    assert readings == ["a.csv", "a.csv"]


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    ledger: Ledger, data: Path, monkeypatch: pytest.MonkeyPatch, settled: None
):
    def taken(path: Path) -> str:
        path.write_text("longer than before")
        return "half of it"

    monkeypatch.setattr(contents_module, "digest_of_file", taken)
    tree(ledger, data, "data/a.csv")
    monkeypatch.undo()
    assert tree(ledger, data, "data/a.csv") == {"data/a.csv": sha("longer than before")}


def test_a_folder_is_all_that_is_in_it(ledger: Ledger, data: Path):
    (data / "data/.ipynb_checkpoints").mkdir()
    (data / "data/.ipynb_checkpoints/a.csv").touch()
    assert list(tree(ledger, data, "data")) == [
        *("data/a.csv", "data/b.csv", "data/deep/.hidden.csv", "data/deep/c.csv", "data/x.txt")
    ]


def test_a_glob_finds_what_a_shell_finds(ledger: Ledger, data: Path):
    assert list(tree(ledger, data, "data/*.csv")) == ["data/a.csv", "data/b.csv"]
    assert list(tree(ledger, data, "data/**/*.csv")) == ["data/a.csv", "data/b.csv", "data/deep/c.csv"]
    assert tree(ledger, data, "data/*.parquet") == {}


def test_a_file_whose_name_looks_like_a_glob_is_that_file(ledger: Ledger, data: Path):
    (data / "model[3].pkl").write_text("3")
    assert tree(ledger, data, "model[3].pkl") == {"model[3].pkl": sha("3")}


def test_what_is_not_there_has_an_empty_digest(ledger: Ledger, data: Path):
    assert tree(ledger, data, "absent.csv", "data/a.csv/below") == {"absent.csv": "", "data/a.csv/below": ""}


def test_links_are_followed_and_not_in_circles(ledger: Ledger, data: Path):
    (data / "link").symlink_to(data / "data" / "deep")
    (data / "data" / "deep" / "up").symlink_to(data / "data")
    assert "link/c.csv" in tree(ledger, data, "link")
    assert len(tree(ledger, data, "data")) == 5


def test_what_is_no_regular_file_is_not_waited_for(ledger: Ledger, data: Path):
    os.mkfifo(data / "pipe")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(os.path.relpath(data / "socket"))
        assert tree(ledger, data, "pipe", "socket") == {"pipe": "", "socket": ""}


def test_a_file_that_cannot_be_read_is_told_in_one_line(
    ledger: Ledger, data: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    # root, as whom a container runs tests, may read every file
    monkeypatch.setattr(contents_module, "digest_of_file", refused)
    with pytest.raises(DataError, match=r"a\.csv cannot be read: Permission denied"):
        tree(ledger, data, "data/a.csv")


def test_very_many_files_have_one_digest(ledger: Ledger, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contents_module, "LISTED", 3)
    before = tree(ledger, data, "data", "data/*.csv")
    assert list(before) == ["data", "data/a.csv", "data/b.csv"]
    (data / "data/x.txt").write_text("other")
    after = tree(ledger, data, "data", "data/*.csv")
    assert [name for name in before if before[name] != after[name]] == ["data"]


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=4))
def test_the_order_of_names_does_not_change_a_digest(value: dict[str, object]):
    assert digest_of(value) == digest_of(dict(reversed(value.items())))
