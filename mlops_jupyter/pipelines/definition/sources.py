"""Code of cells as Python's own syntax trees, magics left aside; without IPython, which is slow to import."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC_LINE: Final = re.compile(r"^(\s*)(?:(?:[\w.,\s\[\]*]+=\s*)?[%!](?![=]).*|\?.*|[\w.]+\?{1,2})$")
RUN_CELL_MAGICS: Final = ("time", "timeit", "capture", "mlops", "prun", "memit")


def plain_python(source: str) -> str:
    r"""Return a cell's source with each magic line made a ``pass``; of ``%%time`` and the like, the body.

    Examples
    --------
    >>> plain_python("%matplotlib inline\nx = 1")
    'pass\nx = 1'
    """
    if source.lstrip().startswith("%%"):
        head, _, body = source.lstrip().partition("\n")
        source = "\n" + body if _runs_python(head) else ""
    return "\n".join(
        MAGIC_LINE.sub(r"\1pass", line) if _may_be_magic(line) else line for line in source.split("\n")
    )


def _runs_python(head: str) -> bool:
    words = head[2:].split(maxsplit=1)
    return bool(words) and words[0] in RUN_CELL_MAGICS


def _may_be_magic(line: str) -> bool:
    return "%" in line or "!" in line or "?" in line


def tree_of(source: str) -> ast.Module | None:
    """Return a cell's syntax tree; None when it is no Python, as it may be in a cell meant to fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        for text in (source, plain_python(source)):
            try:
                return ast.parse(text)
            except (SyntaxError, ValueError, RecursionError):
                continue
    return None


def trees_of(sources: Iterable[str]) -> Iterator[ast.Module]:
    """Yield the tree of each cell that has one."""
    for source in sources:
        tree = tree_of(source)
        if tree is not None:
            yield tree


def dotted(node: ast.expr) -> str:
    """Return what a chain of attributes is called, ``pd.io.read``; empty when it begins with anything else.

    Examples
    --------
    >>> dotted(ast.parse("pd.read_csv", mode="eval").body)
    'pd.read_csv'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id, *parts]) if isinstance(node, ast.Name) else ""
