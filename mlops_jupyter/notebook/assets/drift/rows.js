// How many current rows a verdict takes: mlops_jupyter.stats.verdicts.rows_needed, for limits that a slider sets.

const Z95 = 1.959963984540054;
const LEAST_ROWS = 30;
const SPARSE = 5; // rows in a cell, below which a divergence cannot be told
export const UNREACHABLE = 1e12;
const CURVATURE = { psi: 1, js: 1 / (8 * Math.log(2)), cramers_v: 0.25 };
const OF_CELLS = [...Object.keys(CURVATURE), "tv"];

/** Current rows from which an effect of the critical size shows over the warning limit. */
export function rowsNeeded(measure, limits, referenceRows, cells = 10, variance = 1) {
  if (!limits[1]) return LEAST_ROWS;
  const left = spreadAllowed(measure, limits, cells, variance) - 1 / Math.max(referenceRows, 1);
  const least = OF_CELLS.includes(measure) ? Math.ceil(SPARSE * cells) : 0;
  return left * UNREACHABLE > 1 ? Math.max(LEAST_ROWS, least, Math.ceil(1 / left)) : UNREACHABLE;
}

/** The most that 1 / reference rows + 1 / current rows may be. */
function spreadAllowed(measure, [warning, critical], cells, variance) {
  const gap = Math.max(critical - warning, critical / 2); // limits near one another would never be told apart
  if (measure === "ks") return gap ** 2 / (Math.log(2 / 0.05) / 2);
  if (measure === "psi") return chiSquareSpread(CURVATURE.psi, critical, gap, cells);
  if (measure in CURVATURE) {
    return chiSquareSpread(CURVATURE[measure], critical ** 2, critical ** 2 - (critical - gap) ** 2, cells);
  }
  const one = { tv: 0.25, missing: critical * (1 - Math.min(critical, 1)) + 0.05 }[measure] ?? variance;
  return gap ** 2 / (Z95 ** 2 * Math.max(one, 1e-300));
}

// a noncentral chi-square: variance = 4 k effect s + 2 (cells - 1) k**2 s**2 = (gap / z)**2, solved for s
function chiSquareSpread(curvature, effect, gap, cells) {
  const [quadratic, linear] = [2 * Math.max(cells - 1, 1) * curvature ** 2, 4 * curvature * effect];
  return (Math.sqrt(linear ** 2 + 4 * quadratic * (gap / Z95) ** 2) - linear) / (2 * quadratic);
}
