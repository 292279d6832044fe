// On top: window, reference, measure, limit, variant, slice. Each is a native control, so keyboard and screen
// readers know it.

import { chip, fill, h, worded } from "./dom.js";
import { tally, VERDICTS } from "./judge.js";
import { count, measureWords, moment, short, zoned } from "./numbers.js";

/** The controls; `change` is told what was chosen as a part of the selection. */
export function makeControls(change) {
  const controls = {
    window: select("Window", (value) => change({ window: value || null })),
    reference: select("Reference", (value) => change({ reference: value || null })),
    measure: select("Measure", (value) => change({ measure: value, limit: null })),
    limit: limitSlider(change),
    variant: select("Variant", (value) => change({ variant: value || null })),
    slice: sliceField(change),
  };
  const element = h("div", { class: "controls", role: "group", "aria-label": "what is compared" },
    Object.values(controls).map((control) => control.element));
  return { element, update: (state) => updateControls(controls, state) };
}

function updateControls(controls, { payload, selection, problem, own, asks }) {
  const choices = {
    window: windowChoices(payload, own),
    reference: (payload.references ?? []).map(({ value, label }) => [value ?? "", label]),
    variant: [["", own.variant ?? "all"], ...(payload.variants ?? []).filter((name) => name !== own.variant).map((name) => [name, name])],
  };
  for (const [name, offered] of Object.entries(choices)) {
    controls[name].update(offered, selection[name] ?? "");
    controls[name].element.hidden = !asks || offered.length < (name === "variant" ? 3 : 2);
  }
  controls.measure.update(payload.measures.map((name) => [name, measureWords(name).name]), selection.measure);
  controls.limit.update(payload, selection);
  controls.slice.element.hidden = !asks;
  controls.slice.update(selection.slice ?? "", problem, own.slice);
}

/** The answer in words, how many columns have which verdict, and what is compared. */
export function makeHead() {
  const title = h("h3", {});
  const counts = h("div", { class: "counts", role: "status" });
  const compared = h("div", { class: "compared" });
  const live = h("div", { class: "live-place" });
  return {
    element: h("header", { class: "head" }, h("div", { class: "head-line" }, title, live), counts, compared),
    live,
    update({ payload, selection, standings }) {
      fill(title, worded(headline(payload, selection, standings)));
      fill(counts, Object.entries(tally(standings)).map(([verdict, many]) => chip(VERDICTS[verdict], `${many} ${VERDICTS[verdict].word}`)));
      fill(compared, side("reference", payload.reference), side("current", payload.current));
    },
  };
}

/** The payload's own words while its own question stands; else the same in short. */
function headline(payload, { measure, limit }, standings) {
  if (measure === payload.measure && limit == null && payload.title) return payload.title;
  const where = payload.deployment ?? payload.current.label;
  const { CRITICAL = 0, WARNING = 0, INVALID = 0, INCONCLUSIVE = 0 } = tally(standings);
  const columns = `${standings.length} column${standings.length === 1 ? "" : "s"}`;
  const most = standings.find(({ effect }) => effect)?.column.name;
  const rest = [CRITICAL && `${CRITICAL} critical`, INVALID && `${INVALID} cannot be read`].filter(Boolean).join(", ");
  if (CRITICAL + WARNING) return `${where} drifted in ${CRITICAL + WARNING} of ${columns}${rest && ` (${rest})`}. Most: \`${most}\``;
  if (INVALID) return `${where}: ${INVALID} of ${columns} cannot be read, no drift in the others`;
  if (INCONCLUSIVE) return `${where}: too few rows to tell for ${INCONCLUSIVE} of ${columns}, no drift in the others`;
  return `${where}: no drift in ${columns}`;
}

function side(role, { label, rows, since, until }) {
  const span = since && until && h("time", { title: `${zoned(since)} to ${zoned(until)}` }, `, ${moment(since)} – ${moment(until)}`);
  return h("span", { class: "side" }, h("i", { class: `swatch ${role}`, "aria-hidden": "true" }),
    h("span", { class: "quiet" }, `${role} `), label, span, h("span", { class: "quiet" }, ` ${count(rows)} rows`));
}

/** The whole stretch, then its windows, the newest first. */
function windowChoices({ windows = [], every }, own) {
  const told = windows.map((start) => [start, moment(start)]);
  return [["", `${own.current} (by ${every})`], ...told.reverse()];
}

function field(name, control, ...rest) {
  return h("label", { class: `field ${name.toLowerCase()}` }, h("span", { class: "field-name" }, name), control, ...rest);
}

function select(name, chosen) {
  const control = h("select", { "aria-label": name, onchange: () => chosen(control.value) });
  let drawn = "";
  return {
    element: field(name, control),
    update(choices, value) {
      const wanted = JSON.stringify(choices);
      if (wanted !== drawn) fill(control, choices.map(([of, text]) => h("option", { value: of }, text)));
      drawn = wanted;
      control.value = value;
    },
  };
}

const NOTCHES = 200;

/** Nothing to 5 times the measure's limit; verdicts follow while it moves. */
function limitSlider(change) {
  const slider = h("input", { type: "range", min: "1", max: String(NOTCHES), step: "1", "aria-label": "critical limit" });
  const told = h("output", {});
  const reset = h("button", { type: "button", class: "reset", title: "back to the usual limit", onclick: () => change({ limit: null }) }, "reset");
  let top = 1;
  slider.addEventListener("input", () => change({ limit: Number(((slider.value * top) / NOTCHES).toPrecision(6)) }));
  return {
    element: h("div", { class: "field limit" }, h("span", { class: "field-name" }, "Limit ", told, reset), slider),
    update(payload, { measure, limit }) {
      const usual = payload.limits[measure];
      const [warning, critical] = limit == null ? usual : [(limit * usual[0]) / usual[1], limit];
      top = 5 * usual[1];
      slider.value = String(Math.round((critical / top) * NOTCHES));
      slider.setAttribute("aria-valuetext", `critical above ${short(critical)}, warning above ${short(warning)}`);
      told.textContent = `${short(critical)}${measureWords(measure).unit && ` ${measureWords(measure).unit}`}`;
      told.title = `critical above ${short(critical)}, warning above ${short(warning)}`;
      reset.hidden = limit == null;
    },
  };
}

/** A condition as text, sent by Enter or on leaving; what does not parse is answered below it. */
function sliceField(change) {
  const input = h("input", { type: "text", "aria-label": "Slice", spellcheck: "false", autocomplete: "off" });
  const problem = h("span", { class: "problem", role: "alert" });
  const send = () => input.value.trim() !== (input.dataset.sent ?? "") && change({ slice: (input.dataset.sent = input.value.trim()) || null });
  input.addEventListener("change", send);
  input.addEventListener("keydown", (event) => event.key === "Enter" && send());
  return {
    element: field("Slice", input, problem),
    update(value, wrong, own) {
      input.placeholder = own ?? "origin=='JFK' and distance>500";
      const [mine, root] = [wrong?.field === "slice", input.getRootNode()];
      if (root.activeElement !== input && !mine) input.value = input.dataset.sent = value;
      problem.textContent = mine ? wrong.text : "";
      input.setAttribute("aria-invalid", String(mine));
    },
  };
}
