"""Runs the notebooks of a folder by papermill's API, one after the other, each in a fresh kernel."""

from __future__ import annotations

import sys
from pathlib import Path

import papermill


def main() -> None:
    """Run them all."""
    folder = Path(sys.argv[1])
    (folder / "executed").mkdir(exist_ok=True)
    for at, notebook in enumerate(sorted(folder.glob("*.ipynb"))):
        papermill.execute_notebook(
            notebook, folder / "executed" / notebook.name, {"number": at}, cwd=folder, progress_bar=False
        )


if __name__ == "__main__":
    main()
