"""What a step's cells printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines.records.logs import cell_logs, logs
from tests.pipelines.records.project import Project, failing

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.pipelines.records.run import RunRecord


def stream(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: str | list[str]) -> dict[str, Any]:
    kinds = {"plain": "text/plain", "png": "image/png"}
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {kinds[name]: each for name, each in data.items()},
    }


ERROR = {
    "output_type": "error",
    "ename": "ValueError",
    "evalue": "no rows",
    "traceback": ["\x1b[31mValueError\x1b[0m Traceback", "\x1b[1;32mno rows\x1b[0m"],
}


def executed(folder: Path, *cells: tuple[str, list[dict[str, Any]]]) -> Path:
    content = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs, "execution_count": 1}
        for source, outputs in cells
    ]
    markdown = {"cell_type": "markdown", "metadata": {}, "source": "# Train"}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "executed.ipynb"
    file.write_text(
        json.dumps({"cells": [markdown, *content], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    return file


@pytest.fixture
def run(project: Project) -> RunRecord:
    project.step("ingest")
    project.step("train", needs=("ingest",))
    record = project.run(failing({"ingest"}, project.writing))
    cells = [("import os", []), ("\nfit(month)\nplot()", [stream("rows 3\n"), stream("careful\n", "stderr")])]
    executed(record.step("ingest").executed.parent, *cells, ("check()", [ERROR]))
    return record


def test_what_cells_printed_stands_under_their_numbers(run: RunRecord):
    assert logs(run, "ingest") == (
        "-- cell 3: fit(month)\nrows 3\ncareful\n\n"
        "-- cell 4, failed: check()\nValueError Traceback\nno rows\n"
    )


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ([stream(["a\n", "b\n"])], "a\nb\n"),
        ([stream("10%\r"), stream("55%\r100%\n")], "100%\n"),
        ([stream("10%\r\n")], "10%\n"),
        ([shown(plain="<Figure>", png="iVBORw0")], "<Figure>\n"),
        ([shown(png="iVBORw0")], ""),
        ([{**ERROR, "traceback": []}], "ValueError: no rows\n"),
        ([stream("\x1b]8;;https://x\x07link\x1b]8;;\x07\n")], "link\n"),
        ([], ""),
    ],
)
def test_outputs_read_as_a_terminal_shows_them(tmp_path: Path, outputs: list[dict[str, Any]], text: str):
    assert [cell.text for cell in cell_logs(executed(tmp_path, ("run()", outputs)))] == [text]


def test_a_step_of_another_name_is_told_with_those_that_are(run: RunRecord):
    with pytest.raises(NotFoundError, match=r"has no step 'trian'; did you mean train\?"):
        logs(run, "trian")


def test_a_step_that_did_not_run_says_why_it_printed_nothing(run: RunRecord):
    with pytest.raises(NotFoundError, match=r"train printed nothing in run .*: it is NOT RUN"):
        logs(run, "train")


def test_a_copy_that_was_cleaned_away_is_told(run: RunRecord):
    run.step("ingest").executed.unlink()
    with pytest.raises(NotFoundError, match=r"no executed notebook of ingest.*cleaned away"):
        logs(run, "ingest")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": nothing}'])
def test_a_half_written_copy_is_told_in_one_line(tmp_path: Path, text: str):
    (file := tmp_path / "executed.ipynb").write_text(text)
    with pytest.raises(NotFoundError, match="is no whole notebook"):
        cell_logs(file)
