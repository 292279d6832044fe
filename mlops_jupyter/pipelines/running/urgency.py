"""What to begin first: the longest way to the end, so that nobody waits for it alone at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_jupyter.pipelines.definition.pipeline import Step

UNKNOWN_SECONDS = 1.0


def urgency(steps: Sequence[Step], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return how long it takes from the begin of each step to the end of all that follows from it.

    Parameters
    ----------
    steps : sequence of Step
        Each behind all that it needs.
    seconds : mapping
        How long steps took when they last ran; one that never did counts as a second.

    Examples
    --------
    >>> from pathlib import Path
    >>> from mlops_jupyter.pipelines.definition.pipeline import Step
    >>> urgency([Step("a", Path()), Step("b", Path(), needs=("a",)), Step("c", Path())], {"b": 9.0})
    {'a': 10.0, 'b': 9.0, 'c': 1.0}
    """
    behind = dict.fromkeys((step.name for step in steps), 0.0)
    whole: dict[str, float] = {}
    for step in reversed(steps):
        whole[step.name] = behind[step.name] + seconds.get(step.name, UNKNOWN_SECONDS)
        for name in step.needs:
            behind[name] = max(behind.get(name, 0.0), whole[step.name])
    return {step.name: whole[step.name] for step in steps}
