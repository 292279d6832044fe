"""A disk that is full or read-only is one clear line, and nothing is left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.packaging import folders

NOTEBOOK = """
import resource, signal, sys
import numpy as np
from sklearn.linear_model import LinearRegression
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import PackageRequest
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace

rows = np.arange(40.0).reshape(20, 2)
model = LinearRegression().fit(rows, rows.sum(axis=1))
workspace = open_workspace()
store = open_store(workspace)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if sys.argv[1] == "small files":
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    build(workspace, store, PackageRequest(model, "sums", rows), lambda _: None)
except (MlopsError, OSError) as error:
    print(f"{type(error).__name__}: {error}")
print(sorted(path.name for path in workspace.packages.iterdir()))
"""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_nothing_is_left(tmp_path, number):
    def fill():
        with folders.building(tmp_path) as folder:
            folders.write(folder / "model/half.bin", b"half", "package.test")
            raise OSError(number, os.strerror(number))

    with pytest.raises(WorkspaceError, match=r"^the disk of \S+ is full; free some space: %mlops clean$"):
        fill()
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_in_the_middle_of_a_build_leaves_nothing(run_python, tmp_path):
    done = run_python(NOTEBOOK, "small files", MLOPS_HOME=str(tmp_path / "home"))
    said = done.stdout.splitlines()
    assert said[-1] == "[]", done.stderr
    assert said[0].startswith("WorkspaceError: the disk of ")


@pytest.fixture
def without_rights():
    """Be nobody for a while, for root may write everywhere."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    yield
    os.seteuid(was)


def test_a_folder_that_may_not_be_written_is_one_line(without_rights):
    said = r"cannot be written; set MLOPS_HOME to a folder that can$"
    with pytest.raises(WorkspaceError, match=said), folders.building(Path("/etc/packages")):
        pass
    assert not Path("/etc/packages").exists()


def test_what_a_dead_builder_left_is_swept_and_a_living_one_s_is_not(tmp_path):
    (tmp_path / ".building-p999999999-1-dead").mkdir()
    (tmp_path / ".building-0123456789abcdef").mkdir()  # the registry's, which sweeps its own
    with folders.building(tmp_path) as mine:
        (mine / "file").write_text("1")
        with folders.building(tmp_path) as other:
            assert mine.is_dir()
            assert other.is_dir()
        assert {path.name for path in tmp_path.iterdir()} == {mine.name, ".building-0123456789abcdef"}
