// Right: the chosen feature: both distributions, what changed in words, quantiles, its share, every measure.

import { histogram, levelBars, quantileShift, trendChart } from "./charts.js";
import { chip, fill, h, worded } from "./dom.js";
import { judged, limitsFor, VERDICTS } from "./judge.js";
import { count, effectText, measureWords, percent, probability, short } from "./numbers.js";

const COLUMNS = [null, "number", "number spare", "number", "number spare", null];
const SHOWN_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95];

/** The panel of the chosen feature. */
export function makeDetail(change) {
  const element = h("section", { class: "detail", "aria-label": "the chosen feature" });
  return {
    element,
    update(state) {
      const standing = state.standings.find(({ column }) => column.name === state.selection.feature);
      const open = element.querySelector("details")?.open;
      if (standing) fill(element, parts(standing, state, innerWidth(element), change));
      element.querySelector("details")?.toggleAttribute("open", Boolean(open));
    },
  };
}

function innerWidth(element) {
  const { paddingLeft, paddingRight } = getComputedStyle(element);
  return Math.max(element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight), 200);
}

function parts(standing, state, width, change) {
  const { column } = standing;
  return [heading(standing), words(standing), distribution(standing, state, width), share(standing, state),
    trend(standing, state, width, change), quantiles(column, width), measures(standing, state, change)];
}

function heading({ column, verdict, effect, measure, limits }) {
  const { name, unit } = measure ? measureWords(measure) : {};
  const told = effect && [h("b", {}, `${name} ${effectText(effect.value)}${unit && ` ${unit}`}`),
    ` (95 %: ${effectText(effect.low)} to ${effectText(effect.high)}), critical above ${short(limits[1])}`];
  return h("div", { class: "detail-head" },
    h("h4", {}, column.name, h("small", { class: "tag" }, column.role && column.role !== "feature" ? `${column.role}, ` : "", column.kind)),
    chip(VERDICTS[verdict]), h("p", { class: "told" }, told));
}

function words({ column, reason }) {
  const lines = (column.words ?? []).filter((line) => !reason || opening(line) !== opening(reason));
  const unique = reason ? [reason, ...lines] : lines;
  const [before, now] = column.missing ?? [0, 0];
  const told = unique.some((line) => line.includes("missing"));
  if (!told && now != null && (before || now)) unique.push(`missing: ${percent(before)} in the reference, ${percent(now)} now`);
  return unique.length ? h("ul", { class: "words" }, unique.map((line) => h("li", {}, worded(line)))) : null;
}

// A reason that begins as a word does says the same and more.
function opening(line) {
  return line.split(/[ ,:]+/, 4).join(" ");
}

function distribution({ column }, { payload }, width) {
  const data = column.histogram;
  if (!data?.reference) return null;
  const readout = h("span", { class: "readout" });
  const tell = (where, reference, current) => fill(readout, where === undefined ? outside(data)
    : [h("b", {}, where), ` reference ${percent(reference)}, current ${percent(current)}`]);
  tell();
  const legend = h("div", { class: "legend" }, key("reference", payload.reference), key("current", payload.current), readout);
  const drawn = data.labels ? levelBars({ data, tell }) : histogram({ data, kind: column.kind, missing: column.missing, width, tell });
  return h("figure", { class: "distribution" }, legend, drawn);
}

function key(role, { rows }) {
  return h("span", { class: "key" }, h("i", { class: `swatch ${role}`, "aria-hidden": "true" }), role, h("span", { class: "quiet" }, ` ${count(rows)}`));
}

/** What the picture does not show: the shares below and above it. */
function outside(data) {
  const told = [["below", data.lower], ["above", data.upper]].map(([where, shares]) => {
    const [reference, current] = Array.isArray(shares) ? shares : [null, shares];
    return current > 0 || reference > 0 ? `${percent(current)} ${where} the range` : "";
  });
  return told.filter(Boolean).join(", ");
}

function share({ column }, { standings }) {
  if (!(column.share > 0)) return null;
  const others = standings.filter((standing) => standing.column.share > 0).sort((a, b) => b.column.share - a.column.share);
  return h("figure", { class: "share" }, h("figcaption", {}, h("b", {}, percent(column.share)), " of the whole drift"),
    h("div", { class: "shares", "aria-hidden": "true" }, others.map(({ column: { name, share: part } }) =>
      h("span", { class: name === column.name ? "mine" : null, title: `${name}: ${percent(part)}`, style: `flex-grow:${part}` }))));
}

function trend({ column, measure, limits }, { payload, selection }, width, change) {
  const values = measure && column.trend?.[measure];
  if (!values || values.filter(Number.isFinite).length < 2) return null;
  const choose = (window) => change({ window: window === selection.window ? null : window });
  return h("figure", { class: "trend-figure" }, h("figcaption", {}, h("b", {}, measureWords(measure).name), " by window"),
    trendChart({ values, windows: payload.windows, limits, width, chosen: selection.window, choose }));
}

function quantiles({ quantiles: rows, kind }, width) {
  const shown = (rows ?? []).filter(([quantile]) => SHOWN_QUANTILES.includes(quantile));
  if (!shown.length) return null;
  return h("figure", { class: "quantiles" }, h("figcaption", {}, h("b", {}, "Quantiles"), h("span", { class: "quiet" }, " reference ○ to current ●")),
    quantileShift({ quantiles: shown, kind, width }));
}

function measures({ column, measure: selected }, { payload, selection }, change) {
  const rows = Object.entries(column.effects).filter(([name, effect]) => (effect.measure ?? name) === name);
  if (!rows.length) return null;
  const head = ["measure", "effect", "95 %", "limit", "p (BH)", ""];
  return h("details", { class: "measures" }, h("summary", {}, "Every measure"), h("table", {},
    h("thead", {}, h("tr", {}, head.map((name, at) => h("th", { class: COLUMNS[at], scope: "col" }, name)))),
    h("tbody", {}, rows.map(([name, effect]) => measureRow(column, name, effect, selected, payload, selection, change)))));
}

function measureRow(column, name, effect, selected, payload, selection, change) {
  const limits = limitsFor(payload, name, name === selection.measure ? selection.limit : null);
  const verdict = VERDICTS[judged(payload, { ...column, alarm: "OK" }, name, name === selection.measure ? selection.limit : null).verdict];
  const pick = payload.measures.includes(name)
    ? h("button", { type: "button", class: "link", onclick: () => change({ measure: name, limit: null }) }, measureWords(name).name)
    : measureWords(name).name;
  const cells = [effectText(effect.value), `${effectText(effect.low)} – ${effectText(effect.high)}`, short(limits[1]), probability(effect.p_adjusted ?? effect.p)];
  return h("tr", { class: name === selected ? "selected" : null, title: measureWords(name).long }, h("th", { scope: "row" }, pick),
    cells.map((cell, at) => h("td", { class: COLUMNS[at + 1] }, cell)), h("td", {}, chip(verdict)));
}
