// The drift widget. What measure, limit and feature mean is answered here at once; window, reference, variant and
// slice are asked of the kernel, which answers with another payload. Nothing is fetched from anywhere.

import { makeControls, makeHead } from "./controls.js";
import { makeDetail } from "./detail.js";
import { h, worded } from "./dom.js";
import { limitsFor, ranked } from "./judge.js";
import { follow } from "./live.js";
import { makeRanking, reveal, roomFor } from "./ranking.js";
import { makeTogether } from "./together.js";

const ASKED_OF_THE_KERNEL = ["window", "reference", "variant", "slice"];
const PATIENCE = 20_000; // ms until a kernel that does not answer is told of
const TOLD_AFTER = 150; // ms of rest until the kernel hears of what is answered here

/** Draw the widget into a cell's output. */
function render({ model, el }) {
  const view = makeView(model);
  el.append(view.root);
  view.draw();
  const listened = ["payload", "selection", "answered", "problem"].map((name) => [`change:${name}`, view.drawSoon]);
  for (const [event, heard] of listened) model.on(event, heard);
  const resized = observeWidth(view.root, view.drawSoon);
  const unfollow = follow(model, view.root, view.head.live);
  return () => {
    for (const [event, heard] of listened) model.off(event, heard);
    resized.disconnect();
    unfollow();
    view.stop();
  };
}

/** Heights change with what is drawn; only another width asks for another drawing. */
function observeWidth(root, changed) {
  let width = root.clientWidth;
  const observer = new ResizeObserver(() => root.clientWidth !== width && changed((width = root.clientWidth)));
  observer.observe(root);
  return observer;
}

function makeView(model) {
  const change = (part) => view.change(part);
  const [head, controls, detail] = [makeHead(), makeControls(change), makeDetail(change)];
  const ranking = makeRanking((feature) => change({ feature }));
  const problem = h("p", { class: "problem banner", role: "alert" });
  const together = makeTogether();
  const body = h("div", { class: "body" }, h("div", { class: "left" }, ranking.element, together.element), detail.element);
  // the notebook's own shortcuts would take the arrow keys
  const root = h("div", { class: "mlops-drift", "data-lm-suppress-shortcuts": "true", "data-mlops-live": model.get("snapshot") || null },
    h("div", { class: "busy", "aria-hidden": "true" }), head.element, controls.element, problem, body);
  const view = { root, head, controls, ranking, together, detail, problem, model, pending: 0, saving: 0, waiting: 0, late: false };
  view.change = (part) => changed(view, part);
  view.draw = () => draw(view);
  view.drawSoon = () => (view.pending ||= requestAnimationFrame(view.draw));
  view.stop = () => [clearTimeout(view.saving), clearTimeout(view.waiting), cancelAnimationFrame(view.pending)];
  return view;
}

function draw(view) {
  view.pending = 0;
  const state = stateOf(view);
  const { payload, selection, standings, limits } = state;
  view.root.setAttribute("aria-busy", String(state.busy));
  view.problem.replaceChildren(...(state.problem && state.problem.field !== "slice" ? worded(state.problem.text) : []));
  view.head.update(state);
  view.controls.update(state);
  view.together.update(payload);
  view.ranking.update(standings, payload, selection.measure, limits, selection.feature, roomFor(payload, selection.measure));
  view.detail.update(state);
}

/** Everything that is drawn, decided in one place. */
function stateOf(view) {
  const payload = view.model.get("payload");
  const chosen = view.model.get("selection") ?? {};
  const measure = payload.limits[chosen.measure] ? chosen.measure : payload.measure;
  const standings = ranked(payload, measure, chosen.limit);
  const known = standings.some(({ column }) => column.name === chosen.feature);
  const most = standings.find(({ effect }) => effect) ?? standings[0];
  const selection = { ...chosen, measure, feature: known ? chosen.feature : most?.column.name };
  const busy = (view.model.get("answered") ?? 0) < (chosen.asked ?? 0);
  return { payload, selection, standings, busy, limits: limitsFor(payload, measure, chosen.limit),
    problem: problemOf(view, busy), own: view.model.get("own") ?? {}, asks: Boolean(view.model.get("asks")) };
}

function problemOf(view, busy) {
  if (busy && view.late) return { field: "", text: "the kernel has not answered yet: it is busy with a cell, or gone" };
  const problem = view.model.get("problem");
  return problem?.text ? problem : null;
}

function changed(view, part) {
  const before = view.model.get("selection") ?? {};
  const asks = ASKED_OF_THE_KERNEL.some((name) => name in part);
  view.model.set("selection", { ...before, ...part, asked: (before.asked ?? 0) + (asks ? 1 : 0) });
  clearTimeout(view.saving);
  view.saving = setTimeout(() => view.model.save_changes(), asks ? 0 : TOLD_AFTER);
  if (asks) waitFor(view);
  if ("feature" in part) view.draw();
  else view.drawSoon();
  if ("feature" in part) reveal(view.root);
}

function waitFor(view) {
  view.late = false;
  clearTimeout(view.waiting);
  view.waiting = setTimeout(() => {
    view.late = true;
    view.drawSoon();
  }, PATIENCE);
}

export default { render };
