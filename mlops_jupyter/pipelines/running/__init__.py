"""A whole run: which steps now, in how many processes, until when, and its mirror in MLflow."""
