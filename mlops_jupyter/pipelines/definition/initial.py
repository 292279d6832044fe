"""A first pipeline.yaml, written from what the notebooks say: their parameters, and the files they name."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import ConflictError, UsageError, WorkspaceError
from mlops_jupyter.pipelines.definition.checking import name_of
from mlops_jupyter.pipelines.definition.declared import declared_step
from mlops_jupyter.pipelines.definition.exchanged import values_taken
from mlops_jupyter.pipelines.definition.named_files import NamedFiles, named_files
from mlops_jupyter.pipelines.definition.notebooks import PARAMETERS, parameters_of, read_notebook
from mlops_jupyter.pipelines.definition.paths import meets, normal
from mlops_jupyter.pipelines.definition.positions import PipelineError, parsed
from mlops_jupyter.pipelines.definition.reading import read_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_jupyter.pipelines.definition.notebooks import Parameter

HEAD: Final = """\
# What runs, behind what, made from which files. Read from the notebooks' cells: change what is not so.
#   mlops pipeline run            runs what is new or has changed
#   mlops pipeline run -p NAME=VALUE
"""
NUMBERED: Final = re.compile(r"^\d+[\s._-]*(?=\D)")
CHECKPOINTS: Final = (".ipynb_checkpoints", ".mlops")


@dataclass(frozen=True)
class Found:
    """What is known of one notebook.

    Parameters
    ----------
    name : str
        The step's.
    notebook : str
        Its path from the pipeline's file.
    parameters : mapping
        The notebook's.
    files : NamedFiles
        What it names, from the pipeline's folder.
    takes : tuple of str
        Steps whose values it takes.
    declared : frozenset of str
        What it declares itself, and is not written again.
    """

    name: str
    notebook: str
    parameters: dict[str, Parameter]
    files: NamedFiles
    takes: tuple[str, ...] = ()
    declared: frozenset[str] = frozenset()


def write_initial(notebooks: Sequence[Path], file: Path, force: bool = False) -> Path:
    """Write a pipeline's file from what its notebooks say.

    Parameters
    ----------
    notebooks : sequence of Path
        The steps-to-be. Copies that Jupyter or runs keep are left out.
    file : Path
        Where to write.
    force : bool
        Whether to write over a file that is there.

    Returns
    -------
    Path
        The file, absolute. What keeps it from running yet stands in its first lines.

    Raises
    ------
    ConflictError
        When the file is there already.
    UsageError
        When there are no notebooks, or one cannot be read.
    """
    file = Path(os.path.abspath(file))  # noqa: PTH100 - as it was asked for: no link is followed
    kept = [path for path in map(Path, notebooks) if not set(CHECKPOINTS) & set(path.parts)]
    if not kept:
        raise UsageError("no notebooks are named", hint="mlops pipeline init notebooks/*.ipynb")
    if file.exists() and not force:
        raise ConflictError(f"{file.name} is there already", hint="--force writes it anew")
    text = initial_text(kept, file.parent, file.parent.name)
    _write(file, _to_mend(text, file) + text)
    return file


def _write(file: Path, text: str) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as written:
            written.write(text)
        Path(written.name).chmod(0o644)
        Path(written.name).replace(file)
    except OSError as error:
        raise WorkspaceError(f"{file} cannot be written", (error.strerror or str(error)).lower()) from None


def _to_mend(text: str, file: Path) -> str:
    """Return what is wrong with a file that was not written yet, as its first lines."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / file.name
        there.write_text(text, encoding="utf-8")
        try:
            read_pipeline(there, folder=file.parent)
        except PipelineError as error:
            lines = "".join(f"#   {problem.text}\n" for problem in error.problems)
            return f"# To mend before it runs:\n{lines}"
    return ""


def initial_text(notebooks: Sequence[Path], folder: Path, name: str) -> str:
    """Return a pipeline's file as text.

    Parameters
    ----------
    notebooks : sequence of Path
        The notebooks, each once.
    folder : Path
        Where the file will be.
    name : str
        The pipeline's.
    """
    paths = list(dict.fromkeys(Path(os.path.abspath(path)) for path in notebooks))  # noqa: PTH100
    named = zip(paths, _names(paths), strict=True)
    found = _in_order([_found(path, folder, step) for path, step in named])
    lines = [f"{HEAD}name: {written(name_of(name))}", ""]
    lines += [*_parameters(found), "steps:"]
    for item in found:
        lines += [*_step(item), ""]
    return "\n".join([*lines[:-1], *_untied(found)]) + "\n"


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the names of steps: ``01-ingest.ipynb`` is ``ingest``; with its folder where two are alike."""
    short = [_slug(NUMBERED.sub("", path.stem)) for path in paths]
    made: list[str] = []
    for path, name in zip(paths, short, strict=True):
        unique = name if short.count(name) == 1 else _slug(f"{path.parent.name}-{path.stem}")
        made.append(unique if unique not in made else f"{unique}-{len(made) + 1}")
    return made


def _slug(text: str) -> str:
    slug = re.sub(r"[^\w-]+", "-", text).strip("-_").lower()[:60]
    return slug if re.match(r"[^\W\d]", slug) else f"step-{slug}".rstrip("-")


def _found(path: Path, folder: Path, name: str) -> Found:
    notebook = read_notebook(path)
    parameters = parameters_of(path)
    python = notebook.language == "python"
    code = [cell.source for cell in notebook.cells if cell.kind == "code" and PARAMETERS not in cell.tags]
    files = named_files(code, parameters) if python else NamedFiles()
    declared = frozenset(declared_step(path) or ())
    takes = tuple(dict.fromkeys(call.step for call in values_taken(notebook.code))) if python else ()
    return Found(
        name, normal(str(path), folder), parameters, _from(files, folder, path.parent), takes, declared
    )


def _from(files: NamedFiles, folder: Path, base: Path) -> NamedFiles:
    def moved(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(normal(path, folder, base) for path in paths))

    return replace(files, reads=moved(files.reads), writes=moved(files.writes), changed=moved(files.changed))


def _in_order(found: list[Found]) -> list[Found]:
    """Return notebooks behind those that write what they read, else as they were named."""
    from mlops_jupyter.pipelines.definition.graph import ordered

    needs = {
        item.name: [other.name for other in found if other is not item and _needs(item, other)]
        for item in found
    }
    order = ordered(needs)
    return sorted(found, key=lambda item: order.index(item.name) if item.name in order else len(order))


def _needs(item: Found, other: Found) -> bool:
    written_there = (*other.files.writes, *other.files.changed)
    return other.name in item.takes or any(
        meets(want, made) for want in item.files.reads for made in written_there
    )


def _shared(found: list[Found]) -> tuple[dict[str, Any], dict[str, list[tuple[str, Any]]]]:
    """Return the parameters with one default, and those of which notebooks have different ones."""
    all_of: dict[str, list[tuple[str, Any]]] = {}
    for item in found:
        for name, parameter in item.parameters.items():
            all_of.setdefault(name, []).append((item.name, parameter.default))
    same = {name: uses[0][1] for name, uses in all_of.items() if len({repr(value) for _, value in uses}) == 1}
    plain = {name: value for name, value in same.items() if _is_plain(value)}
    return plain, {name: uses for name, uses in all_of.items() if name not in same}


def _is_plain(value: Any) -> bool:
    try:
        return value is not None and json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError):
        return False


def _parameters(found: list[Found]) -> Iterator[str]:
    shared, different = _shared(found)
    if shared:
        yield "parameters:  # each step takes those that its notebook has"
    width = max((len(f"{name}: {written(value)}") for name, value in shared.items()), default=0)
    for name, value in shared.items():
        users = ", ".join(item.name for item in found if name in item.parameters)
        yield f"  {f'{name}: {written(value)}':{width}}  # {users}"
    for name, uses in different.items():
        told = ", ".join(f"{written(value)} in {step}" for step, value in uses)
        yield f"{'  ' if shared else ''}# {name} is {told}"
    if shared or different:
        yield ""


def _step(item: Found) -> Iterator[str]:
    yield f"  {item.name}:"
    yield f"    notebook: {written(item.notebook)}"
    if item.declared:
        yield f"    # it declares its {', '.join(sorted(item.declared))} itself"
    if item.files.reads and "inputs" not in item.declared:
        yield f"    inputs: {written(list(item.files.reads))}"
    outputs = [*item.files.writes, *item.files.changed]
    if outputs and "outputs" not in item.declared:
        yield f"    outputs: {written(outputs)}"
    for path in item.files.changed:
        yield f"    # it reads {path} before it writes it; let it write another file"
    if item.takes:
        yield f"    # it takes values of {', '.join(item.takes)}"
    for call in item.files.untold:
        yield f"    # which file is known only when it runs: {call}"


def _untied(found: list[Found]) -> Iterator[str]:
    tied = any(_needs(item, other) for item in found for other in found if item is not other)
    if len(found) > 1 and not tied and not any("after" in item.declared for item in found):
        yield ""
        yield "# No step reads what another writes: all may run at once; 'after: [NAME]' orders them."


def written(value: Any) -> str:
    """Return a value as YAML on one line, which reads back as the same.

    Examples
    --------
    >>> written(["a.csv", "@param(x).csv", "no"]), written({"a": None, "b": True}), written("1")
    ('[a.csv, "@param(x).csv", no]', '{a: null, b: true}', '"1"')
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(str(key))}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return value if _is_plain_word(value) else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    said = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in said)


def _is_plain_word(text: str) -> bool:
    return re.fullmatch(r"[\w./][\w./*+-]*", text) is not None and parsed(text, "value").data == text
