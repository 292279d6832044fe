"""From the words of a drift command to a question, and from its answer to a report."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs import calls
from mlops_jupyter.verbs.drift_report import DriftReport
from mlops_jupyter.verbs.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_jupyter.capture.slices import Slice
    from mlops_jupyter.capture.windows import Window
    from mlops_jupyter.monitoring.drift import Found
    from mlops_jupyter.monitoring.questions import Endpoint, Question
    from mlops_jupyter.stats.measures import Limits
    from mlops_jupyter.verbs.drift_payload import ReferenceChoice, SelectionValues

_BETWEEN: Final = ".."
_PATIENCE: Final = 1.0  # seconds without a word
_OF_TRAFFIC: Final = ("last", "since", "until", "window", "variant", "slice")


@dataclass(frozen=True, eq=False)
class Asked:
    """The arguments of `drift`, as they were written."""

    deployment: str | None = None
    reference: Any = None
    current: Any = None
    last: str | None = None
    since: str | None = None
    until: str | None = None
    window: str | None = None
    measure: str = "psi"
    limit: float | str | None = None
    variant: str | None = None
    slice: str | None = None
    multivariate: bool = False
    every: float | None = None


def answer(asked: Asked) -> DriftReport:
    """Return the report.

    Raises
    ------
    UsageError
        When an option is not what it can be; nothing was read then.
    """
    question = question_of(asked)
    from mlops_jupyter.monitoring.drift import look

    with ExitStack() as ending:
        found = look(question, _telling(question, ending))
    return _report(asked, found)


def _telling(question: Question, ending: ExitStack) -> Callable[[str], None]:
    """Return what tells how far the work is, once it has taken long enough for somebody to ask."""
    began, tell = time.monotonic(), None

    def report(detail: str) -> None:
        nonlocal tell
        if tell is None and time.monotonic() - began > _PATIENCE:
            name = f"drift {question.endpoint.name}" if question.endpoint else "drift"
            tell = ending.enter_context(progress(name))
        if tell is not None:
            tell("compare", detail)

    return report


def _report(asked: Asked, found: Found) -> DriftReport:
    traffic = found.question.endpoint is not None and asked.current is None
    again = (lambda selection: _again(asked, selection)) if traffic else None
    return DriftReport(found, _selection(asked), asked.every, again, tuple(_references(found)))


def _again(asked: Asked, selection: Mapping[str, Any]) -> DriftReport:
    """Return the same with what a widget has selected."""
    from mlops_jupyter.monitoring.drift import look, narrowed

    changed = {name: selection[name] for name in ("reference", "variant", "slice") if selection.get(name)}
    now = replace(asked, **changed)
    found = look(question_of(now), lambda _: None)
    begin = selection.get("window")
    return _report(now, narrowed(found, datetime.fromisoformat(begin)) if begin else found)


def question_of(asked: Asked) -> Question:
    """Return what the words ask.

    Raises
    ------
    UsageError
        When one of them cannot be.
    NotFoundError
        When there is no such deployment.
    """
    from mlops_jupyter.capture.windows import window_of
    from mlops_jupyter.monitoring.questions import Question
    from mlops_jupyter.stats.measures import checked_measure

    measure = checked_measure(asked.measure)
    limits = limits_of(measure, asked.limit)
    _check_sides(asked)
    slice_ = _slice(asked.slice)
    endpoint = endpoint_of(asked.deployment) if asked.deployment else None
    traffic = endpoint is not None and asked.current is None
    window = window_of(asked.last, asked.since, asked.until) if traffic else None
    return Question(
        endpoint, reference_of(asked.reference, window), _source(asked.current), window,
        _length(asked.window), measure, limits, asked.variant, slice_, asked.multivariate, _labels(),
    )  # fmt: skip


def limits_of(measure: str, limit: float | str | None) -> dict[str, Limits]:
    """Return the limits of a measure: the critical one alone, with WARNING in proportion, or both.

    Raises
    ------
    UsageError
        When it is no number, or not above zero.

    Examples
    --------
    >>> limits_of("psi", 0.3)["psi"], limits_of("psi", "0.1, 0.4")["psi"]
    ((0.15, 0.3), (0.1, 0.4))
    """
    from mlops_jupyter.stats.measures import LIMITS

    if limit is None:
        return {}
    numbers = [_positive(part, limit) for part in str(limit).strip("()[] ").split(",")]
    warning, critical = LIMITS[measure]
    if len(numbers) == 1:
        numbers.insert(0, numbers[0] * warning / critical)
    if len(numbers) > 2 or numbers[0] > numbers[1]:
        raise UsageError(f"--limit cannot be {str(limit)!r}", hint=_how(measure))
    return {measure: (numbers[0], numbers[1])}


def _positive(text: str, limit: float | str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"--limit cannot be {str(limit)!r}", hint="a number above 0: 0.2, or two: 0.1,0.3")
    return number


def _how(measure: str) -> str:
    from mlops_jupyter.stats.measures import LIMITS

    return "write that of CRITICAL, or of WARNING and CRITICAL: {:g},{:g}".format(*LIMITS[measure])


def _check_sides(asked: Asked) -> None:
    """Check that there are two sides, and that what only captured requests have is not asked of data."""
    if asked.deployment is None and (asked.reference is None or asked.current is None):
        raise UsageError(
            "drift needs a deployment, or both --reference and --current",
            hint="mlops drift churn, or mlops drift --reference a.parquet --current b.parquet",
        )
    if asked.deployment is not None and asked.current is None:
        return
    for option in _OF_TRAFFIC:
        if getattr(asked, option) is not None:
            what = f"--{option} says which captured requests to look at, and --current is given"
            raise UsageError(what, hint="leave one of them out")


def endpoint_of(name: str) -> Endpoint:
    """Return a deployment, as far as drift looks at it.

    Raises
    ------
    NotFoundError
        When there is none of that name; it lists the nearest.
    """
    from mlops_jupyter.deployments.folder import find_folder, read_model, require_serving
    from mlops_jupyter.monitoring.questions import Endpoint
    from mlops_jupyter.serving.recording.ring import ROLES
    from mlops_jupyter.verbs.watching import open_state

    workspace, _ = open_state()
    folder = find_folder(workspace.deployments, name)
    serving = require_serving(folder)
    given = {share.role for share in serving.weights.shares}
    roles = tuple(role for role in ROLES if role in given)
    stable, options = serving.stable, serving.spec.options
    withheld = (*options.capture_masked, *options.capture_hashed)
    package = Path(stable.package)
    return Endpoint(folder, read_model(folder), stable.version, package, stable.digest, roles, withheld)


def reference_of(given: Any, window: Window | None) -> Any:
    """Return what to compare with: a stretch of time becomes a window of captured requests.

    Raises
    ------
    UsageError
        When a text is neither a file nor a stretch of time.
    """
    if not isinstance(given, str) or Path(given).expanduser().exists():
        return _source(given)
    if window is not None and (given[:1].isdigit() or _BETWEEN in given):
        return _stretch(given, window)
    hint = "a frame, a file or folder, 7d before the window, or 2026-10-01..2026-11-01"
    raise UsageError(f"--reference {given!r} is no file and no stretch of captured requests", hint=hint)


def _stretch(given: str, window: Window) -> Window:
    from mlops_jupyter.capture.windows import window_of
    from mlops_jupyter.durations import seconds_of

    since, between, until = given.partition(_BETWEEN)
    if between:
        return window_of(since=since or None, until=until or None)
    length = timedelta(seconds=seconds_of(given, "reference"))
    return window_of(length, until=window.since)


def _source(given: Any) -> Any:
    """Return a path where a text names one."""
    return Path(given).expanduser() if isinstance(given, str) else given


def _slice(text: str | None) -> Slice | None:
    if text is None:
        return None
    from mlops_jupyter.capture.slices import parse_slice

    return parse_slice(text)


def _length(written: str | None) -> timedelta | None:
    from mlops_jupyter.durations import seconds_of

    if written is None:
        return None
    seconds = seconds_of(written, "window")
    if seconds < 60:
        raise UsageError(f"--window cannot be {written!r}", hint="a minute is the shortest: 1h, 1d")
    return timedelta(seconds=seconds)


def _labels() -> dict[str, str]:
    return {side: word for side in ("reference", "current") if (word := calls.word_for(side))}


def _selection(asked: Asked) -> SelectionValues:
    reference = asked.reference if isinstance(asked.reference, str) else None
    return {
        "last": asked.last,
        "since": asked.since,
        "until": asked.until,
        "variant": asked.variant,
        "slice": asked.slice,
        "reference": reference,
    }


def _references(found: Found) -> list[ReferenceChoice]:
    """Return what else traffic can be compared with: the time before it."""
    from mlops_jupyter.verbs.drift_summary import length_of

    window = found.question.window
    if window is None or found.question.endpoint is None:
        return []
    before = length_of(timedelta(seconds=round(window.length.total_seconds())))
    return [
        {"value": None, "label": found.reference.label},
        {"value": before, "label": f"the {before} before"},
    ]
