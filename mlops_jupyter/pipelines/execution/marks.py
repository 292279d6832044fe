"""What papermill notes in a notebook as it runs; imported with papermill."""

from __future__ import annotations

from typing import Any

from papermill.engines import NotebookExecutionManager


class StepManager(NotebookExecutionManager):
    """Keeps papermill's marks in the notebook, and leaves it to the client when to save."""

    def save(self, **_: Any) -> None:
        """Do nothing: to save at each change takes longer than a small cell."""

    def autosave_cell(self, **_: Any) -> None:
        """Do nothing, as `save`."""

    def write(self) -> None:
        """Save as papermill does, to the path that it was given."""
        NotebookExecutionManager.save(self)

    def notebook_complete(self, **_: Any) -> None:
        """Note when it ended; cells that never ran stay pending, which papermill calls completed."""
        self.end_time = self.now()
        marks = self.nb.metadata.papermill
        marks["end_time"] = self.end_time.isoformat()
        marks["duration"] = (self.end_time - self.start_time).total_seconds()
        self.cleanup_pbar()
