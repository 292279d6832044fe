"""What goes with the content: tests, the image's recipe, MLflow's papers and the model card."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import folders
from .card import render, render_card
from .mlmodel import write_mlmodel
from .sealing import as_json

if TYPE_CHECKING:
    from .pins import Pins

_TEMPLATES = Path(__file__).with_name("templates")
_TESTS = ("conftest.py", "test_inference.py", "test_validation.py")


def write_tests(folder: Path, golden: dict[str, Any]) -> None:
    """Write `tests/`: plain pytest, with the golden predictions beside it."""
    for name in _TESTS:
        folders.write(folder / "tests" / name, (_TEMPLATES / name).read_bytes(), f"package.tests.{name}")
    folders.write(folder / "tests/golden.json", as_json(golden), "package.tests.golden")
    folders.write(folder / "pytest.ini", (_TEMPLATES / "pytest.ini").read_bytes(), "package.pytest_ini")


def write_requirements(folder: Path, pins: Pins) -> None:
    """Write the two requirements files."""
    folders.write(folder / "requirements.txt", pins.inference, "package.requirements")
    folders.write(folder / "requirements-test.txt", pins.tests, "package.requirements_test")


def write_papers(
    folder: Path, manifest: dict[str, Any], schema: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Write MLmodel, README.md and, last, the Dockerfile, which lists what stands in the folder."""
    size = sum(path.stat().st_size for path in (folder / "model").rglob("*") if path.is_file())
    run = (manifest["run"] or {}).get("id")
    write_mlmodel(folder, schema, size, run, manifest["created"])
    folders.write(folder / "README.md", render_card(manifest, schema, facts), "package.readme")
    parts = sorted(path.name for path in folder.iterdir() if path.is_dir())
    papers = sorted(
        {path.name for path in folder.iterdir() if path.is_file()} | {"Dockerfile", "MANIFEST.json"}
    )
    dockerfile = render(
        "Dockerfile.j2",
        model=manifest["model"],
        version=manifest["version"],
        python=".".join(platform.python_version_tuple()[:2]),
        libgomp="lightgbm" in manifest["libraries"],
        files=papers,
        folders=parts,
    )
    folders.write(folder / "Dockerfile", dockerfile, "package.dockerfile")
