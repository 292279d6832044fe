"""What a step's result is made from, as it is now.

What a step reads without saying so, local modules and values of other steps, is known from its last run:
while all else is unchanged, it would read the same again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from mlops_jupyter.pipelines.definition.notebooks import code_digest, kernel_of
from mlops_jupyter.pipelines.records.contents import digest_of
from mlops_jupyter.pipelines.records.run import Fingerprint

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from mlops_jupyter.pipelines.definition.pipeline import Pipeline, Step
    from mlops_jupyter.pipelines.records.contents import Contents
    from mlops_jupyter.pipelines.records.run import StepRecord

UNSET = ""
# what a notebook that names no kernel runs in, and Jupyter writes into it when it is saved
PLAIN_PYTHON = "python3"


def without(_kernel: str) -> str:
    """Take all environments for one."""
    return ""


def fingerprint(
    pipeline: Pipeline,
    step: Step,
    previous: StepRecord | None,
    done: Mapping[str, StepRecord],
    contents: Contents,
    *,
    environment: Callable[[str], str] = without,
    source: Path | None = None,
) -> Fingerprint:
    """Look at all that a step's result depends on.

    Parameters
    ----------
    pipeline, step : Pipeline, Step
        Which step.
    previous : StepRecord or None
        Its last result: of it is known which modules and values it reads.
    done : mapping of str to StepRecord
        The results of the steps before, by name.
    contents : Contents
        Digests of files.
    environment : callable
        Returns the digest of what is installed for a kernel, by the kernel's name.
    source : Path, optional
        The notebook as it was when the run began; itself when left out.
    """
    known = previous.fingerprint.modules if previous and previous.fingerprint else {}
    kernel = step.kernel or told(contents, step.notebook, source, kernel_of) or PLAIN_PYTHON
    return Fingerprint(
        code=told(contents, step.notebook, source, code_digest),
        parameters={name: json_of(value) for name, value in step.parameters.items()},
        inputs=inputs_of(pipeline, step, contents),
        environment=environment(kernel),
        variables=variables_of(step, contents.connection),
        upstream=upstream(step, previous.reads if previous else (), done),
        modules={name: contents.file(pipeline.folder / name) for name in known},
        outputs=step.outputs,
        secrets=dict(step.secrets),
        kernel=kernel,
    )


def told(contents: Contents, notebook: Path, source: Path | None, read: Callable[[Path], str]) -> str:
    """Return what a notebook says of itself, or its copy, which is read once and needs not be remembered."""
    return read(source) if source else contents.derived(notebook, read.__name__, read)


def json_of(value: Any) -> str:
    """Return the one JSON of a parameter's value; a date is its text."""
    return json.dumps(value, sort_keys=True, default=str)


def inputs_of(pipeline: Pipeline, step: Step, contents: Contents) -> dict[str, str]:
    """Return the digest of each input; what the step writes itself is its result, and none of them."""
    return contents.tree(pipeline.folder, step.inputs, apart=step.outputs)


def variables_of(step: Step, connection: sqlite3.Connection) -> dict[str, str]:
    """Return what tells one value of each variable from another, and none of the value."""
    if not step.variables:
        return {}
    known = salt(connection)
    return {name: digest_of_variable(name, known) for name in step.variables}


def digest_of_variable(name: str, known: str) -> str:
    """Return a digest of a variable's value that nobody can find by trying who does not know the salt."""
    value = os.environ.get(name)
    if value is None:
        return UNSET
    return hashlib.sha256(f"{known}{name}={value}".encode("utf-8", "surrogateescape")).hexdigest()


def salt(connection: sqlite3.Connection) -> str:
    """Return the salt of this workspace's digests of variables, made on first use."""
    asked = "SELECT value FROM workspace_facts WHERE name = 'salt'"
    found = connection.execute(asked).fetchone()
    if found is None:
        made = "INSERT OR IGNORE INTO workspace_facts VALUES ('salt', ?)"
        connection.execute(made, (secrets.token_hex(16),))
        found = connection.execute(asked).fetchone()
    return str(found["value"])


def upstream(step: Step, reads: Iterable[str], done: Mapping[str, StepRecord]) -> dict[str, str]:
    """Return what a step is given by those before it.

    Of a step whose values it reads by name, these values; of each step it needs, the outputs; of one that has
    none and whose values it does not read, all of its values, and of one that gives nothing at all, that it
    ran: something else may have changed by it.
    """
    given = {
        f"{name}.{value}": (name, record.values[value])
        for name, record in done.items()
        for value in record.values
    }
    named = [each for each in reads if each in given]
    unknown = sorted(set(reads) - set(named))
    found = {
        name: digest_of_result(done[name], {given[each][0] for each in named})
        for name in step.needs
        if name in done
    }
    found |= {f"value {each}": digest_of(given[each][1]) for each in named}
    # a name that says not which step it is of
    return found | {
        f"value {each}": digest_of([dict(done[name].values) for name in step.needs if name in done])
        for each in unknown
    }


def digest_of_result(record: StepRecord, read: set[str]) -> str:
    """Return a digest of what a step gave to one that needs it."""
    if record.outputs or record.name in read:
        return digest_of(dict(record.outputs))
    return digest_of(dict(record.values) if record.values else record.mark)
