"""Runs the notebooks of a folder by ploomber, in the environment of ploomber."""

from __future__ import annotations

import sys
from pathlib import Path

from ploomber import DAG
from ploomber.executors import Serial
from ploomber.products import File
from ploomber.tasks import NotebookRunner


def main() -> None:
    """Build the graph as if nothing was there."""
    folder = Path(sys.argv[1])
    (folder / "executed").mkdir(exist_ok=True)
    dag = DAG(executor=Serial(build_in_subprocess=False))
    for at, notebook in enumerate(sorted(folder.glob("*.ipynb"))):
        NotebookRunner(
            notebook, File(folder / "executed" / notebook.name), dag, name=notebook.stem,
            params={"number": at}, static_analysis="disable", papermill_params={"progress_bar": False},
        )  # fmt: skip
    dag.build(force=True, show_progress=False)


if __name__ == "__main__":
    main()
