// Under the features: what all columns say together, and what to know of the comparison.

import { fill, h, worded } from "./dom.js";
import { short } from "./numbers.js";

/** The panel of what is true of no single feature; it hides when there is nothing to say. */
export function makeTogether() {
  const element = h("section", { class: "together" });
  return {
    element,
    update({ multivariate, notes = [] }) {
      const told = [...(multivariate ? toldTogether(multivariate) : []), ...notes.map((note) => h("p", { class: "quiet" }, worded(note)))];
      fill(element, told);
      element.hidden = !told.length;
    },
  };
}

function toldTogether({ auc, low, high, features, reconstruction, usual }) {
  const apart = low > 0.5 ? "tell the windows apart" : "do not tell the windows apart";
  const unusual = reconstruction == null ? null : h("p", { class: "quiet" },
    `PCA reconstruction error ${short(reconstruction)}, in the reference ${short(usual[0])} to ${short(usual[1])}`);
  return [h("p", {}, h("b", {}, `All columns together ${apart}`), `: AUC ${short(auc)} (95 %: ${short(low)} to ${short(high)})`),
    low > 0.5 && h("ol", {}, features.slice(0, 5).map(([name, part]) => weight(name, part, features[0][1]))), unusual];
}

function weight(name, part, most) {
  return h("li", {}, h("span", {}, name), h("span", { class: "weight" },
    h("span", { style: `width:${Math.max(0, (100 * part) / (most || 1))}%` })), h("span", { class: "number" }, short(part, 2)));
}
