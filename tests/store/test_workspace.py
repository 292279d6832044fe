from __future__ import annotations

import os
import stat
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.errors import MlopsError, WorkspaceError
from mlops_jupyter.store import audit
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import find_workspace, open_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's home folder, and no MLOPS_HOME."""
    monkeypatch.delenv("MLOPS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of 600 kB."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a tiny file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("marker", [".git", "pyproject.toml", ".mlops"])
def test_the_workspace_is_at_the_root_of_the_project(home: Path, marker: str):
    project = home / "project"
    (project / "notebooks" / "deep").mkdir(parents=True)
    (project / marker).touch()
    assert find_workspace(project / "notebooks" / "deep") == project / ".mlops"


def test_without_a_project_it_is_in_the_working_folder(home: Path):
    (home / "scratch").mkdir()
    assert find_workspace(home / "scratch") == home / "scratch" / ".mlops"


def test_dotfiles_in_git_do_not_make_the_home_folder_a_project(home: Path):
    (home / ".git").mkdir()
    (home / "scratch").mkdir()
    assert find_workspace(home / "scratch") == home / "scratch" / ".mlops"


def test_the_home_folder_itself_is_refused_with_a_remedy(home: Path):
    with pytest.raises(WorkspaceError, match="cd to a project folder, or set MLOPS_HOME"):
        find_workspace(home)


def test_mlops_home_is_the_folder_itself(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLOPS_HOME", "~/state")
    assert find_workspace() == home / "state"


def test_it_is_made_once_private_ignored_by_git_and_announced(home: Path, capsys: pytest.CaptureFixture[str]):
    (home / "project").mkdir()
    made = open_workspace(home / "project")
    again = open_workspace(home / "project")
    assert (made.made, again.made) == (True, False)
    assert stat.S_IMODE(made.root.stat().st_mode) == 0o700
    assert (made.root / ".gitignore").read_text() == "*\n"
    assert capsys.readouterr().err == f"mlops: made the workspace {made.root}\n"


def test_looking_for_it_makes_nothing(home: Path):
    find_workspace(home / "project")
    assert list(home.iterdir()) == []


def test_a_file_in_its_place_is_told_in_one_line(home: Path):
    (home / ".mlops").touch()
    (home / "project").mkdir()
    (home / "project" / ".mlops").touch()
    with pytest.raises(WorkspaceError, match="cannot be used"):
        open_workspace(home / "project")


def test_a_read_only_folder_is_told_in_one_line(tiny_disk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLOPS_HOME", str(tiny_disk / "ws"))
    store = open_store(open_workspace())
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(WorkspaceError, match="is read-only; set MLOPS_HOME"):
        audit.begin(store, "deploy", {})
    monkeypatch.setenv("MLOPS_HOME", str(tiny_disk / "other"))
    with pytest.raises(WorkspaceError, match="is read-only; set MLOPS_HOME"):
        open_workspace()


def test_a_full_disk_is_told_in_one_line_and_loses_nothing(tiny_disk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLOPS_HOME", str(tiny_disk / "ws"))
    store = open_store(open_workspace())
    audit.begin(store, "deploy", {"model": "churn"})
    with suppress(OSError), (tiny_disk / "data").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass
    with pytest.raises(WorkspaceError, match=r"the disk of .* is full; free some space"):
        audit.begin(store, "deploy", {"model": "churn"})
    (tiny_disk / "data").unlink()
    assert audit.begin(store, "deploy", {"model": "churn"}).number == 2
    assert audit.verify_chain(store).whole


def test_a_working_folder_that_is_gone_is_told(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()
    with pytest.raises(WorkspaceError, match="the working folder is gone"):
        find_workspace()


def test_every_failure_of_the_disk_is_one_of_ours(home: Path):
    (home / "project").mkdir()
    (home / "project" / ".mlops").touch()
    with pytest.raises(MlopsError) as failure:
        open_workspace(home / "project")
    assert "\n" not in str(failure.value)
