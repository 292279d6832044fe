"""Kill points: named places where a test ends the process as `kill -9` would."""

from __future__ import annotations

import os
import signal


def kill_point(name: str) -> None:
    """End this process at once when ``MLOPS_KILL_AT`` names this point."""
    if os.environ.get("MLOPS_KILL_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
