"""A step over a matrix of parameters: one step for each combination."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.definition.templates import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_STEPS = 1000


def combinations(name: str, matrix: Mapping[str, Sequence[Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the steps that a matrix makes, the last parameter changing first.

    Parameters
    ----------
    name : str
        The step's name.
    matrix : mapping
        The values of each parameter.

    Returns
    -------
    list of tuple
        Each step's name and its parameters; the step itself when there is no matrix.

    Examples
    --------
    >>> combinations("train", {"depth": [3, 5]})
    [('train[depth=3]', {'depth': 3}), ('train[depth=5]', {'depth': 5})]
    """
    labels = {parameter: _labels(values) for parameter, values in matrix.items()}
    made = []
    for chosen in itertools.product(*(range(len(values)) for values in matrix.values())):
        picked = dict(zip(matrix, chosen, strict=True))
        said = ",".join(f"{parameter}={labels[parameter][at]}" for parameter, at in picked.items())
        values = {parameter: matrix[parameter][at] for parameter, at in picked.items()}
        made.append((f"{name}[{said}]" if said else name, values))
    return made


def _labels(values: Sequence[Any]) -> list[str]:
    """Return what values are called in a step's name, which is a folder's name too; no two alike."""
    made: list[str] = []
    for value in values:
        label = re.sub(r"[^\w.+-]+", "-", as_text(value))[:40] or "empty"
        same = sum(label.casefold() == other.partition("~")[0].casefold() for other in made)
        made.append(f"{label}~{same + 1}" if same else label)
    return made
