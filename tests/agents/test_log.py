from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops_jupyter.agents import log
from mlops_jupyter.agents.log import make_room

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_log_that_is_large_is_put_aside_and_what_follows_goes_to_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log, "LOG_BYTES", 5)
    file = tmp_path / "agent.log"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for line in (b"a\n", b"bcde\n", b"f\n"):
        os.write(descriptor, line)
        make_room(file, (descriptor,))
    os.close(descriptor)
    assert (tmp_path / "agent.log.1").read_bytes() == b"a\nbcde\n"
    assert file.read_bytes() == b"f\n"


def test_a_log_that_is_not_there_is_no_trouble(tmp_path: Path):
    make_room(tmp_path / "agent.log")
    assert list(tmp_path.iterdir()) == []
