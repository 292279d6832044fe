"""The zoo, saved once for all its tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mlops_jupyter.packaging.formats import SavedModel, save_model
from tests.zoo.estimators import Case, case

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Saved:
    """A model of the zoo and where it was saved."""

    case: Case
    folder: Path
    saved: SavedModel


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Return the model of the zoo by a name, saved."""
    kept: dict[str, Saved] = {}

    def find(name: str) -> Saved:
        if name not in kept:
            one, folder = case(name), tmp_path_factory.mktemp(name)
            kept[name] = Saved(one, folder, save_model(one.model, folder, one.sample, one.schema))
        return kept[name]

    return find
