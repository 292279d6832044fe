"""Old generations' folders, of which the last few are kept to look into."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from mlops_jupyter.serving.logs import earlier
from mlops_jupyter.serving.processes import find_processes
from mlops_jupyter.serving.spec import LOGS

from .folder import read_state

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 5


def prune_generations(folder: Path, keep: int) -> None:
    """Remove all but the last generations' folders and logs, never `keep` and none with a living process."""
    numbers = sorted(int(path.name) for path in (folder / "generations").iterdir() if path.name.isdigit())
    for number in numbers[:-KEPT]:
        if number != keep and not find_processes(read_state(folder, number).get("processes", [])):
            shutil.rmtree(folder / "generations" / str(number), ignore_errors=True)
            log = folder / LOGS / f"generation-{number}.log"
            for path in (log, earlier(log)):
                path.unlink(missing_ok=True)
