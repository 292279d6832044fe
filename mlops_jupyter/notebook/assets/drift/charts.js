// The small drawings, as SVG of a given width in pixels. Reference is a grey ground, current a line on it: so they
// differ in grey too.

import { h, s } from "./dom.js";
import { axisText, clock, effectText, moment, percent, short, ticks, zoned } from "./numbers.js";

const SPARK = { width: 92, height: 24, pad: 3 };

/** A trend as small as a word, with the critical limit as a dashed line. */
export function sparkline(values, [, critical], tone) {
  const top = Math.max(critical * 1.25, ...values.filter(Number.isFinite)) || 1;
  const x = (at) => SPARK.pad + (at * (SPARK.width - 2 * SPARK.pad)) / Math.max(values.length - 1, 1);
  const y = (value) => SPARK.height - SPARK.pad - (value / top) * (SPARK.height - 2 * SPARK.pad);
  const last = values.findLastIndex(Number.isFinite);
  return s("svg", { class: "spark", width: SPARK.width, height: SPARK.height, "aria-hidden": "true" },
    s("line", { class: "limit", x1: 0, x2: SPARK.width, y1: y(critical), y2: y(critical) }),
    s("path", { class: "trend", d: broken(values, x, y) }),
    last >= 0 && s("circle", { class: `last ${tone}`, cx: x(last), cy: y(values[last]), r: 2.5 }));
}

/** The effect over the windows; a click chooses one. */
export function trendChart({ values, windows, limits, width, chosen, choose }) {
  const box = { left: 34, right: 56, top: 8, bottom: 20, height: 120 };
  const top = Math.max(limits[1] * 1.3, ...values.filter(Number.isFinite)) || 1;
  const step = (width - box.left - box.right) / Math.max(values.length, 1);
  const x = (at) => box.left + step * (at + 0.5);
  const y = (value) => box.height - box.bottom - (value / top) * (box.height - box.bottom - box.top);
  return s("svg", { class: "chart over-time", width, height: box.height, role: "img", "aria-label": "effect by window" },
    limitLine("warning", y(limits[0]), Math.max(y(limits[0]), y(limits[1]) + 12), box, width),
    limitLine("critical", y(limits[1]), y(limits[1]), box, width),
    s("path", { class: "trend", d: broken(values, x, y) }),
    values.map((value, at) => windowMark({ value, at, windows, limits, chosen, choose, step, x, y, box })),
    timeTicks(windows, step, box).map((at) => s("text", { class: "tick", x: x(at), y: box.height - 5, "text-anchor": "middle" },
      stamp(windows, at))),
    [0, top].map((value) => s("text", { class: "tick", x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value, 2))));
}

/** Both distributions of a column of numbers or times. */
export function histogram({ data, kind, missing, width, tell }) {
  const lacking = missing && Math.max(...missing.map((share) => share ?? 0)) >= 0.001;
  const box = { left: 6, right: lacking ? 72 : 6, top: 8, bottom: 22, height: 176 };
  const { edges } = data;
  const [low, high] = [edges[0], edges.at(-1)];
  const x = (value) => box.left + ((value - low) / (high - low || 1)) * (width - box.left - box.right);
  const [reference, current] = [data.reference, data.current].map((shares) => heights(shares, edges));
  const top = Math.max(...reference, ...current) || 1;
  const y = (value) => box.height - box.bottom - (Math.min(value, top) / top) * (box.height - box.bottom - box.top);
  const text = axisText(kind, high - low);
  const floor = y(0);
  const label = `distribution from ${text(low)} to ${text(high)}`;
  return s("svg", { class: "chart", width, height: box.height, role: "img", "aria-label": label },
    s("path", { class: "reference area", d: steps(reference, edges, x, y, floor) }),
    s("path", { class: "current area", d: steps(current, edges, x, y, floor) }),
    s("path", { class: "current line", d: steps(current, edges, x, y, floor) }),
    s("line", { class: "axis", x1: 0, x2: width, y1: floor, y2: floor }),
    axisTicks(low, high, width - box.right, kind).map((at) => tick(x(at), floor, text(at), width)),
    lacking && missingBars(missing, width, y, floor, tell),
    data.reference.map((_, at) => s("rect", { class: "hit", x: x(edges[at]), y: 0,
      width: Math.max(x(edges[at + 1]) - x(edges[at]), 0), height: floor,
      onpointerenter: () => tell(`${text(edges[at])} to ${text(edges[at + 1])}`, data.reference[at], data.current[at]),
      onpointerleave: () => tell() })));
}

/** The missing share beside the values: PSI counts it as a bin of its own. */
function missingBars([reference, current], width, y, floor, tell) {
  const at = width - 48;
  return s("g", { class: "missing", onpointerenter: () => tell("missing", reference, current), onpointerleave: () => tell() },
    s("rect", { class: "reference area", x: at, y: y(reference), width: 36, height: floor - y(reference) }),
    s("path", { class: "current area", d: `M${at} ${floor}V${y(current)}H${at + 36}V${floor}Z` }),
    s("path", { class: "current line", d: `M${at} ${floor}V${y(current)}H${at + 36}V${floor}` }),
    s("text", { class: "tick", x: at + 18, y: floor + 16, "text-anchor": "middle" }, "missing"),
    s("rect", { class: "hit", x: at - 4, y: 0, width: 44, height: floor }));
}

/** Both distributions of a column of levels: a pair of bars each. */
export function levelBars({ data, tell }) {
  const top = Math.max(...data.reference, ...data.current) || 1;
  const bar = (role, share) => h("span", { class: `level-bar ${role}`, style: `width:${(100 * share) / top}%` });
  return h("div", { class: "levels", role: "img", "aria-label": "shares of the levels" },
    data.labels.map((label, at) => h("div", { class: "level", onpointerleave: () => tell(),
      onpointerenter: () => tell(String(label), data.reference[at], data.current[at]) },
    h("span", { class: "level-name", title: String(label) }, String(label)),
    h("span", { class: "level-bars" }, bar("reference", data.reference[at]), bar("current", data.current[at])),
    h("span", { class: "level-share" }, percent(data.current[at]), levelNews(data.reference[at], data.current[at])))));
}

/** How far each quantile moved: from a ring (reference) to a dot (current). */
export function quantileShift({ quantiles, kind, width }) {
  const box = { left: 58, right: 14, top: 4, row: 22, bottom: 20 };
  const values = quantiles.flatMap(([, reference, current]) => [reference, current]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const height = box.top + box.row * quantiles.length + box.bottom;
  const x = (value) => box.left + ((value - low) / (high - low || 1)) * (width - box.left - box.right);
  const text = axisText(kind, high - low);
  const floor = height - box.bottom;
  return s("svg", { class: "chart", width, height, role: "img", "aria-label": "quantiles, reference to current" },
    quantiles.map((row, at) => quantileRow(row, x, box.top + box.row * (at + 0.5), width, text)),
    s("line", { class: "axis", x1: box.left - 8, x2: width, y1: floor, y2: floor }),
    axisTicks(low, high, width - box.left, kind).map((at) => tick(x(at), floor, text(at), width)));
}

function quantileRow([quantile, reference, current], x, y, width, text) {
  const name = quantile === 0.5 ? "median" : percent(quantile);
  return s("g", {}, s("title", {}, `${name}: ${text(reference)} to ${text(current)}`),
    s("text", { class: "tick", x: 46, y: y + 4, "text-anchor": "end" }, name),
    s("line", { class: "rail", x1: 50, x2: width, y1: y, y2: y }),
    s("line", { class: "moved", x1: x(reference), x2: x(current), y1: y, y2: y }),
    s("circle", { class: "ring", cx: x(reference), cy: y, r: 4.5 }),
    s("circle", { class: "dot", cx: x(current), cy: y, r: 4.5 }));
}

function windowMark({ value, at, windows, limits, chosen, choose, step, x, y, box }) {
  const [warning, critical] = limits;
  const tone = value > critical ? "bad" : value > warning ? "warn" : "ok";
  const told = value == null ? "no rows" : effectText(value);
  const classes = `window${windows[at] === chosen ? " chosen" : ""}`;
  return s("g", { class: classes, "data-window": windows[at], onclick: () => choose(windows[at]) },
    s("title", {}, `${zoned(windows[at])}: ${told}`),
    s("rect", { class: "hit", x: x(at) - step / 2, y: 0, width: step, height: box.height - box.bottom + 4, rx: 3 }),
    value != null && (tone === "bad" ? diamond(x(at), y(value)) : s("circle", { class: tone, cx: x(at), cy: y(value), r: 3.2 })));
}

function diamond(x, y) {
  return s("path", { class: "bad", d: `M${x} ${y - 4.6}L${x + 4.6} ${y}L${x} ${y + 4.6}L${x - 4.6} ${y}Z` });
}

/** A limit over the plot, its name in the margin, where it meets neither the trend nor the other limit's name. */
function limitLine(name, at, named, box, width) {
  return s("g", { class: `limit ${name}` },
    s("line", { x1: box.left, x2: width - box.right, y1: at, y2: at }),
    s("text", { class: "tick", x: width - box.right + 6, y: named + 4 }, name));
}

function timeTicks(windows, step, box) {
  const every = Math.max(1, Math.ceil(64 / (step || 1)));
  return windows.map((_, at) => at).filter((at) => at % every === 0 && at + 0.5 * every <= windows.length);
}

/** A clock where windows are hours, a date where they are days or the day changes. */
function stamp(windows, at) {
  const long = windows.length > 1 && new Date(windows[1]) - new Date(windows[0]) >= 20 * 3600e3;
  return long ? moment(windows[at], { day: "numeric", month: "short" }) : clock(windows[at]);
}

function axisTicks(low, high, width, kind) {
  return high > low ? ticks(low, high, Math.max(2, width / 84), kind) : [low];
}

function tick(x, floor, text, width) {
  const anchor = x < 18 ? "start" : x > width - 18 ? "end" : "middle";
  return s("g", {}, s("line", { class: "axis", x1: x, x2: x, y1: floor, y2: floor + 4 }),
    s("text", { class: "tick", x, y: floor + 16, "text-anchor": anchor }, text));
}

/** Shares as heights: by the width of their cell where cells differ, else an area would lie. */
function heights(shares, edges) {
  const widths = shares.map((_, at) => edges[at + 1] - edges[at]);
  const usual = (edges.at(-1) - edges[0]) / shares.length;
  const even = widths.every((width) => Math.abs(width - usual) < 0.01 * usual);
  return even ? shares : shares.map((share, at) => (widths[at] > 0 ? (share * usual) / widths[at] : 0));
}

function steps(values, edges, x, y, floor) {
  const along = values.map((value, at) => `L${x(edges[at])} ${y(value)}L${x(edges[at + 1])} ${y(value)}`);
  return `M${x(edges[0])} ${floor}${along.join("")}L${x(edges[values.length])} ${floor}`;
}

/** A line with a gap where a window had no rows. */
function broken(values, x, y) {
  let pen = "M";
  return values.map((value, at) => {
    if (!Number.isFinite(value)) {
      pen = "M";
      return "";
    }
    const part = `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return part;
  }).join("");
}

function levelNews(reference, current) {
  if (reference === 0 && current > 0) return h("b", { class: "news" }, "new");
  return reference > 0 && current === 0 ? h("b", { class: "news" }, "gone") : null;
}
