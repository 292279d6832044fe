"""The page of an executed notebook: read without a kernel and without a network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from mlops_jupyter.pipelines.execution.page import page

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = re.compile(
    r"""(?:src|href)=["'](?:https?:)?//|@import\s+url\(\s*["']?(?:https?:)?//|from\s+["']https?:"""
)
MARKS = {
    "pipeline": "flights",
    "step": "train[depth=3]",
    "run": "20261121T141500Z-3f2a",
    "failure": {"kind": "error", "message": "ValueError: a < b", "cell": 2},
}


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """Write an executed notebook with a widget, a picture and an error."""
    v4: Any = nbformat.v4
    widget = v4.new_output(
        "display_data",
        data={
            "application/vnd.jupyter.widget-view+json": {"model_id": "a"},
            "text/html": "<b>as it looks</b>",
        },
    )
    error = v4.new_output("error", ename="ValueError", evalue="a < b", traceback=["ValueError: a < b"])
    cells = [v4.new_markdown_cell("# Train\n$x^2$"), v4.new_code_cell("1 / 0", outputs=[widget, error])]
    metadata = {"papermill": MARKS, "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "executed.ipynb")
    return tmp_path / "executed.ipynb"


def test_a_page_says_which_run_it_is_of_and_why_that_failed_and_needs_no_network(executed: Path):
    written = page(executed)
    text = written.read_text()
    assert written.name == "executed.html"
    assert "<title>train[depth=3] · flights</title>" in text
    assert "flights · train[depth=3] · 20261121T141500Z-3f2a" in text
    (link,) = re.findall(
        r'<strong>✗ failed <a href="#([^"]+)">in cell 2</a>:</strong> ValueError: a &lt; b', text
    )
    assert f'id="{link}"' in text
    assert "<b>as it looks</b>" in text
    assert ADDRESS.findall(text) == []
    assert sorted(path.name for path in executed.parent.iterdir()) == ["executed.html", "executed.ipynb"]
