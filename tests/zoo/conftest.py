"""The zoo, packaged and loaded once for all its tests."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest
from threadpoolctl import threadpool_limits

from mlops_jupyter.packaging.building import build
from mlops_jupyter.packaging.request import BuiltPackage, PackageRequest
from mlops_jupyter.serving.loading import Package, load
from mlops_jupyter.store.database import open_store
from mlops_jupyter.store.workspace import open_workspace
from tests.zoo.estimators import Case, case


@dataclass(frozen=True)
class Packaged:
    """A model of the zoo, its package as it was built, and as a server loads it."""

    case: Case
    built: BuiltPackage
    package: Package


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """On eighty rows more threads only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def zoo(private_workspace):
    """Return the model of the zoo by a name, packaged and loaded."""
    workspace = open_workspace()
    store = open_store(workspace)
    kept: dict[str, Packaged] = {}

    def find(name: str) -> Packaged:
        if name not in kept:
            one = case(name)
            request = PackageRequest(one.model, name.lower(), one.sample)
            built = build(workspace, store, request, lambda _: None)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated estimators say so whenever they are made
                kept[name] = Packaged(one, built, load(built.path, built.digest))
        return kept[name]

    return find
