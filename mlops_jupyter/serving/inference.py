"""A package that serves itself: ``uvicorn src.inference:app`` in its folder.

The user's own code may well have a package named ``src`` too. So this module is only a door: `app` is made
when it is first asked for, by then under the name ``model_server``, and ``src`` is free again for theirs.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

SERVER = "model_server"
_HERE = Path(__file__).resolve().parent


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    door = sys.modules[__name__]
    if SERVER not in sys.modules:
        _import_under_own_name()
    app = importlib.import_module(f"{SERVER}.single").open_app(_HERE.parent)
    # uvicorn imports it a second time: by then that name may lead to a module of the user's
    vars(sys.modules.setdefault(__name__, door))["app"] = app
    return app


def _import_under_own_name() -> None:
    """Import this folder once more as `model_server`, and forget the name it was found under."""
    init = _HERE / "__init__.py"
    spec = importlib.util.spec_from_file_location(SERVER, init, submodule_search_locations=[str(_HERE)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{init} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[SERVER] = module
    spec.loader.exec_module(module)
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    if (_HERE.parent / "code" / package).is_dir():
        # theirs may have no __init__.py: one that has it is preferred wherever it stands on the path
        sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _HERE.parent]
