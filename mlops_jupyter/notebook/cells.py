"""A cell run by a magic as IPython would run it, with a real exception when it fails.

A nested `shell.run_cell` shows the traceback and then reports success: nbclient sees no error and papermill
goes on to the next cell. So the body is compiled and run here, and what it raises goes through.
"""

from __future__ import annotations

import ast
import inspect
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.displayhook import DisplayHook

from mlops_jupyter.errors import UsageError
from mlops_jupyter.verbs.types import Script

if TYPE_CHECKING:
    from types import CodeType, TracebackType

    from IPython.core.interactiveshell import InteractiveShell


def tracked_cell(shell: InteractiveShell, cell: str) -> Script:
    """Return the body of a cell as something a verb can run in the notebook's namespace."""
    return Script(cell, run=partial(run_cell, shell, cell), space=shell.user_ns)


def run_cell(shell: InteractiveShell, cell: str) -> None:
    """Run the body of a cell; its last expression is shown, its exception raised with its own traceback."""
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    try:
        for code in _compiled(shell, source, name, mute=DisplayHook.semicolon_at_end_of_expression(cell)):
            exec(code, shell.user_ns)
    except Exception as error:
        _show_only_the_cell(shell, error, name)
        raise


def _compiled(shell: InteractiveShell, source: str, name: str, *, mute: bool) -> list[CodeType]:
    tree = shell.compile.ast_parse(source, filename=name)
    last = tree.body[-1:] if tree.body and isinstance(tree.body[-1], ast.Expr) and not mute else []
    body = tree.body[: len(tree.body) - len(last)]
    parts = [
        shell.compile(ast.Module(body, []), name, "exec"),
        shell.compile(ast.Interactive(last), name, "single"),
    ]
    if any(part.co_flags & inspect.CO_COROUTINE for part in parts):
        raise UsageError("a tracked cell cannot await", hint="await in a cell of its own")
    return parts


def _show_only_the_cell(shell: InteractiveShell, error: Exception, name: str) -> None:
    """Have IPython show the frames from the cell on, and none of ours."""
    if hasattr(error, "_render_traceback_"):
        return
    own = _from_cell(error.__traceback__, name)
    if own is None:
        return
    shown = shell.InteractiveTB.structured_traceback(type(error), error, own, tb_offset=0)
    with suppress(AttributeError, TypeError):  # an exception with slots keeps the long traceback
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]


def _from_cell(traceback: TracebackType | None, name: str) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename != name:
        traceback = traceback.tb_next
    return traceback
