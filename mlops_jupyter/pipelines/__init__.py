"""Notebooks as the steps of a pipeline: what it is, how a step runs, what is kept of it, and when it runs."""
