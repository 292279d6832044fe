"""skops files whose bytes depend on nothing but the fitted model.

skops names members and nodes after `id(object)`, stamps them with the time, keeps sets in the order of the
hash seed and copies the uninitialised padding of structured arrays. All that is taken out here, so that the
same model packaged twice is the same version.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import ModelError
from mlops_jupyter.serving.trust import UntrustedModelError, check_skops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip file knows


def write(model: Any, path: Path, code: Sequence[str]) -> None:
    """Save a model with skops, and check that our own loader will accept it.

    Raises
    ------
    ModelError
        Naming the type that is in the way, and the remedy.
    """
    import skops.io

    try:
        content = skops.io.dumps(model)
    except (TypeError, ValueError, RecursionError) as problem:
        raise ModelError(
            f"{type(model).__name__} cannot be saved by skops",
            why=str(problem).rstrip("."),
            hint="--allow-pickle saves it with cloudpickle",
        ) from None
    path.write_bytes(normalised(content))
    try:
        check_skops(path, code)
    except UntrustedModelError as refusal:
        path.unlink()
        raise _model_error(model, refusal) from None


def _model_error(model: Any, refusal: UntrustedModelError) -> ModelError:
    local = [name.removeprefix("__main__.") for name in refusal.names if name.startswith("__main__.")]
    if local:
        return ModelError(
            f"{', '.join(local)} is defined in the notebook, where a server cannot find it",
            hint="move it to a module (%%writefile features.py) and import it, or allow --allow-pickle",
        )
    return ModelError(
        f"{type(model).__name__} holds {', '.join(refusal.names) or 'something'} that no package may load",
        hint="put your own code in a module (--code features.py), or allow cloudpickle by --allow-pickle",
    )


def normalised(content: bytes) -> bytes:
    """Return a skops file with the same meaning, whose bytes depend only on what it holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        document = json.loads(archive.read("schema.json"))
        _sort_sets(document)
        _forget_addresses(document)
        _renumber(document)
        members = _rename_members(document)
        return _archive(
            [(new, _member(old, archive.read(old))) for old, new in members.items()]
            + [("schema.json", json.dumps(document, separators=(",", ":")).encode())]
        )


def _nodes(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict):
        if "__loader__" in item:
            yield item
        for value in item.values():
            yield from _nodes(value)
    elif isinstance(item, list):
        for value in item:
            yield from _nodes(value)


def _sort_sets(document: Any) -> None:
    for node in _nodes(document):
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=_without_ids)


def _forget_addresses(document: Any) -> None:
    """Vectorizers keep ``id(stop_words)``, to warn about them once."""
    for node in _nodes(document):
        if node["__loader__"] == "DictNode" and "_stop_words_id" in node["content"]:
            node["content"]["_stop_words_id"]["content"] = "0"


def _without_ids(node: Any) -> str:
    return json.dumps(node, sort_keys=True, default=str) if "content" not in node else str(node["content"])


def _renumber(document: Any) -> None:
    """Give numbers to what is shared, in the order it is met; what stands alone needs none."""
    shared = Counter(node.get("__id__") for node in _nodes(document) if node["__loader__"] != "JsonNode")
    numbers: dict[int, int] = {}
    for node in _nodes(document):
        old = node.pop("__id__", None)
        if old is not None and node["__loader__"] != "JsonNode" and shared[old] > 1:
            node["__id__"] = numbers.setdefault(old, len(numbers) + 1)


def _rename_members(document: Any) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in _nodes(document):
        if isinstance(old := node.get("file"), str):
            node["file"] = names.setdefault(old, f"{len(names)}.{old.rpartition('.')[2]}")
    return names


def _member(name: str, content: bytes) -> bytes:
    handlers: dict[str, Callable[[bytes], bytes]] = {".npy": _clean_array, ".npz": _clean_sparse}
    clean = handlers.get(name[-4:])
    return clean(content) if clean else content


def _clean_array(content: bytes) -> bytes:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)  # a copy would leave the padding as it finds it
    for field in array.dtype.names:
        clean[field] = array[field]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _clean_sparse(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _archive([(name, archive.read(name)) for name in archive.namelist()])


def _archive(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return buffer.getvalue()
