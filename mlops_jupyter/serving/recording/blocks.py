"""Requests of one row, a block of them a message.

What one processor has written another reads slowly, and makes slow to be written again: a captured row costs
less where it is laid out for the disk by the thread that has answered it, while it is at hand. Which blocks
can be is decided here, and the thread that writes teaches how they look.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .arrays import joined_texts
from .images import any_missing, make_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from .images import Image, Texts
    from .layout import Layout
    from .messages import Laid, MessageWriter
    from .ring import RingRows

    Kind = tuple[int, bool]  # role, whether there are units

BLOCK_ROWS = 512  # a few ten microseconds' work


class BlockImages:
    """How blocks of rows look, by their kinds.

    Parameters
    ----------
    layout : Layout
        Of their columns.
    largest : int
        Bytes of a message.
    """

    def __init__(self, layout: Layout, largest: int) -> None:
        self._unit, self._features, self._scored = layout.unit, len(layout.features), any(layout.scores)
        self._largest = largest
        self._images: dict[Kind, Image] = {}
        self._too_large: set[Kind] = set()

    def image_of(self, rows: RingRows) -> tuple[Image, Texts | None] | None:
        """Return what to fill with a block, and its units as texts if any are kept; None if it must wait."""
        kind = self._kind(rows)
        image = None if kind is None else self._images.get(kind)
        if kind is None or image is None or not isinstance(rows.labels, np.ndarray):
            return None
        if any_missing(rows.labels) or (self._scored and any_missing(rows.scores)):
            return None
        units = joined_texts(rows.units) if kind[1] else None
        return None if units and len(units[0]) > image.unit_room else (image, units)

    def learn(self, rows: RingRows, lay: Callable[[int], Laid], writer: MessageWriter) -> None:
        """Make an image of blocks like this one, unless there is one.

        Parameters
        ----------
        rows : RingRows
            The block.
        lay : callable
            Returns its batch, with empty units and room for so many bytes of them.
        writer : MessageWriter
            Of the schema.
        """
        kind = self._kind(rows)
        if kind is None or kind in self._too_large:
            return
        needed, known = len(joined_texts(rows.units)[0]) if kind[1] else 0, self._images.get(kind)
        if known is not None and known.unit_room >= needed:
            return
        room = -(-needed * 5 // 4)  # others may have longer ones
        image = make_image(writer, lay(room), self._features)
        if image.size <= self._largest:
            self._images[kind] = replace(image, unit_room=room)
        else:
            self._too_large.add(kind)  # nor is it looked at again

    def _kind(self, rows: RingRows) -> Kind | None:
        """Return of what kind a block is; None where its rows are not alike, or units are to be hashed."""
        role = int(rows.roles[0])
        if (rows.roles != role).any():
            return None
        known = 0 if self._unit == "masked" else sum(map(bool, rows.units))
        if known not in (0, len(rows)) or (known and self._unit == "hashed"):
            return None
        return role, known > 0
