"""Loading and unloading: silent, and twice is as once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_jupyter.notebook import displays, figures
from mlops_jupyter.notebook.completion import IDENTIFIER, make_matcher
from mlops_jupyter.notebook.magics import MlopsMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_HELP = re.compile(r"^(?P<head>\s*(?:[\w.]+\s*=\s*)?%mlops\s+\w+)\s*\?{1,2}\s*$")


def load(shell: InteractiveShell) -> None:
    """Register the magic, its completion, help by a question mark, and what shows results and figures."""
    if "mlops" in shell.magics_manager.magics["line"]:
        return
    shell.register_magics(MlopsMagics)
    displays.install(shell)
    figures.install(shell)
    shell.Completer.custom_matchers.append(make_matcher(shell))
    if answer_question_mark not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(answer_question_mark)


def unload(shell: InteractiveShell) -> None:
    """Take everything away that `load` registered."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mlops", None)
    displays.uninstall(shell)
    figures.uninstall(shell)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != IDENTIFIER]
    if answer_question_mark in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(answer_question_mark)


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
