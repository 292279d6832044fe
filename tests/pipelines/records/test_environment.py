"""What is installed where a step runs."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.pipelines.records.contents import contents
from mlops_jupyter.pipelines.records.environment import Environment, environment, installed
from mlops_jupyter.pipelines.records.kernelspecs import environment_of, spec_of

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_jupyter.store.direct import Ledger


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter" / "kernels"


def kernel(folder: Path, *words: str) -> None:
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": words}))


def test_every_distribution_is_found_with_its_version():
    packages = environment().packages
    for name in ("sqlalchemy", "scikit-learn", "mlflow", "jupyter-client"):
        assert packages[name] == metadata.version(name)
    assert packages["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


def test_names_are_read_in_every_spelling(tmp_path: Path):
    for name in ("Jupyter_Client-8.6.dist-info", "old.style-1.0-py3.11.egg-info", "pandas", "x-1.pth"):
        (tmp_path / name).mkdir()
    assert installed([str(tmp_path), "/nowhere"]) == {"jupyter-client": "8.6", "old-style": "1.0"}


def test_of_two_the_one_that_is_imported_counts(tmp_path: Path):
    for number in ("2", "1"):
        (tmp_path / number / f"pandas-{number}.dist-info").mkdir(parents=True)
    assert installed([str(tmp_path / "2"), str(tmp_path / "1")]) == {"pandas": "2"}


def test_what_is_installed_meanwhile_is_seen(tmp_path: Path):
    (tmp_path / "pandas-2.dist-info").mkdir()
    before = installed([str(tmp_path)])
    (tmp_path / "numpy-2.dist-info").mkdir()
    assert installed([str(tmp_path)]) == before | {"numpy": "2"}


def test_the_digest_is_of_the_versions():
    assert Environment({"a": "1", "b": "2"}).digest == Environment({"b": "2", "a": "1"}).digest
    assert Environment({"a": "1"}).digest != Environment({"a": "2"}).digest


@pytest.mark.parametrize("name", ["python3", "not-installed"])
def test_a_kernel_of_this_interpreter_has_its_environment(ledger: Ledger, name: str):
    with contents(ledger) as known:
        assert environment_of(name, known) == environment()


def test_a_kernel_that_names_python_alone_runs_in_this_one(ledger: Ledger, kernels: Path):
    kernel(kernels / "plain", "python3", "-m", "ipykernel_launcher")
    with contents(ledger) as known:
        assert environment_of("plain", known) == environment()


def test_a_kernel_of_another_interpreter_has_that_ones_environment(
    ledger: Ledger, kernels: Path, tmp_path: Path
):
    (tmp_path / "other/lib/python3.12/site-packages/pandas-1.5.dist-info").mkdir(parents=True)
    (tmp_path / "other/bin").mkdir()
    (tmp_path / "other/bin/python").write_text("binary")
    kernel(kernels / "other", str(tmp_path / "other/bin/python"))
    with contents(ledger) as known:
        packages = environment_of("other", known).packages
    assert (packages["pandas"], packages.keys()) == ("1.5", {"pandas", "python"})


def test_of_a_kernel_of_another_language_the_program_counts(ledger: Ledger, kernels: Path, tmp_path: Path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "R"
    program.write_text("4.4")
    kernel(kernels / "ir", str(program))
    with contents(ledger) as known:
        before = environment_of("ir", known)
        program.write_text("4.5.0")
        assert environment_of("ir", known) != before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"argv": []}'])
def test_a_broken_description_of_a_kernel_is_taken_for_this_interpreter(
    ledger: Ledger, kernels: Path, text: str
):
    kernel(kernels / "broken")
    (kernels / "broken" / "kernel.json").write_text(text)
    assert spec_of("broken") == kernels / "broken" / "kernel.json"
    with contents(ledger) as known:
        assert environment_of("broken", known) == environment()
