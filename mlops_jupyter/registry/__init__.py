"""MLflow's registry, which owns versions and aliases; whatever is here may wait for it."""

from mlops_jupyter.store.outbox import queue_alias

from .aliases import flush_aliases, move_alias
from .connection import client, tracking_uri
from .fetching import cached, obtain
from .mirror import refresh, refresh_in_background
from .publishing import publish
from .removal import remove_model, remove_version

__all__ = [
    "cached",
    "client",
    "flush_aliases",
    "move_alias",
    "obtain",
    "publish",
    "queue_alias",
    "refresh",
    "refresh_in_background",
    "remove_model",
    "remove_version",
    "tracking_uri",
]
