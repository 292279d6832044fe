from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_jupyter.agents.hooks import call_hook
from mlops_jupyter.store.firings import Firing

from .conftest import NOON

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.direct import Ledger

    from .conftest import Make

TELL = "import json, os, sys; json.dump([sys.argv[1:], os.getcwd(), dict(os.environ)], open('told', 'w'))"
EVIL = "$(touch owned) `touch owned`; touch owned & | > owned"
FAILED = Firing(7, "nightly", NOON, "FAILED", EVIL, result="20260601T120000Z-3f2a")


def test_the_hook_is_told_what_happened_by_variables_and_no_shell_reads_them(
    store: Ledger, make: Make, tmp_path: Path
):
    made = make(hook=f'"{sys.executable}" -c "{TELL}" "{EVIL}" $HOME')
    made = replace(made, subject={**made.subject, "pipeline": EVIL})
    assert call_hook(store, made, FAILED) == "the hook was called"
    words, folder, told = json.loads((tmp_path / "told").read_text())
    assert words == [EVIL, "$HOME"]
    assert folder == str(tmp_path)
    assert not (tmp_path / "owned").exists()
    new = {name for name in told if name.startswith("MLOPS_")} - (os.environ.keys() - {"MLOPS_HOME"})
    assert {name: told[name] for name in new} == {
        "MLOPS_HOME": str(store.workspace.root),
        "MLOPS_SCHEDULE": "nightly",
        "MLOPS_PIPELINE": EVIL,
        "MLOPS_FILE": str(tmp_path / "pipeline.yaml"),
        "MLOPS_STATE": "FAILED",
        "MLOPS_REASON": EVIL,
        "MLOPS_RUN": "20260601T120000Z-3f2a",
        "MLOPS_DUE": "2026-06-01T12:00:00.000000+00:00",
        "MLOPS_FIRING": "7",
    }


def test_a_hook_beside_the_pipeline_is_found(store: Ledger, make: Make, tmp_path: Path):
    script = tmp_path / "notify.sh"
    script.write_text("#!/bin/sh\necho $MLOPS_STATE > said\n")
    script.chmod(0o755)
    assert call_hook(store, make(hook="./notify.sh"), FAILED) == "the hook was called"
    assert (tmp_path / "said").read_text() == "FAILED\n"


def test_a_hook_that_fails_is_told_with_its_last_words_and_no_secret(store: Ledger, make: Make):
    hook = """sh -c 'echo first; echo "refused: token=hunter2" >&2; exit 3'"""
    assert call_hook(store, make(hook=hook), FAILED) == "the hook ended with code 3: refused: token=***"


def test_a_hook_that_is_not_there_is_told(store: Ledger, make: Make):
    said = call_hook(store, make(hook="/no/such/hook"), FAILED)
    assert said == "the hook could not be started: No such file or directory"


def test_a_hook_that_hangs_is_ended_with_all_that_it_started(store: Ledger, make: Make, tmp_path: Path):
    made = make(hook="sh -c 'sleep 600 & echo $! > child; wait'")
    assert call_hook(store, made, FAILED, within=1) == "the hook took longer than 1 s and was ended"
    import psutil

    child = int((tmp_path / "child").read_text())
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def test_where_the_pipelines_folder_is_gone_the_hook_works_in_the_workspace(store: Ledger, make: Make):
    made = make(hook="sh -c 'pwd > said'")
    made = replace(made, subject={"file": "/no/such/folder/pipeline.yaml"})
    assert call_hook(store, made, FAILED) == "the hook was called"
    assert (store.workspace.root / "said").read_text().strip() == str(store.workspace.root)
