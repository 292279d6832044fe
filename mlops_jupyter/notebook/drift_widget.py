"""The drift widget: an anywidget around the payload of a drift report.

The browser answers what measure, limit and feature mean by itself; for another window, reference, variant or
slice it asks here. Imported only when a widget is shown: anywidget takes a tenth of a second.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.notebook.assets import drift_module, drift_style
from mlops_jupyter.notebook.following import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What the kernel is asked for; the rest of a selection is answered in the browser.
ASKED: Final = ("window", "reference", "variant", "slice")


class DriftWidget(anywidget.AnyWidget):
    """Features ranked by drift, and what changed in each.

    Parameters
    ----------
    payload : mapping
        What `DriftReport.payload` returns: names, verdicts, effects, distributions, as JSON.
    ask : callable, optional
        Takes the selection (``window``, ``reference``, ``variant``, ``slice``; None for the whole or usual
        one) and returns another payload, or raises `MlopsError` with the line to show. Without it these are
        not offered.
    every : float, optional
        Seconds between two looks at the traffic while somebody sees the widget; not live when left out.
    snapshot : str
        The id of the static twin that hides while the widget is on the screen.

    Attributes
    ----------
    selection : dict
        What is chosen now: ``window``, ``measure``, ``limit``, ``feature``, ``variant``, ``slice`` and
        ``reference``.
    """

    _esm = drift_module()
    _css = drift_style()

    payload = traitlets.Dict().tag(sync=True)
    selection = traitlets.Dict().tag(sync=True)
    problem = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    updated = traitlets.Unicode("").tag(sync=True)
    live = traitlets.Dict().tag(sync=True)
    asks = traitlets.Bool(default_value=False).tag(sync=True)
    snapshot = traitlets.Unicode("").tag(sync=True)
    own = traitlets.Dict().tag(sync=True)  # what None in the selection stands for

    def __init__(
        self,
        payload: Mapping[str, Any],
        ask: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        *,
        every: float | None = None,
        snapshot: str = "",
    ) -> None:
        self._ask, self._asking = ask, threading.Lock()
        self._answered_last: dict[str, Any] = dict.fromkeys(ASKED)
        self._follower = Follower(self._refresh, every) if every and ask else None
        live = {"every": every, "lease": self._follower.lease} if self._follower else {}
        chosen = (
            {"measure": payload["measure"], "limit": None, "feature": None}
            | dict.fromkeys(ASKED)
            | {"asked": 0}
        )
        own = payload.get("selection", {}) | {"current": payload["current"]["label"]}
        super().__init__(
            payload=dict(payload), selection=chosen, own=own, live=live, asks=bool(ask), snapshot=snapshot
        )
        self.observe(self._on_selection, "selection")
        self.on_msg(self._on_message)

    @property
    def following(self) -> bool:
        """Whether the traffic is looked at again and again right now."""
        return self._follower is not None and self._follower.running

    def close(self) -> None:
        """Close the comm, and end what follows the traffic."""
        if self._follower is not None:
            self._follower.close()
        super().close()

    def _on_selection(self, change: Mapping[str, Any]) -> None:
        asked = change["new"].get("asked", 0)
        if asked > self.answered:
            self._answer()
            self.answered = asked

    def _on_message(self, _: object, message: Mapping[str, Any], __: object) -> None:
        if message.get("kind") == "seen" and self._follower is not None:
            self._follower.saw(str(message["view"]), seen=bool(message["seen"]))

    def _refresh(self) -> None:
        self._answer()
        self.updated = datetime.now(UTC).isoformat(timespec="seconds")

    def _answer(self) -> None:
        # one question at a time: a live refresh works in a thread of its own
        with self._asking:
            asked = {name: self.selection.get(name) for name in ASKED}
            payload, problem = self._answer_to(asked)
            with self.hold_sync():
                if payload is not None:
                    self.payload = payload
                self.problem = problem

    def _answer_to(self, asked: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, str]]:
        if self._ask is None:
            return None, {
                "field": "",
                "text": "this comparison is of two given tables: compare others by the verb",
            }
        try:
            payload = dict(self._ask(asked))
        except MlopsError as error:
            return None, {"field": self._wrong_field(asked), "text": str(error)}
        except Exception as error:  # noqa: BLE001 whatever it is, the reader sees it and the widget lives on
            return None, {"field": "", "text": f"{type(error).__name__}: {error}"}
        self._answered_last = asked
        return payload, {}

    def _wrong_field(self, asked: Mapping[str, Any]) -> str:
        """Return the control to tell a problem at: the slice when that is new, else none of them."""
        return "slice" if asked["slice"] != self._answered_last["slice"] else ""
