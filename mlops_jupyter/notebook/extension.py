"""Loading and unloading: silent, and twice is as once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_jupyter.notebook import displays, figures
from mlops_jupyter.notebook.completion import IDENTIFIER, make_matcher
from mlops_jupyter.notebook.magics import MlopsMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_HELP = re.compile(r"^(?P<head>\s*(?:[\w.]+\s*=\s*)?%mlops\s+\w+(?:\s+\w+)?)\s*\?{1,2}\s*$")
_STEP = re.compile(r"^\s*%(?P<line>%mlops\s+step\b.*)$", re.DOTALL)


def load(shell: InteractiveShell) -> None:
    """Register the magic, its completion, help by a question mark, and what shows results and figures."""
    if "mlops" in shell.magics_manager.magics["line"]:
        return
    shell.register_magics(MlopsMagics)
    displays.install(shell)
    figures.install(shell)
    shell.Completer.custom_matchers.append(make_matcher(shell))
    for transformer in (answer_question_mark, declare_step):
        if transformer not in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.append(transformer)


def unload(shell: InteractiveShell) -> None:
    """Take everything away that `load` registered."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mlops", None)
    displays.uninstall(shell)
    figures.uninstall(shell)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != IDENTIFIER]
    for transformer in (answer_question_mark, declare_step):
        if transformer in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(transformer)


def answer_question_mark(lines: list[str]) -> list[str]:
    r"""Turn ``%mlops deploy?`` into ``%mlops deploy --help``.

    IPython would look for a Python object named ``deploy``.

    Examples
    --------
    >>> answer_question_mark(["%mlops deploy?\n"])
    ['%mlops deploy --help\n']
    """
    asked = _HELP.match(lines[-1]) if lines else None
    return [*lines[:-1], f"{asked['head']} --help\n"] if asked else lines


def declare_step(lines: list[str]) -> list[str]:
    r"""Turn the first line of a ``%%mlops step`` cell into a line of its own: the rest runs as usual.

    Examples
    --------
    >>> declare_step(["%%mlops step --inputs a.csv\n", "rows = 3\n"])
    ['%mlops step --inputs a.csv;\n', 'rows = 3\n']
    """
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    found = _STEP.match(lines[first]) if first is not None else None
    if first is None or found is None:
        return lines
    # muted where there is more: what the cell shows is what its own last line gives
    mute = ";" if any(line.strip() for line in lines[first + 1 :]) else ""
    return [*lines[:first], f"{found['line'].rstrip()}{mute}\n", *lines[first + 1 :]]
