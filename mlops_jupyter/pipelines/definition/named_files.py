"""Files that the code of a notebook names: read from its syntax trees, nothing is run."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mlops_jupyter.pipelines.definition.file_calls import OF_PATHS, file_use, opened_to, path_argument
from mlops_jupyter.pipelines.definition.sources import dotted, trees_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_jupyter.pipelines.definition.file_calls import Use

PATH_MAKERS: Final = frozenset({"Path", "PurePath", "pathlib.Path", "str", "os.fspath", "os.path.abspath"})
JOINS: Final = frozenset({"os.path.join", "path.join", "join"})
SAME_FILE: Final = frozenset({"resolve", "absolute", "as_posix", "expanduser"})
COPIES: Final = frozenset({"copy", "copyfile", "copy2", "copytree", "move"})
NO_FILE: Final = re.compile(r"^$|^[A-Za-z][\w+.-]*:|^/dev/|^/tmp/|\n")


@dataclass(frozen=True)
class NamedFiles:
    """Files that a notebook names.

    Parameters
    ----------
    reads, writes : tuple of str
        As they are written, relative to the notebook; parameters as ``@param(name)``. What is written first
        and read later is only written.
    changed : tuple of str
        What is read first and written later, which a step cannot do.
    untold : tuple of str
        Calls whose file is only known when they run, as they are written.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def named_files(code: Iterable[str], parameters: Iterable[str] = ()) -> NamedFiles:
    """Return the files that code cells name.

    Parameters
    ----------
    code : iterable of str
        The cells, without that of the parameters.
    parameters : iterable of str
        Names of parameters, which may be parts of a file's name.

    Examples
    --------
    >>> named_files(['pd.read_csv(f"raw/{month}.csv").to_parquet(Path("data") / "m.parquet")'], ["month"])
    NamedFiles(reads=('raw/@param(month).csv',), writes=('data/m.parquet',), changed=(), untold=())
    """
    reader = _Reader(parameters)
    for tree in trees_of(code):
        reader.visit(tree)
    return reader.found()


class _Reader(ast.NodeVisitor):
    """The way through the cells, knowing the texts that names stand for so far."""

    def __init__(self, parameters: Iterable[str]) -> None:
        self.known: dict[str, str] = {name: f"@param({name})" for name in parameters}
        self.uses: list[tuple[Use, str]] = []
        self.untold: list[str] = []

    def found(self) -> NamedFiles:
        """Return what was found, each file once."""
        reads, writes = (
            dict.fromkeys(path for use, path in self.uses if use == kind) for kind in ("reads", "writes")
        )
        first = {path: use for use, path in reversed(self.uses)}
        return NamedFiles(
            tuple(path for path in reads if path not in writes),
            tuple(path for path in writes if first[path] == "writes"),
            tuple(path for path in writes if first[path] == "reads"),
            tuple(dict.fromkeys(self.untold)),
        )

    def visit_Assign(self, node: ast.Assign) -> None:
        """Keep what names stand for; the value's calls come first, as they run."""
        self.visit(node.value)
        value = self.text(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.keep(target.id, value)

    def keep(self, name: str, value: str | None) -> None:
        """Keep what a name stands for, or that it is not known any more."""
        if value is None:
            self.known.pop(name, None)
        else:
            self.known[name] = value

    def visit_For(self, node: ast.For) -> None:
        """Forget what the loop's variable stood for: it will be many things."""
        for inner in ast.walk(node.target):
            if isinstance(inner, ast.Name):
                self.keep(inner.id, None)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note the file that a call reads or writes; what it is called on and with comes first."""
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
        if name == "open":
            self.opened(node)
        elif isinstance(node.func, ast.Attribute) and name in OF_PATHS:
            self.note(OF_PATHS[name], node.func.value, node)
        elif isinstance(node.func, ast.Attribute) and name in {"glob", "rglob"}:
            self.listed(node, node.func)
        elif name in COPIES and dotted(node.func).startswith("shutil.") and len(node.args) > 1:
            self.note("reads", node.args[0], node)
            self.note("writes", node.args[1], node)
        elif (use := file_use(name)) is not None:
            self.note(use[0], path_argument(node, use[1]), node)

    def opened(self, node: ast.Call) -> None:
        """Note ``open(path, mode)`` or ``path.open(mode)``."""
        called_on = node.func.value if isinstance(node.func, ast.Attribute) else None
        path = self.text(called_on) if called_on is not None else None
        if called_on is not None and path is not None:
            self.note(opened_to(node, 0), called_on, node)
        elif called_on is None:
            self.note(opened_to(node, 1), path_argument(node, 0), node)

    def listed(self, node: ast.Call, func: ast.Attribute) -> None:
        """Note ``folder.glob("*.csv")`` and ``glob.glob("raw/*.csv")``."""
        pattern = self.text(node.args[0]) if node.args else None
        folder = "." if dotted(func.value) == "glob" else self.text(func.value)
        if pattern is not None and folder is not None:
            deep = "**/" if func.attr == "rglob" else ""
            self.uses.append(("reads", posixpath.normpath(f"{folder}/{deep}{pattern}")))

    def note(self, use: Use, path: ast.expr | None, call: ast.Call) -> None:
        """Note one use of a file; a call whose argument can be no path is passed by."""
        text = self.text(path) if path is not None else None
        if text is not None and not NO_FILE.search(text):
            self.uses.append((use, posixpath.normpath(text)))
        elif (
            text is None
            and isinstance(path, ast.JoinedStr | ast.BinOp | ast.Name)
            and self.may_be_path(path, call)
        ):
            self.untold.append(ast.unparse(call).split("\n")[0][:80])

    def may_be_path(self, path: ast.expr, call: ast.Call) -> bool:
        """Say whether what is not told is a path; a name alone may be anything, but for readers of frames."""
        if not isinstance(path, ast.Name):
            return True
        called = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        return called.startswith(("read_", "scan_"))

    def text(self, node: ast.expr) -> str | None:
        """Return the text or path that an expression stands for, as far as that can be told."""
        if isinstance(node, ast.Constant):
            return node.value.replace("@", "@@") if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.JoinedStr):
            return self.joined([self.part(value) for value in node.values], "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            between = "/" if isinstance(node.op, ast.Div) else ""
            return self.joined([self.text(node.left), self.text(node.right)], between)
        return self.of_call(node) if isinstance(node, ast.Call) else self.of_attribute(node)

    def part(self, node: ast.expr) -> str | None:
        """Return a part of an f-string; one with a format of its own cannot be told."""
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value) if node.format_spec is None and node.conversion == -1 else None
        return self.text(node)

    def of_call(self, node: ast.Call) -> str | None:
        """Return what ``Path(a, b)``, ``os.path.join(a, b)`` or ``path.resolve()`` stand for."""
        called = dotted(node.func)
        if called in {"Path.cwd", "os.getcwd", "pathlib.Path.cwd"}:
            return "."
        if called in PATH_MAKERS | JOINS:
            return self.joined([self.text(argument) for argument in node.args], "/") if node.args else "."
        if isinstance(node.func, ast.Attribute) and node.func.attr in SAME_FILE:
            return self.text(node.func.value)
        return None

    def of_attribute(self, node: ast.expr) -> str | None:
        """Return what ``path.parent`` stands for."""
        inner = self.text(node.value) if isinstance(node, ast.Attribute) and node.attr == "parent" else None
        return posixpath.dirname(inner) or "." if inner is not None else None

    @staticmethod
    def joined(parts: Sequence[str | None], between: str) -> str | None:
        """Return parts as one text; None when one of them cannot be told."""
        told = [part for part in parts if part is not None]
        if len(told) < len(parts):
            return None
        return posixpath.join(*told) if between else "".join(told)
