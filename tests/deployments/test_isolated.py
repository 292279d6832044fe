"""Isolated: an environment of the package's own pins, made once, and kept to until said otherwise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter as mlops
from mlops_jupyter.deployments.environments import isolated_python
from mlops_jupyter.deployments.folder import read_serving, read_state
from mlops_jupyter.errors import UnavailableError
from mlops_jupyter.serving.processes import find_processes

ROOT = Path(mlops.__file__).parents[1]

needs_uv = pytest.mark.skipif(
    shutil.which("uv") is None and not Path(sys.executable).with_name("uv").exists(),
    reason="uv is not installed",
)


def _worker_command(home, name: str) -> list[str]:
    """The command of the process that serves, be the one before it still draining or not."""
    folder = home.home / "deployments" / name
    (worker,) = find_processes(read_state(folder, read_serving(folder).spec.generation)["processes"])
    return worker.cmdline()


def _python(home, name: str) -> str:
    return _worker_command(home, name)[0]


@needs_uv
def test_an_isolated_deployment_sees_only_its_pins_and_stays_isolated(home, name, workshop, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert mlops.deploy("late", version="1.0.0", as_=name, isolated=True).isolated
    (made,) = (home.home / "environments").glob("*/made")
    python = str(made.parent / "bin" / "python")
    command = _worker_command(home, name)
    assert command[:2] == [python, "-I"]
    tried = subprocess.run([*command[:2], "-c", "import mlops_jupyter"], stderr=subprocess.PIPE, check=False)
    assert b"No module named 'mlops_jupyter'" in tried.stderr
    assert mlops.predict(name, workshop.frame.head(3)).version == "1.0.0"

    as_of = made.stat().st_mtime_ns
    assert not mlops.deploy("late", version="1.0.0", as_=name).changed
    assert mlops.deploy("late", version="1.0.1", as_=name).isolated
    assert _python(home, name) == python
    assert made.stat().st_mtime_ns == as_of
    mlops.stop(name)
    mlops.start(name)
    assert _python(home, name) == python
    mlops.deploy("late", version="1.0.2", as_=name)
    back = mlops.rollback(name, to="1.0.0")
    assert (back.version, back.resident) == ("1.0.0", False)
    assert _python(home, name) == python

    ours = mlops.deploy("late", version="1.0.0", as_=name, isolated=False)
    assert ours.changed
    assert not ours.isolated
    assert _python(home, name) == sys.executable
    assert not mlops.deploy("late", version="1.0.0", as_=name).changed


@needs_uv
def test_pins_that_cannot_be_installed_are_one_line_and_leave_nothing_that_seems_made(tmp_path):
    (tmp_path / "requirements.txt").write_text("nothing-is-called-so==0.0.0 --no-index\n")
    with pytest.raises(UnavailableError, match="uv could not make the isolated environment") as raised:
        isolated_python(tmp_path / "environments", tmp_path, lambda stage: None)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "environments").glob("*/made")) == []
