"""A failure of a verb is one clean line to the reader and a real failure to every runner of notebooks."""

import subprocess
import sys
import warnings
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parent / "notebooks"
FAILURES = {
    "unknown_verb": "UsageError: there is no verb 'depoly'; did you mean deploy?",
    "unknown_model": "NotFoundError: ",
}


def run_with_nbclient(name, folder):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    try:
        nbclient.NotebookClient(
            notebook, timeout=120, resources={"metadata": {"path": str(folder)}}
        ).execute()
    except nbclient.exceptions.CellExecutionError as error:
        return notebook, error
    return notebook, None


def errors_in(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if output.output_type == "error"]


def test_nbclient_runs_a_notebook_of_verbs(workspace):
    notebook, error = run_with_nbclient("works", workspace)
    assert error is None
    shown = notebook.cells[2].outputs[0].data
    assert shown["text/plain"].startswith("nothing is packaged yet")
    assert "<style>" in shown["text/html"]


@pytest.mark.parametrize("name", FAILURES)
def test_nbclient_fails_with_one_clean_line(workspace, name):
    notebook, error = run_with_nbclient(name, workspace)
    assert error is not None
    (output,) = errors_in(notebook)
    assert len(output.traceback) == 1
    assert output.traceback[0].startswith(FAILURES[name])
    assert not (workspace / "after_the_failure").exists()


def test_papermill_fails_with_the_line_in_its_message(workspace):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's own, at import
        import papermill
        from papermill.exceptions import PapermillExecutionError

    source, out = NOTEBOOKS / "unknown_verb.ipynb", workspace / "out.ipynb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(PapermillExecutionError) as failure:
            papermill.execute_notebook(source, out, cwd=workspace, progress_bar=False)
    assert FAILURES["unknown_verb"] in str(failure.value)
    assert not (workspace / "after_the_failure").exists()
    assert FAILURES["unknown_verb"] in out.read_text()


def test_nbmake_fails(workspace):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "-p",
        "no:cacheprovider",
        "-q",
        "--rootdir",
        str(workspace),
    ]
    books = [str(NOTEBOOKS / f"{name}.ipynb") for name in ("unknown_verb", "works")]
    done = subprocess.run([*command, *books], capture_output=True, text=True, cwd=workspace, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert FAILURES["unknown_verb"] in done.stdout


def test_nbclient_fails_at_a_tracked_cell_with_the_cells_own_traceback(workspace):
    notebook, error = run_with_nbclient("tracked_cell_fails", workspace)
    assert error is not None
    assert error.ename == "ZeroDivisionError"
    (output,) = errors_in(notebook)
    text = "\n".join(output.traceback)
    assert "rows" in text
    assert "mlops_jupyter" not in text, "no frame of ours"
    assert not (workspace / "after_the_failure").exists()
