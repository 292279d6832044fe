// Elements by hand: text is always text, never markup, since names and levels come from the data.

const SVG = "http://www.w3.org/2000/svg";

/** An element of HTML. `on…` are listeners, `class`, `style`, ARIA and the rest are attributes; null is left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An element of SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Words in which `names` in backticks become code. */
export function worded(text) {
  return String(text).split(/`([^`]*)`/).map((part, at) => (at % 2 ? h("code", {}, part) : part));
}

/** A verdict's mark in its colour, with its word. */
export function chip({ mark, tone, word }, text = word) {
  return h("span", { class: `chip ${tone}` }, h("i", { class: "mark", "aria-hidden": "true" }, mark), text);
}

/** Put children in place of what is there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

function set(element, name, value) {
  if (value == null || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else element.setAttribute(name, value === true ? "" : value);
}
