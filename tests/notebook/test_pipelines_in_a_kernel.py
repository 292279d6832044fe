"""Pipelines run from a real kernel: what is shown while they run, when they fail, when they are stopped."""

import json
import time

import nbformat
import pytest

GIVEN = "import mlops_jupyter as mlops; mlops.output('rows', 3 + extra)"
TAKEN = "if bad: raise ValueError('no rows in 2013-02')\nprint(mlops.input('load.rows'))"
FILE = """
name: {name}
parameters: {{extra: 0, bad: false}}
mlflow: false
steps:
  load: {{notebook: load.ipynb}}
  fit: {{notebook: fit.ipynb, after: [load]}}
"""


def notebook(path, *cells, parameters=""):
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    if parameters:
        cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


@pytest.fixture(scope="module")
def run(kernel):
    """Run a cell in the kernel's project, where two pipelines are; return its reply and what it showed."""
    from pathlib import Path

    def ask(code, timeout=120):
        messages = []
        reply = kernel.execute_interactive(code, timeout=timeout, output_hook=messages.append)
        return reply["content"], messages

    _, shown = ask("import os; print(os.getcwd())")
    folder = Path(shown[-2]["content"]["text"].strip())
    notebook(folder / "load.ipynb", GIVEN, parameters="extra = 0")
    notebook(folder / "fit.ipynb", "import mlops_jupyter as mlops", TAKEN, parameters="bad = False")
    notebook(folder / "wait.ipynb", "open('begun', 'w').close()", "import time; time.sleep(600)")
    (folder / "pipeline.yaml").write_text(FILE.format(name="delays"))
    (folder / "slow.yaml").write_text(
        "name: slow\nmlflow: false\nsteps:\n"
        "  wait: {notebook: wait.ipynb}\n  fit: {notebook: load.ipynb, after: [wait]}\n"
    )
    ask.folder = folder
    return ask


def of_kind(messages, kind):
    return [message["content"] for message in messages if message["msg_type"] == kind]


def text(content):
    return content["data"]["text/plain"]


def test_a_run_is_one_output_that_is_rewritten_then_the_report(run):
    reply, messages = run("import threading; before = set(threading.enumerate())\nr = %mlops pipeline run\nr")
    assert reply["status"] == "ok"
    (first,) = [c for c in of_kind(messages, "display_data") if "delays" in text(c)]
    updates = of_kind(messages, "update_display_data")
    handle = first["transient"]["display_id"]
    assert {update["transient"]["display_id"] for update in updates} == {handle}
    assert "<svg" in first["data"]["text/html"]
    assert text(first).startswith("delays is running")
    assert text(updates[-1]).startswith("delays: 2 steps ran in ")
    (result,) = of_kind(messages, "execute_result")
    assert text(result).startswith("delays: 2 steps ran in ")
    assert "<svg" in result["data"]["text/html"]
    assert "mlops.pipeline.run()" in result["data"]["text/html"]
    _, messages = run("print(set(threading.enumerate()) - before, r.values, r.ok)")
    assert of_kind(messages, "stream")[0]["text"] == "set() {'load.rows': 3} True\n"


def test_a_run_of_unchanged_steps_shows_its_report_alone(run):
    reply, messages = run("%mlops pipeline run")
    assert reply["status"] == "ok"
    assert of_kind(messages, "display_data") == []
    (result,) = of_kind(messages, "execute_result")
    assert text(result).startswith("delays is up to date: all 2 steps were skipped")


def test_parameters_are_given_by_name_or_in_braces_and_decide_what_runs(run):
    _, messages = run("%mlops pipeline run -p extra=4 --until load")
    assert "parameter extra changed from 0 to 4" in text(of_kind(messages, "execute_result")[0])
    _, messages = run(
        "given = {'extra': 5}\nr = %mlops pipeline run -p {given} --until load\nprint(r.values, r.code)"
    )
    said = of_kind(messages, "stream")[-1]["text"]
    assert said == '{\'load.rows\': 8} mlops.pipeline.run(parameters={"extra": 5}, until="load")\n'


def test_a_failure_leaves_the_report_and_is_one_clean_line_to_the_reader(run):
    reply, messages = run("%mlops pipeline run -p bad=true -p extra=5")
    assert reply["status"] == "error"
    (error,) = of_kind(messages, "error")
    assert error["ename"] == "StepError"
    (line,) = error["traceback"]
    said = "StepError: delays failed in fit, cell 4: ValueError: no rows in 2013-02; see .mlops/"
    assert line.startswith(said)
    last = of_kind(messages, "update_display_data")[-1]
    assert "✗ failed in cell 4" in text(last)
    assert "raise ValueError" in last["data"]["text/html"]


def test_what_is_wrong_in_the_file_is_told_before_anything_runs(run):
    reply, messages = run("%mlops pipeline run -p exta=4")
    assert reply["status"] == "error"
    assert "did you mean extra" in reply["evalue"]
    assert of_kind(messages, "display_data") == []


def test_an_interrupt_stops_the_run_and_later_cells_do_not_go_on(run, kernel):
    request = kernel.execute("%mlops pipeline run slow.yaml")
    deadline = time.monotonic() + 60
    while not (run.folder / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    control = kernel.session.msg("interrupt_request")
    kernel.control_channel.send(control)
    while (reply := kernel.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != request:
        pass
    assert reply["content"]["status"] == "error"
    assert "slow was stopped; run it again" in reply["content"]["evalue"]
    _, messages = run("r = %mlops pipeline show last\nprint(r.state, [s.state for s in r.record.steps])")
    assert of_kind(messages, "stream")[-1]["text"] == "STOPPED ['STOPPED', 'NOT RUN']\n"


def test_runs_are_listed_shown_compared_and_read(run):
    _, messages = run("%mlops pipeline runs delays")
    listed = text(of_kind(messages, "execute_result")[0])
    assert listed.startswith("5 runs; the last: delays failed in fit, cell 4")
    _, messages = run(
        "every = %mlops pipeline runs delays\nfirst = every.runs[-1].id\n"
        "%mlops pipeline diff {first} {every.runs[2].id}"
    )
    compared = text(of_kind(messages, "execute_result")[0])
    assert "parameter extra changed from 0 to 4" in compared
    assert "rows: 3 → 7" in compared
    _, messages = run("%mlops pipeline logs {first} fit --into fit_executed.ipynb")
    logs = of_kind(messages, "execute_result")[0]
    assert "    3" in text(logs).splitlines()
    assert '<a href="fit_executed.ipynb">' in logs["data"]["text/html"]
    assert json.loads((run.folder / "fit_executed.ipynb").read_text())["cells"]
    reply, _ = run("%mlops pipeline logs {first} fit --into fit_executed.ipynb")
    assert "fit_executed.ipynb is there already" in reply["evalue"]


def test_old_runs_are_cleaned_but_none_that_a_result_stands_on(run):
    _, messages = run("%mlops pipeline clean delays --keep 0")
    cleaned = text(of_kind(messages, "execute_result")[0])
    assert cleaned.startswith("removed ")
    _, messages = run("%mlops pipeline run -p extra=5 --until load")
    assert "up to date" in text(of_kind(messages, "execute_result")[0])


def test_values_of_the_last_good_run_are_there_by_hand(run):
    _, messages = run(
        "import mlops_jupyter as mlops; print(mlops.input('load.rows'), mlops.input('no.x', default=1))"
    )
    assert of_kind(messages, "stream")[-1]["text"] == "8 1\n"


def test_init_writes_a_file_that_runs(run):
    (run.folder / "made").mkdir()
    notebook(run.folder / "made" / "make.ipynb", "open('a.csv', 'w').write('x')")
    notebook(run.folder / "made" / "use.ipynb", "print(open('a.csv').read())")
    _, messages = run("%mlops pipeline init made/*.ipynb")
    assert text(of_kind(messages, "execute_result")[0]).startswith("wrote made/pipeline.yaml")
    reply, _ = run("%mlops pipeline init made/*.ipynb")
    assert "pipeline.yaml" in reply["evalue"]
    reply, _ = run("%mlops pipeline init made/*.nb")
    assert reply["evalue"] == "no notebook matches 'made/*.nb'"


def test_the_overview_shows_the_last_run_of_each_pipeline(run):
    _, messages = run("%mlops")
    said = text(of_kind(messages, "execute_result")[0])
    assert said.startswith("2 pipelines, nothing wants attention")
    assert "slow" in said
