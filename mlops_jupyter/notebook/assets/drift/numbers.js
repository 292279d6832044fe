// Numbers, shares and times as the house writes them: three significant digits, with units, times local.

const MEASURES = {
  psi: { name: "PSI", long: "population stability index" },
  ks: { name: "KS", long: "Kolmogorov-Smirnov distance" },
  js: { name: "JS", long: "Jensen-Shannon distance" },
  wasserstein: { name: "Wasserstein", long: "Wasserstein distance, in robust sd of the reference", unit: "sd" },
  mean: { name: "mean shift", long: "shift of the mean, in sd of the reference", unit: "sd" },
  cramers_v: { name: "Cramér's V", long: "Cramér's V" },
  tv: { name: "TV", long: "total variation distance" },
  missing: { name: "missing", long: "change of the missing rate" },
};

/** A measure's short name, long name and unit. */
export function measureWords(measure) {
  return { unit: "", ...(MEASURES[measure] ?? { name: measure, long: measure }) };
}

/** Three significant digits, no trailing zeros; grouped from ten thousand, scientific at the far ends. */
export function short(value, digits = 3) {
  if (value == null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return minus(value.toExponential(Math.max(0, digits - 2)));
  if (size >= 10 ** digits) return minus(Math.round(value).toLocaleString("en", { useGrouping: size >= 1e4 }));
  return minus(String(Number(value.toPrecision(digits))));
}

/** An effect: aligned to three decimals, so that a column of them reads well. */
export function effectText(value) {
  if (value == null) return "–";
  return value >= 100 ? short(value) : value.toFixed(value >= 10 ? 1 : 3);
}

/** A share as percent: 12 %, 1.3 %, 0.04 %. */
export function percent(share) {
  if (share == null || Number.isNaN(share)) return "–";
  const value = 100 * share;
  if (value !== 0 && Math.abs(value) < 0.01) return "< 0.01 %";
  return `${minus(String(Number(value.toPrecision(value >= 99.5 ? 3 : 2))))} %`;
}

/** A p-value: never rounded to nought. */
export function probability(p) {
  if (p == null) return "–";
  return p < 0.001 ? "< 0.001" : String(Number(p.toPrecision(2)));
}

/** How many rows, grouped. */
export function count(rows) {
  return rows == null ? "–" : Math.round(rows).toLocaleString("en");
}

const DAY = { day: "numeric", month: "short" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hour12: false };

/** A moment in the reader's own zone: 20 Nov, 10:00. */
export function moment(iso, parts = { ...DAY, ...CLOCK }) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? String(iso) : date.toLocaleString("en-GB", parts);
}

/** A clock of the reader's own zone: 10:00. */
export function clock(iso, seconds = false) {
  return moment(iso, seconds ? { ...CLOCK, second: "2-digit" } : CLOCK);
}

/** The same moment with its zone, for who points at it. */
export function zoned(iso) {
  return moment(iso, { ...DAY, year: "numeric", ...CLOCK, timeZoneName: "short" });
}

/** A value on a column's axis: a date where the column holds times. */
export function axisText(kind, span) {
  if (kind !== "datetime") return (value) => short(value, 4);
  const far = { year: "numeric", month: "short" };
  const parts = span > 400 * 86400 ? far : span > 2 * 86400 ? DAY : { ...DAY, ...CLOCK };
  return (value) => moment(value * 1000, parts);
}

/** Round positions between two ends for an axis; times on whole days or hours. */
export function ticks(low, high, wanted, kind) {
  const step = kind === "datetime" ? roundTime((high - low) / wanted) : roundNumber((high - low) / wanted);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9 && found.length < 40; at += step) {
    found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  }
  return found;
}

function roundNumber(step) {
  const power = 10 ** Math.floor(Math.log10(step || 1));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= step * 0.999) ?? 10);
}

function roundTime(step) {
  const hour = 3600, day = 86400;
  const lengths = [60, 300, 900, hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 91 * day];
  return lengths.find((length) => length >= step) ?? Math.ceil(step / (365 * day)) * 365 * day;
}

function minus(text) {
  return text.replace("-", "−");
}
