"""From a fitted model in a notebook to a monitored, reversible production endpoint."""

__version__ = "0.1.0"
