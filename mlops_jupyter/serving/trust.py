"""What a skops file may contain: our own list, and never what the file declares itself.

skops audits names without asking how a name will be used, so a trusted function can be called as if it were
a constructor, and a trusted module's own imports (`features.system`) are as good as `os.system`. Here every
node of the file is checked for its kind: an object must be an estimator or one of the private classes that
fitted estimators hold, a function must be one of those that cannot do harm, and so on. A name from the
package's own `code/` is accepted only if it is *defined* there.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

from .archives import UnsafeArchiveError, check_archive
from .parts import unsound_tree
from .trusted_names import (
    BOOSTERS,
    CONSTRUCTED,
    CONTAINERS,
    FUNCTIONS,
    NAMED_TUPLES,
    NUMPY_OBJECTS,
    OPERATORS,
    PLAIN_TYPES,
    PRIVATE_CLASSES,
    SPARSE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

PROTOCOL = 2  # older protocols lay functions out otherwise, and this check would not see their names


class UntrustedModelError(ValueError):
    """The file holds something that may not be loaded; nothing in it was.

    Parameters
    ----------
    message : str
        One line for the reader.
    names : tuple of str
        The types and functions that are not on the list.
    """

    def __init__(self, message: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.names = names


def load_skops(path: Path, code: Collection[str] = ()) -> Any:
    """Check a skops file against our list, then load it.

    Parameters
    ----------
    path : Path
        The file.
    code : collection of str
        Top-level modules of the package's own ``code/``; what they define is trusted too.

    Raises
    ------
    UntrustedModelError
        Before anything is loaded, naming what is not on the list.
    """
    import skops.io

    names = check_skops(path, code)
    if refused := sorted(set(skops.io.get_untrusted_types(file=path)) - names):
        raise UntrustedModelError(
            f"{path.name} holds {_listed(refused)}, which may not be loaded", tuple(refused)
        )
    model = skops.io.load(path, trusted=sorted(names))
    if part := unsound_tree(model):
        raise UntrustedModelError(f"{path.name} holds a {part} whose tree points outside itself")
    return model


def check_skops(path: Path, code: Collection[str] = ()) -> set[str]:
    """Return the names the file needs, or refuse it.

    Parameters
    ----------
    path : Path
        The file: only its table of contents is read.
    code : collection of str
        Top-level modules of the package's own ``code/``.

    Raises
    ------
    UntrustedModelError
        Naming the types that are not on the list, or what is wrong with the archive.
    """
    document = _read_document(path)
    needed: dict[str, Callable[[Any], bool]] = {}
    refused: set[str] = set()
    for node in _nodes(document):
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        loader = node["__loader__"]
        if name in _allowed(loader if isinstance(loader, str) else ""):
            needed.setdefault(name, lambda _: True)
        elif name.partition(".")[0] in code and loader in _FROM_CODE:
            needed[name] = _FROM_CODE[loader]
        else:
            refused.add(name)
    # only when every other name is fine is the package's own code imported, to see what it defines
    refused |= {
        name
        for name in needed
        if not refused and name.partition(".")[0] in code and not _defined(name, needed[name])
    }
    if refused:
        found = sorted(refused)
        raise UntrustedModelError(
            f"{path.name} holds {_listed(found)}, which may not be loaded", tuple(found)
        )
    return set(needed)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _read_document(path: Path) -> dict[str, Any]:
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read("schema.json"))
    except (UnsafeArchiveError, zipfile.BadZipFile, KeyError, ValueError, RecursionError) as problem:
        raise UntrustedModelError(f"{path.name} is not a skops file that can be trusted: {problem}") from None
    if not isinstance(document, dict) or document.get("protocol") != PROTOCOL:
        raise UntrustedModelError(
            f"{path.name} is not written in skops protocol {PROTOCOL}: save it again with a newer skops"
        )
    return document


def _nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Every node of the tree. A dictionary with a ``__loader__`` is one, whatever stands around it."""
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "__loader__" in item:
                yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _is_class(value: Any) -> bool:
    return isinstance(value, type)


_FROM_CODE: dict[str, Callable[[Any], bool]] = {
    "ObjectNode": _is_class,
    "TypeNode": _is_class,
    "FunctionNode": callable,
}


def _defined(name: str, fits: Callable[[Any], bool]) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        value = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    return fits(value) and getattr(value, "__module__", None) == module


@functools.cache
def _allowed(loader: str) -> frozenset[str]:
    """Return the names that a node of this kind may bear."""
    kinds: dict[str, Callable[[], Collection[str]]] = {
        "ObjectNode": lambda: _estimators() | PRIVATE_CLASSES | BOOSTERS,
        "FunctionNode": lambda: FUNCTIONS | _ufuncs(),
        "TypeNode": lambda: PLAIN_TYPES | _scalar_types() | _estimators(),
        "ConstructorFromReduceNode": lambda: CONSTRUCTED,
        "NdArrayNode": lambda: {"numpy.ndarray"} | _scalar_types(),
        "SparseMatrixNode": lambda: SPARSE,
        "TreeNode": lambda: {"sklearn.tree._tree.Tree"},
        "LossNode": lambda: PRIVATE_CLASSES,
        "TupleNode": lambda: CONTAINERS | NAMED_TUPLES,
        "OperatorFuncNode": lambda: OPERATORS,
        "PartialNode": lambda: {"functools.partial"},
    }
    kinds |= dict.fromkeys(
        ("DictNode", "DefaultDictNode", "ListNode", "SetNode", "SliceNode", "BytesNode"),
        lambda: CONTAINERS,
    )
    kinds |= dict.fromkeys(("BytearrayNode", "JsonNode", "CachedNode"), lambda: CONTAINERS)
    kinds |= dict.fromkeys(
        ("DTypeNode", "MaskedArrayNode", "RandomStateNode", "RandomGeneratorNode"), lambda: NUMPY_OBJECTS
    )
    return frozenset(kinds.get(loader, tuple)())


@functools.cache
def _estimators() -> frozenset[str]:
    from sklearn.utils import all_estimators

    classes = (estimator for _, estimator in all_estimators())
    return frozenset(f"{c.__module__}.{c.__name__}" for c in classes if c.__module__.startswith("sklearn."))


@functools.cache
def _ufuncs() -> frozenset[str]:
    import numpy as np
    import scipy.special

    homes = (
        "numpy",
        "numpy._core._multiarray_umath",
        "numpy.core._multiarray_umath",
        "scipy.special",
        "scipy.special._ufuncs",
    )
    return frozenset(
        f"{home}.{name}"
        for module in (np, scipy.special)
        for name, value in vars(module).items()
        if isinstance(value, np.ufunc)
        for home in homes
        if getattr(sys.modules.get(home), name, None) is value
    )


@functools.cache
def _scalar_types() -> frozenset[str]:
    import numpy as np

    return frozenset(f"numpy.{t.__name__}" for t in set(np.sctypeDict.values()) if t is not np.object_)
