"""With no kernel and no front end the table and the figure are there, and no widget is."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
import pytest

from mlops_jupyter.notebook.displays import behind_widget

FRAMES = """
%load_ext mlops_jupyter
import numpy as np, pandas as pd
rng = np.random.default_rng(7)
was = pd.DataFrame({"still": rng.normal(size=4000), "moved": rng.normal(size=4000)})
now = pd.DataFrame({"still": rng.normal(size=4000), "moved": rng.normal(1.5, size=4000)})
"""
VIEW = "application/vnd.jupyter.widget-view+json"


def notebook_of(*cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def convert(path, *options):
    command = [sys.executable, "-m", "nbconvert", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def executed(tmp_path_factory, quiet_jupyter):
    """A notebook of one comparison, as nbconvert executed it."""
    path = tmp_path_factory.mktemp("static") / "drift.ipynb"
    nbformat.write(notebook_of(FRAMES, "%mlops drift --reference was --current now"), path)
    convert(path, "--to", "notebook", "--execute", "--inplace")
    return path


def test_an_executed_notebook_holds_table_and_figure_and_no_state_of_widgets(executed):
    notebook = json.loads(executed.read_text())
    (output,) = [each for each in notebook["cells"][1]["outputs"] if each["output_type"] == "execute_result"]
    html = "".join(output["data"]["text/html"])
    assert "<table" in html
    assert "moved" in html
    assert "<svg" in html or "data:image/png" in html
    assert "moved" in "".join(output["data"]["text/plain"])
    assert VIEW not in json.dumps(notebook)
    assert "widgets" not in notebook["metadata"]


def test_its_page_reads_the_same_and_fetches_nothing_for_it(executed):
    convert(executed, "--to", "html")
    page = executed.with_suffix(".html").read_text()
    shown = page[page.index("<body") :]
    assert "moved" in shown
    assert "data-mlops-static" not in shown
    assert "jupyter-widgets" not in shown


def test_a_notebook_saved_in_lab_is_converted_with_its_static_output(tmp_path, quiet_jupyter):
    cell = nbformat.v4.new_code_cell("%mlops drift delay")
    view = {VIEW: {"model_id": "0" * 32, "version_major": 2, "version_minor": 1}}
    html = behind_widget("<table><tr><td>distance moved</td></tr></table>", "twin")
    cell.outputs = [
        nbformat.v4.new_output("display_data", data=view),
        nbformat.v4.new_output("execute_result", data={"text/html": html, "text/plain": "distance moved"}),
    ]
    notebook = notebook_of()
    notebook.cells = [cell]
    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook, path)
    convert(path, "--to", "html")
    page = path.with_suffix(".html").read_text()
    assert "<td>distance moved</td>" in page
    assert "0" * 32 not in page
