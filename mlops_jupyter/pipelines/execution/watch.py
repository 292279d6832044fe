"""Watches in a step's kernel which local code it runs.

Its text is sent to the kernel, which may be of an environment that has nothing of ours, so it knows the
standard library alone. An audit hook sees what no table of modules shows: ``%run``, runpy, a module that was
loaded again or taken away.
"""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
import types
from contextlib import suppress
from typing import Any

NAME = "_mlops_watch"
ran: set[str] = set()


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Note the file of code that is run."""
    if event == "exec":
        name = getattr(arguments[0], "co_filename", "<")
        if name[:1] != "<" and name not in ran:
            with suppress(OSError):  # the working folder is gone; what is raised here would end the code
                ran.add(os.path.abspath(name))  # noqa: PTH100 (many times faster)


def told() -> str:
    """Return what was seen, as JSON; the last that a kernel is asked."""
    end_quickly()
    values = sys.modules.get("mlops_jupyter.pipelines.execution.values")
    about = {
        "modules": sorted(local_files()),
        "reads": sorted(getattr(values, "asked", ())),
        "peak_bytes": peak_bytes(),
    }
    return json.dumps(about)


def local_files() -> set[str]:
    """Return the files of local code that were imported or run."""
    away = tuple(os.path.join(place, "") for place in installed())  # noqa: PTH118
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    named = {name for name in [*ran, *loaded] if isinstance(name, str)}
    # most are away by their name already: to follow the links of all takes long
    real = {os.path.realpath(name) for name in named if not name.startswith(away)}
    return {name for name in real if not name.startswith(away) and os.path.isfile(name)}  # noqa: PTH113


def installed() -> set[str]:
    """Return the folders of code that is not local: what is installed, the interpreter's own, and ours."""
    paths = sysconfig.get_paths()
    places = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {sys.prefix, sys.base_prefix, site.getusersitepackages(), *site.getsitepackages()}
    ours = getattr(sys.modules.get("mlops_jupyter"), "__file__", None)
    places |= {os.path.dirname(ours)} if ours else set()  # noqa: PTH120
    return places | {os.path.realpath(place) for place in places}


def end_quickly() -> None:
    """Do not let the kernel wait 10 s at its end for a thread that has ended before.

    ipykernel flushes what was printed after it was told to end, while its main thread closes what flushes it.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "flush_timeout"):
            stream.flush()
            stream.flush_timeout = 0.05


def peak_bytes() -> int:
    """Return the most memory that this process ever held; 0 where that is not counted."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def begin() -> None:
    """Begin to watch; once is as twice."""
    if NAME not in sys.modules:
        module = types.ModuleType(NAME)
        module.told = told  # type: ignore[attr-defined]
        sys.modules[NAME] = module
        sys.addaudithook(hear)
