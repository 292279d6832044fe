"""Values of parameters: what was given in the type the pipeline shows, and what a notebook takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.definition.fields import shown
from mlops_jupyter.pipelines.definition.positions import Document, PipelineError, Problem, parsed
from mlops_jupyter.pipelines.definition.templates import filled, is_template, named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mlops_jupyter.pipelines.definition.notebooks import Parameter

TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
WORDS = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "str": "text",
    "list": "list",
    "tuple": "list",
    "set": "list",
    "dict": "mapping",
}


def pipeline_parameters(
    document: Document, written: Mapping[str, Any], given: Mapping[str, Any], moment: datetime
) -> dict[str, Any]:
    """Return the pipeline's parameters with what was given; what is wrong is noted in the document.

    Parameters
    ----------
    document : Document
        The pipeline's file.
    written : mapping
        The parameters that stand in it.
    given : mapping
        Over those: text, of a command line, becomes the type that the file shows.
    moment : datetime
        For ``@date(…)``.
    """
    made = {name: _written(document, name, value, moment) for name, value in written.items()}
    for name, value in given.items():
        try:
            made[name] = _given(name, value, made, moment)
        except UsageError as error:
            document.problems.append(Problem(f"-p {name}={_said(value)}: {error}"))
    return made


def _said(value: Any) -> str:
    said = str(value)
    return said if len(said) <= 60 else f"{said[:59]}…"


def _written(document: Document, name: str, value: Any, moment: datetime) -> Any:
    try:
        return _dated(value, moment)
    except UsageError as error:
        document.wrong(("parameters", name), str(error))
        return value


def _given(name: str, value: Any, defaults: Mapping[str, Any], moment: datetime) -> Any:
    if name not in defaults:
        hint = (
            did_you_mean(name, defaults) or f"write '{name}:' with a default under 'parameters:' in the file"
        )
        raise UsageError(f"the pipeline has no parameter {name!r}", hint=hint)
    value = _dated(_plain(value), moment)
    default = defaults[name]
    if isinstance(value, str) and not isinstance(default, str):
        return converted(value, "" if default is None else type(default).__name__)
    if default is not None and not fits(value, type(default).__name__):
        raise UsageError(
            f"{shown(value)} is no {WORDS[type(default).__name__]}, as {name}: {shown(default)} is"
        )
    return value


def _dated(value: Any, moment: datetime) -> Any:
    if named(value):
        raise UsageError("a pipeline's parameter cannot name another", hint="only @date(…) is filled here")
    return filled(value, {}, moment)


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 else value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        raise UsageError(
            f"a {type(value).__name__} is no plain value", hint="give text, numbers, lists, …"
        ) from None


def converted(text: str, kind: str) -> Any:
    """Return text of a command line as a value.

    Parameters
    ----------
    text : str
        What was written.
    kind : str
        Python's name of the type; empty for what the text looks like.

    Raises
    ------
    UsageError
        When it is none.

    Examples
    --------
    >>> converted("2", "int"), converted("no", "bool"), converted("[1, 2]", "list"), converted("1e-3", "")
    (2, False, [1, 2], 0.001)
    """
    if kind == "str":
        return text
    if kind == "bool":
        value = TRUTHS.get(text.strip().lower())
    elif kind in {"int", "float"}:
        value = _number(text, kind)
    else:
        value = _looked_at(text, kind)
    if value is None and kind:
        raise UsageError(f"{shown(text)} is no {WORDS.get(kind, kind)}")
    return value


def _number(text: str, kind: str) -> Any:
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        return None


def _looked_at(text: str, kind: str) -> Any:
    try:
        value = parsed(text, "value").data
    except PipelineError:
        value = text
    return value if not kind or fits(value, kind) else None


def fits(value: Any, kind: str) -> bool:
    """Say whether a value is of a type; whole numbers are numbers, true and false are not.

    Examples
    --------
    >>> fits(1, "float"), fits(1.5, "int"), fits(True, "int"), fits("a", "")
    (True, False, False, True)
    """
    if not kind or value is None:
        return True
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    takes: dict[str, Any] = {"int": int, "float": (int, float), "str": str, "dict": dict}
    return isinstance(value, takes.get(kind, list))


def in_the_notebooks_type(value: Any, written: Any, parameter: Parameter) -> Any:
    """Return what a template was filled with in the type the notebook takes: a date's ``"02"`` as 2."""
    if isinstance(value, str) and is_template(written) and parameter.type not in {"", "str"}:
        try:
            return converted(value, parameter.type)
        except UsageError:
            return value
    return value


def misfit(name: str, value: Any, known: Mapping[str, Parameter], notebook: str) -> str:
    """Return why a notebook does not take a parameter; empty when it does.

    Parameters
    ----------
    name : str
        The parameter.
    value : Any
        Its value.
    known : mapping
        The notebook's parameters.
    notebook : str
        What it is called.
    """
    if not known:
        return f"{notebook} has no parameters; tag the cell that sets {name} with 'parameters'"
    if name not in known:
        return f"{notebook} has no parameter {name!r}; {did_you_mean(name, known)}"
    parameter = known[name]
    if fits(value, parameter.type):
        return ""
    hint = f"; write {name}: float = … there if any number will do" if isinstance(value, float) else ""
    as_there = f"as {name} = {parameter.default!r} in {notebook} is"
    return f"{shown(value)} is no {WORDS[parameter.type]}, {as_there}{hint}"
