"""Run a notebook of this folder with papermill and show its closing words.

python notebooks/run.py quickstart.ipynb
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Execute the notebook, then print what its last cell says and where the executed copy is."""
    parser = argparse.ArgumentParser(description="Run a notebook of this folder with papermill.")
    parser.add_argument("notebook", help="file name in the folder of notebooks")
    parser.add_argument("--to", type=Path, help="where the executed copy goes (default: build/)")
    options = parser.parse_args()
    source = HERE / options.notebook
    if not source.is_file():
        known = ", ".join(sorted(path.name for path in HERE.glob("*.ipynb")))
        print(f"no notebook {options.notebook!r} in {HERE}; known: {known}", file=sys.stderr)
        return 2
    executed: Path = options.to or HERE.parent / "build" / source.name
    executed.parent.mkdir(parents=True, exist_ok=True)
    return run(source, executed)


def run(source: Path, executed: Path) -> int:
    """Execute `source` into `executed`; return 0, or 1 with the error in one line."""
    # jsonschema's format checkers cost papermill's import 1.6 s and are not used here (jsonschema#1428)
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill

    started = time.monotonic()
    try:
        notebook = papermill.execute_notebook(
            source, executed, cwd=HERE, progress_bar=True, extra_arguments=["--log-level=ERROR"]
        )
    except papermill.exceptions.PapermillExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
        print(f"{source.name} failed in cell {error.cell_index}: {failure}", file=sys.stderr)
        print(f"executed so far: {executed}", file=sys.stderr)
        return 1
    print(closing_words(notebook))
    print(f"\nexecuted notebook  {executed}  ({time.monotonic() - started:.0f} s)")
    return 0


def closing_words(notebook: NotebookNode) -> str:
    """Return what the last cell with an output printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return next((text for output in reversed(outputs) if (text := output.get("text", ""))), "").rstrip()


if __name__ == "__main__":
    sys.exit(main())
