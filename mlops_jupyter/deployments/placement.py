"""Which versions can live in one process: those that agree on every module and every pin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from mlops_jupyter.serving.spec import VariantSpec

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.serving.router import Mode

Modules = dict[str, tuple[tuple[str, str], ...]]


class Python(NamedTuple):
    """An interpreter, and whether it is of an environment of a package's own pins."""

    path: str
    isolated: bool


def place(packages: list[Path], pythons: list[Python]) -> tuple[VariantSpec, ...]:
    """Return the variants of a generation, the first of which is always local.

    Parameters
    ----------
    packages : list of Path
        Verified packages, the new one first.
    pythons : list of Python
        The interpreter each needs.

    Returns
    -------
    tuple of VariantSpec
        A variant is remote when it needs another interpreter, or has a module of its own by a name that a
        local variant has with other content: one process can import only one of them.
    """
    variants, together = [], Modules()
    for slot, (package, python) in enumerate(zip(packages, pythons, strict=True)):
        manifest = json.loads((package / "MANIFEST.json").read_bytes())
        modules = modules_of(manifest["files"])
        local = python == pythons[0] and not _clash(together, modules)
        if local:
            together |= modules
        mode: Mode = "local" if local else "remote"
        version, digest = manifest["version"], manifest["digest"]
        variants.append(VariantSpec(slot, version, digest, str(package), mode, *python))
    return tuple(variants)


def modules_of(files: dict[str, dict[str, str]]) -> Modules:
    """Return the files of each top-level module in a package's ``code/``, with their hashes.

    Examples
    --------
    >>> modules_of({"code/features.py": {"sha256": "a"}, "model/model.onnx": {"sha256": "b"}})
    {'features': (('code/features.py', 'a'),)}
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(files):
        if path.startswith("code/"):
            name = path.split("/")[1].removesuffix(".py")
            found.setdefault(name, []).append((path, files[path]["sha256"]))
    return {name: tuple(entries) for name, entries in found.items()}


def _clash(together: Modules, modules: Modules) -> bool:
    """Whether one process cannot serve both; a module that is a folder is known by its path."""
    return any(
        name in together and (together[name] != own or len(own) > 1 or own[0][0].count("/") > 1)
        for name, own in modules.items()
    )
