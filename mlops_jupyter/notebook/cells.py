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
    """Return the body of a cell as something a verb can run in the notebook's namespace.

    Raises
    ------
    SyntaxError
        If it is not Python; no run is opened then.
    """
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    try:
        parts = _compiled(shell, cell, source, name)
    except SyntaxError as error:
        _show(error, shell.SyntaxTB.structured_traceback(type(error), error, []))
        raise
    return Script(cell, run=partial(_run, shell, parts, name), space=shell.user_ns)


def _run(shell: InteractiveShell, parts: list[CodeType], name: str) -> None:
    """Run a cell; its last expression is shown, its exception raised with its own traceback."""
    try:
        for code in parts:
            exec(code, shell.user_ns)
    except Exception as error:
        own = _from_cell(error.__traceback__, name)
        if own is not None and not hasattr(error, "_render_traceback_"):
            _show(error, shell.InteractiveTB.structured_traceback(type(error), error, own, tb_offset=0))
        raise


def _compiled(shell: InteractiveShell, cell: str, source: str, name: str) -> list[CodeType]:
    tree = shell.compile.ast_parse(source, filename=name)
    muted = DisplayHook.semicolon_at_end_of_expression(cell)
    last = tree.body[-1:] if tree.body and isinstance(tree.body[-1], ast.Expr) and not muted else []
    body = tree.body[: len(tree.body) - len(last)]
    with shell.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        parts = [
            shell.compile(ast.Module(body, []), name, "exec"),
            shell.compile(ast.Interactive(last), name, "single"),
        ]
    if any(part.co_flags & inspect.CO_COROUTINE for part in parts):
        raise UsageError("a tracked cell cannot await", hint="await in a cell of its own")
    return parts


def _show(error: Exception, shown: list[str]) -> None:
    """Have IPython show these lines: the frames from the cell on, and none of ours."""
    with suppress(AttributeError, TypeError):  # an exception with slots keeps the long traceback
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]


def _from_cell(traceback: TracebackType | None, name: str) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename != name:
        traceback = traceback.tb_next
    return traceback
