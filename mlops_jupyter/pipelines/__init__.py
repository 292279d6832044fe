"""Notebooks as the steps of a pipeline: what a pipeline is, how a step runs, what is kept of it, when it runs."""
