from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from mlops_jupyter.errors import ConflictError
from mlops_jupyter.store.locks import hold, lock_rows

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store

HOLD = """
import sys
import time
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.locks import hold
from mlops_jupyter.store.workspace import Workspace
from pathlib import Path
with hold(open_store(Workspace(Path(sys.argv[1]))), "deploy churn"):
    print("held", flush=True)
    sys.stdin.read()
"""


def put(store: Store, **facts: object) -> None:
    """Write a lock as somebody else would have."""
    row = {"name": "x", "token": "t", "pid": os.getpid(), "create_time": 0.0, "host": socket.gethostname()}
    with store.begin() as connection:
        connection.execute(lock_rows.insert().values(row | {"since": "2020-01-01T00:00:00+00:00"} | facts))


@pytest.fixture
def other(store: Store):
    """Another process that holds a lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_free_again_after_the_block(store: Store):
    with hold(store, "x"):
        pass
    with hold(store, "x") as owner:
        assert owner.pid == os.getpid()


def test_a_lock_is_free_again_after_an_error(store: Store):
    with pytest.raises(RuntimeError), hold(store, "x"):
        raise RuntimeError
    with hold(store, "x") as owner:
        assert owner.host == socket.gethostname()


def test_a_conflict_names_the_owner_and_a_dead_owner_is_replaced(store: Store, other: subprocess.Popen[str]):
    named = f"deploy churn: process {other.pid} on {socket.gethostname()} since 20"
    with pytest.raises(ConflictError, match=named), hold(store, "deploy churn"):
        pytest.fail("two owners")
    other.kill()
    # until its parent waits for it, a dead process is still listed
    while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    with hold(store, "deploy churn") as owner:
        assert owner.pid == os.getpid()


def test_waiting_gets_the_lock_when_it_is_let_go(store: Store, other: subprocess.Popen[str]):
    other.stdin.close()
    with hold(store, "deploy churn", wait=10) as owner:
        assert owner.pid == os.getpid()


def test_names_do_not_disturb_each_other(store: Store):
    with hold(store, "x"), hold(store, "y") as owner:
        assert owner.pid == os.getpid()


def test_a_reused_process_number_is_not_the_owner(store: Store):
    put(store, create_time=1.0)
    with hold(store, "x") as owner:
        assert owner.create_time != 1.0


def test_an_owner_on_another_host_is_believed_for_an_hour(store: Store):
    put(store, host="elsewhere", since="2999-01-01T00:00:00+00:00")
    with pytest.raises(ConflictError, match="on elsewhere since 2999"), hold(store, "x"):
        pytest.fail("two owners")
    put(store, name="y", host="elsewhere")
    with hold(store, "y") as owner:
        assert owner.host == socket.gethostname()
