// Left: the features, the gravest first, each with its effect on a bar, the limits on it, verdict and trend.

import { sparkline } from "./charts.js";
import { chip, fill, h } from "./dom.js";
import { VERDICTS } from "./judge.js";
import { effectText, measureWords, percent, short } from "./numbers.js";

const ROOM = 4; // multiples of the critical limit that a bar can show; beyond it is cut, and says so

/** The list of features: `update` redraws it, `choose` is told the name of the one that is chosen. */
export function makeRanking(choose) {
  const scale = h("div", { class: "scale", "aria-hidden": "true" });
  const list = h("ul", { class: "features", role: "listbox", "aria-label": "features, most drifted first", tabindex: "0" });
  const ranking = { order: [], chosen: null };
  const element = h("section", { class: "ranking" }, scale, list);
  list.addEventListener("keydown", (event) => walk(event, ranking, choose));
  return {
    element,
    update(standings, payload, measure, limits, chosen, room) {
      Object.assign(ranking, { order: standings.map((standing) => standing.column.name), chosen });
      element.classList.toggle("trendless", !payload.windows?.length);
      fill(scale, scaleMarks(measure, limits, room * payload.limits[measure][1]));
      const rows = standings.map((standing, at) => row(standing, room * unitOf(payload, standing), chosen, at, choose));
      glide(list, () => fill(list, rows));
      list.setAttribute("aria-activedescendant", rowId(list, chosen) ?? "");
    },
  };
}

/** How many multiples of the critical limit the bars span: of the one asked for, so that they rest while the slider moves. */
export function roomFor(payload, measure) {
  const values = payload.columns.map((column) => column.effects[measure]?.value ?? 0);
  const most = Math.max(...values) / payload.limits[measure][1];
  return Math.min(Math.max(most * 1.08, 1.6), ROOM);
}

// A stand-in measure has limits of its own; in multiples of them it shares the others' scale.
function unitOf(payload, { measure }) {
  return measure ? payload.limits[measure][1] : 1;
}

/** Keep the chosen feature in sight inside the list, without moving the page. */
export function reveal(root) {
  const list = root.querySelector(".features");
  const row = list?.querySelector('[aria-selected="true"]');
  if (!row) return;
  const [outer, inner] = [list.getBoundingClientRect(), row.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}

let rowsMade = 0;

function row(standing, room, chosen, at, choose) {
  const { column, measure, effect, limits, verdict, reason } = standing;
  const { tone } = VERDICTS[verdict];
  const trend = measure && column.trend?.[measure];
  return h("li", { class: "feature", role: "option", id: `mlops-drift-row-${rowsMade++}`, "data-feature": column.name,
    "aria-selected": String(column.name === chosen), "aria-label": spoken(standing), title: reason || null,
    onclick: () => choose(column.name) },
  h("span", { class: "name" }, h("span", { class: "rank" }, String(at + 1)), h("b", {}, column.name), tag(column)),
  effect ? bar(standing, room, tone) : h("span", { class: "bar none" }, reason),
  h("span", { class: "effect", title: effect ? `share of the whole drift: ${percent(column.share)}` : null },
    effect ? effectText(effect.value) : "–"),
  h("span", { class: "spark-cell" }, trend?.some(Number.isFinite) ? sparkline(trend, limits, tone) : null),
  chip(VERDICTS[verdict]));
}

function tag(column) {
  const told = !column.role || column.role === "feature" || column.name.startsWith(column.role);
  return told ? null : h("small", { class: "tag" }, column.role);
}

function bar(standing, room, tone) {
  const { effect, limits } = standing;
  const place = (value) => `${Math.min(100, Math.max(0, (100 * value) / room))}%`;
  const [low, high] = [effect.low ?? effect.value, effect.high ?? effect.value];
  return h("span", { class: "bar" },
    h("span", { class: `fill ${tone}`, style: `width:${place(effect.value)}` }),
    low < room && h("span", { class: "interval", style: `left:${place(low)};right:calc(100% - ${place(high)})` }),
    limits.map((limit, at) => limit <= room && h("span", { class: at ? "limit critical" : "limit warning", style: `left:${place(limit)}` })),
    effect.value > room && h("span", { class: "beyond" }, "»"));
}

function scaleMarks(measure, limits, room) {
  const crowded = limits[1] - limits[0] < 0.2 * room; // their numbers would run into one another
  const marks = limits.map((limit, at) => ({ limit, name: at ? "critical" : "warning" })).slice(crowded ? 1 : 0);
  return [h("span", { class: "scale-name" }, measureWords(measure).name), h("span", { class: "scale-bar" },
    marks.filter(({ limit }) => limit <= room).map(({ limit, name }) =>
      h("span", { class: `scale-mark ${name}`, style: `left:${(100 * limit) / room}%` }, short(limit))))];
}

function spoken({ column, measure, effect, verdict, reason }) {
  const told = effect ? `${measureWords(measure).name} ${effectText(effect.value)}` : "no effect";
  return [column.name, VERDICTS[verdict].word, told, reason].filter(Boolean).join(", ");
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };

function walk(event, { order, chosen }, choose) {
  const step = STEPS[event.key];
  if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  // else the notebook would move to another cell
  event.preventDefault();
  event.stopPropagation();
  const at = order.indexOf(chosen) + step;
  choose(order[Math.min(Math.max(at, 0), order.length - 1)]);
}

function rowId(list, name) {
  return [...list.children].find((row) => row.dataset.feature === name)?.id;
}

/** Let rows that change places glide there; at once for who asked for less motion. */
function glide(list, change) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const before = new Map([...list.children].map((row) => [row.dataset.feature, row.offsetTop]));
  const scroll = list.scrollTop;
  change();
  list.scrollTop = scroll;
  if (still || !before.size) return;
  for (const row of list.children) {
    const moved = (before.get(row.dataset.feature) ?? row.offsetTop) - row.offsetTop;
    if (moved) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 180, easing: "ease-out" });
  }
}
