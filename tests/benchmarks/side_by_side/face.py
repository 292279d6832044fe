"""What every benchmark beside others takes and tells in the same way: which peers, and the line of JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Peer = TypeVar("Peer")


def chosen_peers(text: str, known: Mapping[str, Peer]) -> dict[str, Peer]:
    """Return the peers that were named: all of them, none, or a list with commas."""
    names = {"all": list(known), "none": []}.get(text, text.split(","))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no peer {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in names}


def tell(figures: Mapping[str, float], output: Path | None) -> None:
    """Print the figures that are finite as one line of JSON, and write it to a file if there is one."""
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    document = json.dumps({name: float(f"{value:.3g}") for name, value in finite.items()})
    if output:
        output.write_text(document + "\n")
    print(document)
