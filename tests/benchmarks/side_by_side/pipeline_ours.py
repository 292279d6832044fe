"""Runs the steps of a folder by our pipeline, or finds that nothing has changed; says how long that took."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--unforced", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    from mlops_jupyter.pipelines.definition.reading import read_pipeline
    from mlops_jupyter.pipelines.running.following import run_pipeline
    from mlops_jupyter.store.workspace import Workspace

    pipeline = read_pipeline(options.folder / "pipeline.yaml")
    workspace = Workspace(options.folder / ".mlops")
    record = run_pipeline(pipeline, jobs=options.jobs, force=not options.unforced, workspace=workspace)
    seconds = time.perf_counter() - began
    states = sorted({step.state for step in record.steps})
    if record.state != "SUCCEEDED":
        raise SystemExit(f"{record.state}: {[step.failure for step in record.steps if step.failure]}")
    print(json.dumps({"seconds": seconds, "states": states, "steps": len(record.steps)}))


if __name__ == "__main__":
    main()
