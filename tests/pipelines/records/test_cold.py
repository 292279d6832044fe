"""A plan that finds nothing to do imports nothing that takes long."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pipelines.records.project import Project

HEAVY = (
    "sqlalchemy papermill nbclient nbformat jupyter_client jupyter_core mlflow IPython pandas numpy psutil"
)
PLAN = """
import sys
from pathlib import Path
from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
from mlops_jupyter.pipelines.records.planning import plan
from mlops_jupyter.store.direct import Ledger
from mlops_jupyter.store.workspace import Workspace
folder, root = map(Path, sys.argv[1:3])
steps = [Step(f"s{number}", folder / f"s{number}.ipynb", outputs=(f"{number}.out",)) for number in range(100)]
pipeline = Pipeline("delays", folder / "pipeline.yaml", folder, {}, tuple(steps))
found = plan(pipeline, None, Ledger(Workspace(root)))
print(len(found.steps), found.to_run, sorted(set(sys.argv[3:]) & set(sys.modules)))
"""


def test_a_plan_of_a_hundred_unchanged_steps_imports_nothing_heavy(project: Project):
    for number in range(100):
        project.step(f"s{number}", outputs=(f"{number}.out",))
    project.run()
    places = (str(project.folder), str(project.store.workspace.root))
    command = [sys.executable, "-c", PLAN, *places, *HEAVY.split()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "100 () []"
