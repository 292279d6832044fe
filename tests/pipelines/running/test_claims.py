"""One run of a pipeline at a time, whoever dies."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mlops_jupyter.errors import ConflictError, WorkspaceError
from mlops_jupyter.pipelines.running import claims
from mlops_jupyter.pipelines.running.claims import alone, claimed, taken_over, who_runs


def test_a_pipeline_is_claimed_once_and_free_again_after(project):
    with claimed(project.store, "delays"):
        assert who_runs(project.store, "delays").pid == os.getpid()
        with pytest.raises(ConflictError, match="delays is being run"), claimed(project.store, "delays"):
            pytest.fail("claimed twice")
        with claimed(project.store, "another"):
            pass
    assert who_runs(project.store, "delays") is None


def test_what_a_dead_process_claimed_is_free(project):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from mlops_jupyter.pipelines.running.claims import claim\n"
        "from mlops_jupyter.store.direct import Ledger\n"
        "from mlops_jupyter.store.workspace import Workspace\n"
        "claim(Ledger(Workspace(Path(sys.argv[1]))), 'delays'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(project.workspace.root)], check=True)
    assert who_runs(project.store, "delays") is None
    with claimed(project.store, "delays") as owner:
        assert owner.pid == os.getpid()


def test_a_runner_takes_over_what_its_caller_claimed_and_nothing_else(project):
    with claimed(project.store, "delays") as owner:
        with taken_over(project.store, "delays", owner):
            assert who_runs(project.store, "delays").token == owner.token
        stranger = replace(owner, token="another")
        with pytest.raises(ConflictError), taken_over(project.store, "delays", stranger):
            pytest.fail("taken from its owner")


def test_a_claim_that_could_not_be_given_up_locks_nobody_out_of_the_same_process(project, monkeypatch):
    def full(*_):
        raise WorkspaceError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(claims, "release", full)
        with claimed(project.store, "delays"):
            pass
    with claimed(project.store, "delays"):
        pass


def test_a_run_waits_for_the_last_process_of_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(claims, "LAST_SECONDS", 0.05)
    with alone(tmp_path), (tmp_path / claims.LOCK).open("ab") as other:
        assert not claims.locked(other.fileno())
        with alone(tmp_path):  # waited as long as it waits at most
            assert not claims.locked(other.fileno())
    with (tmp_path / claims.LOCK).open("ab") as other:
        assert claims.locked(other.fileno())
