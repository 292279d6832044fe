"""Values between steps, and secrets, as a notebook asks for them: by hand as in a pipeline.

Imported in every kernel that uses them, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final

from mlops_jupyter.errors import DataError, NotFoundError, UsageError, did_you_mean

VARIABLE: Final = "MLOPS_PIPELINE_STEP"
MIME: Final = "application/vnd.mlops_jupyter.output+json"
LARGEST: Final = 1_000_000
MISSING: Final = object()

asked: set[str] = set()


def output(name: str, value: Any) -> None:
    """Give a value to the steps behind this one, and to the record of the run.

    Parameters
    ----------
    name : str
        What others ask for: ``rows`` is ``train.rows`` to them, when this step is called train.
    value
        JSON: numbers, text, lists, mappings. Scalars and arrays of numpy become plain ones, NaN and infinity
        None.

    Raises
    ------
    DataError
        When it is no JSON, or larger than 1 MB: write a file, and name it among the step's outputs.
    """
    from IPython import get_ipython
    from IPython.display import display

    known = as_json(name, value)
    text = f"{name} = {shown(known)}"
    if get_ipython() is None:
        print(text)  # a notebook that was turned into a script
    else:
        display({MIME: {"name": name, "value": known}, "text/plain": text}, raw=True)


def as_json(name: str, value: Any) -> Any:
    """Return `value` as what comes back from JSON; refuse what does not fit."""
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"an output needs a name, not {name!r}", hint='mlops.output("rows", 3)')
    try:
        known = finite(json.loads(json.dumps(value, default=plain)))
    except (TypeError, ValueError) as failure:
        raise DataError(
            f"output {name!r} cannot be {type(value).__name__}", str(failure), "give JSON, or write a file"
        ) from failure
    if (size := len(json.dumps(known))) > LARGEST:
        raise DataError(f"output {name!r} has {size:,} bytes of JSON", hint="over 1 MB: write a file")
    return known


def finite(value: Any) -> Any:
    """Return JSON without the numbers that it does not know; they become None, as in pandas."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return what JSON knows for scalars and arrays of numpy, sets, paths and times."""
    for method in ("tolist", "item", "isoformat"):
        if callable(convert := getattr(value, method, None)):
            return convert()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def shown(value: Any) -> str:
    """Return a value in at most 200 characters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def input(name: str, default: Any = MISSING) -> Any:  # noqa: A001 (the user writes mlops.input)
    """Return what a step before gave by `output`.

    In a run that of this run; by hand that of the last run that succeeded in this workspace.

    Parameters
    ----------
    name : str
        Step and value: ``train.rows``.
    default
        What to return when there is none.

    Raises
    ------
    NotFoundError
        When there is no such value, and no default.
    """
    if "." not in name:
        raise UsageError(f"{name!r} names no step", hint='mlops.input("train.rows")')
    asked.add(name)
    about = this_step()
    values = about["values"] if about else values_by_hand(name)
    if name in values:
        return values[name]
    if default is not MISSING:
        return default
    if about:
        raise NotFoundError(f"no step before this one gave {name!r}", hint=did_you_mean(name, values))
    raise NotFoundError(
        f"no step of a run here gave {name!r}", hint=did_you_mean(name, values) or "%mlops pipeline run first"
    )


def values_by_hand(name: str) -> dict[str, Any]:
    """Return what the step that `name` names gave when it last succeeded in this workspace."""
    from mlops_jupyter.pipelines.records.history import last_good
    from mlops_jupyter.store.direct import Ledger
    from mlops_jupyter.store.workspace import Workspace, find_workspace

    workspace = Workspace(find_workspace())
    if not workspace.database.exists():
        return {}
    # a dot may stand in the name of a value, and in that of a step: train[depth=0.5].rows
    for place in (place for place, letter in enumerate(name) if letter == "."):
        if record := last_good(Ledger(workspace), None, name[:place]):
            return {f"{name[:place]}.{each}": value for each, value in record.values.items()}
    return {}


def secret(name: str) -> str:
    """Return a secret of this step, by its name or by a reference such as ``env:API_TOKEN``.

    In a run the step must declare it, by hand it need not: what is declared is masked in all that is kept.

    Raises
    ------
    NotFoundError
        When the step declares no such secret, or it is not there.
    """
    from mlops_jupyter.pipelines.definition.secrets import resolve_secret

    about = this_step()
    declared: dict[str, str] = about["secrets"] if about else {}
    if name in declared:
        return resolve_secret(declared[name])
    if ":" in name and (about is None or in_full(name) in map(in_full, declared.values())):
        return resolve_secret(name)
    if ":" in name:
        raise NotFoundError(f"this step declares no secret {name!r}", hint=f"secrets: {{NAME: {name!r}}}")
    by_hand = f'by hand name its source, mlops.secret("env:{name.upper()}")'
    raise NotFoundError(f"no secret {name!r}", hint=did_you_mean(name, declared) or by_hand)


def in_full(reference: str) -> str:
    """Return a reference whose file is named from the root."""
    kind, _, name = reference.partition(":")
    return f"file:{Path(name).expanduser().resolve()}" if kind == "file" else reference


def this_step() -> dict[str, Any] | None:
    """Return what the run told this kernel: its run, step, values and the references of its secrets."""
    file = os.environ.get(VARIABLE)
    if not file:
        return None
    about: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return about
