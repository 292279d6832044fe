// Live: the kernel is told while somebody can see this view, again and again, so that it can forget a page that was
// closed without a word. Hidden costs nothing on either side.

import { fill, h } from "./dom.js";
import { clock } from "./numbers.js";

/** Tell the kernel of this view's visibility; returns how to stop. */
export function follow(model, root, place) {
  const live = model.get("live");
  if (!live?.every) return () => {};
  // crypto.randomUUID is not there on plain http, where many a Jupyter is
  const told = { view: Math.random().toString(36).slice(2), shown: false, paused: false, closed: false };
  const seen = () => !told.closed && told.shown && !told.paused && document.visibilityState === "visible";
  const tell = () => model.send({ kind: "seen", view: told.view, seen: seen() });
  const draw = () => fill(place, ...badge(model, told, () => toggle(told, tell, draw)));
  const watch = new IntersectionObserver(([entry]) => {
    told.shown = entry.isIntersecting;
    tell();
  });
  const close = () => {
    told.closed = true;
    draw();
  };
  const beat = setInterval(() => seen() && tell(), (1000 * live.lease) / 3);
  watch.observe(root);
  document.addEventListener("visibilitychange", tell);
  model.on("change:updated", draw);
  model.on("comm:close", close);
  draw();
  return () => {
    told.shown = false;
    if (!told.closed) tell();
    clearInterval(beat);
    watch.disconnect();
    document.removeEventListener("visibilitychange", tell);
    model.off("change:updated", draw);
    model.off("comm:close", close);
  };
}

function toggle(told, tell, draw) {
  told.paused = !told.paused;
  tell();
  draw();
}

function badge(model, { paused, closed }, pressed) {
  const updated = model.get("updated");
  const word = closed ? "ended" : paused ? "paused" : "live";
  const since = updated && h("time", { class: "quiet", title: updated }, clock(updated, true));
  return [since, h("button", { type: "button", class: `live ${word}`, disabled: closed, onclick: pressed,
    "aria-pressed": String(word === "live"), title: paused ? "follow again" : "pause" },
  h("i", { class: "pulse", "aria-hidden": "true" }), word)];
}
