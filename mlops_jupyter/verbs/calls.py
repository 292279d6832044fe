"""What happens around every call of a verb: the record in the audit log, and the Python it stands for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_jupyter.errors import RefusedError, UsageError
from mlops_jupyter.verbs.results import Result

if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterator

R = TypeVar("R")

#: What a face read for each argument (``pipe`` for the estimator): `.code` and the audit log can say it then.
_written: ContextVar[Mapping[str, str] | None] = ContextVar("written", default=None)
_being_recorded: ContextVar[bool] = ContextVar("being_recorded", default=False)
_PLAIN = (str, int, float, bool, type(None))


@dataclass
class Record:
    """The outcome of the call under way."""

    result: object = None


@contextmanager
def written_as(words: Mapping[str, str]) -> Iterator[None]:
    """Tell how the caller wrote the arguments of the next call of a verb."""
    token = _written.set(words)
    try:
        yield
    finally:
        _written.reset(token)


def word_for(parameter: str) -> str:
    """Return how the caller wrote an argument: the name of a variable; "" where no face read it."""
    return (_written.get() or {}).get(parameter, "")


@contextmanager
def recording(name: str, audited: Mapping[str, Any] | None) -> Iterator[Record]:
    """Write the audit log's rows around a call; nothing happens if the first cannot be written.

    Parameters
    ----------
    name : str
        The verb.
    audited : mapping or None
        Its arguments, or None when calls of it are not recorded.
    """
    if audited is None or _being_recorded.get():
        yield Record()
        return
    token = _being_recorded.set(True)
    try:
        yield from _rows(name, audited)
    finally:
        _being_recorded.reset(token)


def _rows(name: str, arguments: Mapping[str, Any]) -> Iterator[Record]:
    from mlops_jupyter.store import audit
    from mlops_jupyter.store.database import open_store
    from mlops_jupyter.store.workspace import open_workspace

    store = open_store(open_workspace())
    entry = audit.begin(store, name, {key: _loggable(key, value) for key, value in arguments.items()})
    record = Record()
    try:
        yield record
    except BaseException as error:
        refused = isinstance(error, RefusedError | UsageError)
        outcome = "refused" if refused else "failed"
        _finish(store, entry, f"{type(error).__name__}: {error}", outcome)
        raise
    _finish(store, entry, _headline(record.result), "done")


def _finish(store: Any, entry: Any, result: str, outcome: Any) -> None:
    """Write the second row. The deed is done by now, so a failure here is told and not raised."""
    from mlops_jupyter.store import audit

    try:
        audit.finish(store, entry, result, outcome)
    except Exception:
        logging.getLogger(__name__).exception("the audit log did not take the result of %s", entry)


def stamped(result: R, name: str, signature: inspect.Signature, given: Mapping[str, Any]) -> R:
    """Return the result with the Python it stands for in `code`."""
    if isinstance(result, Result):
        object.__setattr__(result, "code", python_call(name, signature, given, _written.get() or {}))
    return result


def python_call(
    name: str, signature: inspect.Signature, given: Mapping[str, Any], written: Mapping[str, str]
) -> str:
    """Return the Python of a call, with the variables' names where a face read them.

    Examples
    --------
    >>> import inspect
    >>> def deploy(model, *, version=None): ...
    >>> python_call("deploy", inspect.signature(deploy), {"model": "churn", "version": "1.2.0"}, {})
    'mlops.deploy("churn", version="1.2.0")'
    """
    parts: list[str] = []
    by_name = False
    for parameter in signature.parameters.values():
        if parameter.name not in given:
            by_name = True
            continue
        by_name = by_name or parameter.kind is parameter.KEYWORD_ONLY
        shown = written.get(parameter.name) or _as_python(given[parameter.name])
        parts.append(f"{parameter.name}={shown}" if by_name else shown)
    return f"mlops.{name.replace(' ', '.')}({', '.join(parts)})"


def _as_python(value: Any) -> str:
    if isinstance(value, str | PathLike):
        return '"' + repr(str(value))[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_as_python(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_as_python(k)}: {_as_python(v)}" for k, v in value.items()) + "}"
    return repr(value) if isinstance(value, _PLAIN) else f"<{type(value).__name__}>"


def _loggable(name: str, value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, list | tuple):
        return [_loggable(name, item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _loggable(name, item) for key, item in value.items()}
    words = (_written.get() or {}).get(name)
    shape = getattr(value, "shape", None)
    kind = type(value).__name__ + (f" {'x'.join(map(str, shape))}" if isinstance(shape, tuple) else "")
    return f"{words} ({kind})" if words else kind


def _headline(result: object) -> str:
    return result.headline if isinstance(result, Result) else type(result).__name__
