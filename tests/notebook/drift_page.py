"""The widget's own JavaScript in a bare page, with a model that stands in for the kernel's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook.assets import drift_module, drift_style
from tests.notebook.stand_in_report import PAYLOAD

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Everything the module names is put within reach; `model` is anywidget's, as far as the widget uses it.
_HARNESS = """
window.drift = { judge, judged, ranked, rowsNeeded, short, percent, effectText, probability, ticks, render };
window.makeModel = (state) => {
  const heard = {};
  const model = {
    state, sent: [], saved: 0,
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; model.fire(`change:${name}`); },
    save_changes: () => { model.saved += 1; },
    send: (message) => model.sent.push(message),
    on: (name, f) => (heard[name] ??= []).push(f),
    off: (name, f) => { heard[name] = (heard[name] ?? []).filter((g) => g !== f); },
    fire: (name) => (heard[name] ?? []).forEach((f) => f()),
    listeners: () => Object.values(heard).flat().length,
  };
  return model;
};
window.ready = true;
"""


def open_page(page: Page) -> None:
    """Load the widget's module into an empty page."""
    page.set_content(f"<style>{drift_style()}</style><body></body>")
    page.add_script_tag(content=drift_module() + _HARNESS, type="module")
    page.wait_for_function("window.ready")


def example() -> dict[str, Any]:
    """Return the payload that the report's tests share."""
    payload: dict[str, Any] = json.loads(PAYLOAD.read_text(encoding="utf-8"))
    return payload


def show(page: Page, payload: dict[str, Any] | None = None, **state: Any) -> None:
    """Draw a widget over a payload; the page's `model` is what it talks to."""
    payload = payload or example()
    chosen = {"measure": payload["measure"], "limit": None, "feature": None}
    state = {
        "payload": payload,
        "selection": chosen,
        "answered": 0,
        "asks": True,
        "own": {"current": "last 24 h"},
    } | state
    page.evaluate(
        """(state) => {
          window.model = makeModel(state);
          const el = document.createElement("div");
          document.body.replaceChildren(el);
          window.clean = drift.render({ model, el });
        }""",
        state,
    )
    page.wait_for_selector(".mlops-drift .feature", state="attached")
