"""Run the folder this file lies in, under a name of its own: ``python <folder> supervise …`` or ``… work …``.

Started by its path, so that `mlops_jupyter` is never imported in a server, and as `model_server`, so that the
modules here never stand in the way of the user's (a project may well have its own ``validation``).
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import CodeType

NAME = "model_server"
HERE = Path(__file__).resolve().parent


class _SourceOnly(importlib.machinery.SourceFileLoader):
    """Compiles what the manifest vouches for; a cached ``.pyc`` beside it has no hash there."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def import_server(folder: Path, *, cached: bool = True) -> None:
    """Import `folder` as the package `model_server`, and take it off the path of the user's imports."""
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE or not entry]
    if not cached:
        for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            finder = importlib.machinery.FileFinder(str(each), (_SourceOnly, [".py"]))
            sys.path_importer_cache[str(each)] = finder
    loader = (importlib.machinery.SourceFileLoader if cached else _SourceOnly)(
        NAME, str(folder / "__init__.py")
    )
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", loader=loader, submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[NAME] = module
    loader.exec_module(module)


def _verify(package: Path, report: int) -> None:
    """Check a package with this folder's code, before any of the package's own runs."""
    spec = importlib.util.spec_from_file_location("package_manifest", HERE / "manifest.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["package_manifest"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    try:
        module.verify(package)
    except module.IntegrityFailure as failure:
        os.write(report, json.dumps({"error": str(failure), "integrity": True}).encode() + b"\n")
        raise SystemExit(1) from failure


def main(arguments: list[str]) -> None:
    """Supervise a deployment, or work in one generation of it.

    ``supervise <deployment folder> --token T``; ``work <generation folder> <name> … [--package P]``: with
    a package given, its own copy of the server is used.
    """
    command, *rest = arguments
    if "--package" in rest:
        position = rest.index("--package")
        package = Path(rest[position + 1])
        del rest[position : position + 2]
        _verify(package, int(rest[rest.index("--report") + 1]))
        import_server(package / "src", cached=False)
    else:
        import_server(HERE)
    module = importlib.import_module(f"{NAME}.{'supervisor' if command == 'supervise' else 'worker'}")
    module.main(rest)


if __name__ == "__main__":
    main(sys.argv[1:])
