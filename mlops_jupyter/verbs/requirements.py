"""The bar a model must clear to be registered: ``accuracy>=0.85``."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import RefusedError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
FORM = re.compile(r"\s*(?P<metric>[^<>=]*[^<>=\s])\s*(?P<comparison>>=|<=|==|>|<)\s*(?P<bar>[^<>=\s]+)\s*")


@dataclass(frozen=True)
class Requirement:
    """A metric, a comparison and a bar."""

    metric: str
    comparison: str
    bar: float

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.bar:g}"

    def met_by(self, value: float) -> bool:
        """Whether a value clears the bar; NaN clears none."""
        return COMPARISONS[self.comparison](value, self.bar)


def read_requirement(text: str) -> Requirement:
    """Read a requirement as it is written on a command line.

    Parameters
    ----------
    text : str
        A metric's name, one of ``>= <= > < ==``, and a number.

    Raises
    ------
    UsageError
        When it is not that.

    Examples
    --------
    >>> read_requirement("accuracy >= 0.85")
    Requirement(metric='accuracy', comparison='>=', bar=0.85)
    """
    found = FORM.fullmatch(text)
    try:
        bar = float(found["bar"]) if found else math.nan
    except ValueError:
        bar = math.nan
    if found is None or not math.isfinite(bar):
        raise UsageError(f"cannot read the requirement {text!r}", hint='write --require "accuracy>=0.85"')
    return Requirement(found["metric"], found["comparison"], bar)


def demand(name: str, requirements: Sequence[Requirement], metrics: Mapping[str, Any]) -> None:
    """Refuse a model that is below a bar, or whose metrics prove nothing.

    Parameters
    ----------
    name : str
        The version, for the message: ``churn 1.2.0``.
    requirements : sequence of Requirement
        The bars.
    metrics : mapping
        The manifest's: `on` says of which data they are, `values` has them by name.

    Raises
    ------
    RefusedError
        Saying by how much each bar is missed, or that there is no such metric.
    """
    if not requirements:
        return
    values = metrics.get("values") or {}
    on = metrics.get("on")
    if on != "test data":
        raise RefusedError(
            f"the metrics of {name} prove nothing",
            f"they are on {on}" if on else "it has none",
            "package it with --test-data X_test --test-target y_test",
        )
    for each in requirements:
        if each.metric not in values:
            hint = did_you_mean(each.metric, values)
            raise RefusedError(f"{name} has no metric {each.metric!r}", hint=hint)
    misses = [miss(each, float(values[each.metric])) for each in requirements]
    if missed := [words for words in misses if words]:
        raise RefusedError(f"{name} is below the bar", "; ".join(missed))


def miss(requirement: Requirement, value: float) -> str:
    """Say by how much a value misses the bar; nothing when it clears it."""
    if requirement.met_by(value):
        return ""
    words = f"{requirement.metric} is {value:.4g}, required {requirement.comparison} {requirement.bar:.4g}"
    distance = abs(value - requirement.bar)
    return f"{words}, {distance:.3g} off" if distance else words
