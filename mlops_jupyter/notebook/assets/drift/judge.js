// The rule of mlops_jupyter.stats, so that verdicts follow the limit's slider with no round to the kernel. Both are
// held to the same cases: tests/stats/judge_cases.json.

/** Verdicts as a word and a mark, the gravest first. */
export const VERDICTS = {
  INVALID: { mark: "–", tone: "none", word: "invalid" },
  CRITICAL: { mark: "✗", tone: "bad", word: "critical" },
  WARNING: { mark: "!", tone: "warn", word: "warning" },
  INCONCLUSIVE: { mark: "?", tone: "none", word: "inconclusive" },
  OK: { mark: "✓", tone: "ok", word: "OK" },
};
const GRAVITY = Object.keys(VERDICTS);

/** The verdict of one effect: its lower confidence bound against the limits, never its p-value. */
export function judge(effect, [warning, critical], rows, rowsNeeded) {
  if (effect.low > critical) return "CRITICAL";
  if (effect.low > warning) return "WARNING";
  return rows < rowsNeeded ? "INCONCLUSIVE" : "OK";
}

/** The graver of two verdicts. */
export function graver(one, other) {
  return GRAVITY.indexOf(one) <= GRAVITY.indexOf(other) ? one : other;
}

/** Warning and critical limit: the slider sets the critical one, the other keeps its proportion. */
export function limitsFor(payload, measure, limit) {
  const [warning, critical] = payload.limits[measure];
  return limit == null ? [warning, critical] : [(limit * warning) / critical, limit];
}

/** How one column stands under a measure and limit; a measure that its kind has not is judged by a stand-in. */
export function judged(payload, column, measure, limit) {
  const effect = column.effects[measure] ?? null;
  const used = effect ? (effect.measure ?? measure) : null;
  const limits = used ? limitsFor(payload, used, used === measure ? limit : null) : [NaN, NaN];
  const alarm = column.alarm ?? (column.verdict === "INVALID" ? "INVALID" : "OK");
  const own = effect ? judge(effect, limits, column.rows, neededRows(column, effect)) : column.verdict;
  const verdict = graver(own, alarm);
  return { column, measure: used, effect, limits, verdict, reason: reasonFor(column, alarm, verdict, effect) };
}

/** All columns, the gravest verdict first, then by how far the effect is over its limit. */
export function ranked(payload, measure, limit) {
  const all = payload.columns.map((column) => judged(payload, column, measure, limit));
  return all.sort((a, b) => GRAVITY.indexOf(a.verdict) - GRAVITY.indexOf(b.verdict) || excess(b) - excess(a));
}

function excess({ effect, limits }) {
  return effect ? effect.value / (limits[1] || Number.MIN_VALUE) : 0;
}

function neededRows(column, effect) {
  return effect.rows_needed ?? column.rows_needed ?? 0;
}

function reasonFor(column, alarm, verdict, effect) {
  if (alarm !== "OK" && alarm === verdict) return column.reason;
  if (verdict !== "INCONCLUSIVE" || !effect) return "";
  const [rows, needed] = [column.rows, neededRows(column, effect)].map((count) => count.toLocaleString("en"));
  return `${rows} rows have a value: it takes ${needed} to tell`;
}
