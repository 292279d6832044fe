// The rule of mlops_jupyter.stats, so that verdicts follow the limit's slider with no round to the kernel. Both are
// held to the same cases: tests/stats/judge_cases.json.

import { rowsNeeded, UNREACHABLE } from "./rows.js";

/** Verdicts as a word and a mark, in the order they are shown; of two on one column the first stands. */
export const VERDICTS = {
  CRITICAL: { mark: "✗", tone: "bad", word: "critical" },
  INVALID: { mark: "–", tone: "none", word: "invalid" },
  WARNING: { mark: "!", tone: "warn", word: "warning" },
  INCONCLUSIVE: { mark: "?", tone: "none", word: "inconclusive" },
  OK: { mark: "✓", tone: "ok", word: "OK" },
};
const RANKS = Object.keys(VERDICTS);

/** The verdict of one effect: its lower confidence bound against the limits, never its p-value. */
export function judge(effect, limits, rows, rowsNeeded) {
  const [warning, critical] = limits;
  if (limits.some((limit) => Math.abs(effect.value - limit) < (effect.error ?? 0))) return "INCONCLUSIVE";
  if (effect.low > critical) return "CRITICAL";
  if (effect.low > warning) return "WARNING";
  return rows < rowsNeeded ? "INCONCLUSIVE" : "OK";
}

/** Warning and critical limit: the slider sets the critical one, the other keeps its proportion. */
export function limitsFor(payload, measure, limit) {
  const [warning, critical] = payload.limits[measure];
  return limit == null ? [warning, critical] : [(limit * warning) / critical, limit];
}

/** How one column stands under a measure and limit; a measure that its kind has not is judged by a stand-in. */
export function judged(payload, column, measure, limit) {
  const effect = column.effects[measure] ?? null;
  if (!effect) return { column, measure: null, effect, limits: [NaN, NaN], verdict: column.verdict, reason: column.reason };
  const used = effect.measure ?? measure;
  const limits = limitsFor(payload, used, used === measure ? limit : null);
  const needed = neededRows(payload, used, effect, limits);
  const own = judge(effect, limits, column.rows, needed);
  const alarm = column.alarm ?? "OK";
  const verdict = RANKS.indexOf(alarm) < RANKS.indexOf(own) ? alarm : own;
  const reason = alarm === verdict && alarm !== "OK" ? alarmReason(column) : reasonFor(column, own, effect, needed);
  return { column, measure: used, effect, limits, verdict, reason };
}

/** All columns, the gravest verdict first, then by how far the effect is over its limit. */
export function ranked(payload, measure, limit) {
  const all = payload.columns.map((column) => judged(payload, column, measure, limit));
  return all.sort((a, b) => RANKS.indexOf(a.verdict) - RANKS.indexOf(b.verdict) || excess(b) - excess(a));
}

/** How many columns have which verdict, without those that none has. */
export function tally(standings) {
  const many = (verdict) => standings.filter((standing) => standing.verdict === verdict).length;
  return Object.fromEntries(RANKS.map((verdict) => [verdict, many(verdict)]).filter(([, found]) => found));
}

function excess({ effect, limits }) {
  return effect ? effect.value / (limits[1] || Number.MIN_VALUE) : 0;
}

function neededRows(payload, measure, effect, limits) {
  if (limits[1] === payload.limits[measure][1]) return effect.rows_needed ?? 0;
  return rowsNeeded(measure, limits, payload.reference.rows, effect.cells, effect.row_variance);
}

function alarmReason(column) {
  return column.alarm_reason ?? (column.verdict === column.alarm ? column.reason : "");
}

function reasonFor(column, verdict, effect, needed) {
  if (verdict !== "INCONCLUSIVE") return "";
  if (column.rows >= needed) return "the window was counted by another reference's edges, too coarsely to tell";
  if (needed >= UNREACHABLE) return "the reference has too few rows for a verdict on so small a limit";
  return `${column.rows.toLocaleString("en")} rows; a verdict takes ${needed.toLocaleString("en")}`;
}
