"""One step: its notebook run by papermill, what it gave, and why it failed."""
