// Elements. Texts are set as texts, never as markup: names come from elsewhere.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A bar up to `value`, with a line from `low` to `high`, all of them parts of 1. */
export function bar(low, value, high) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  const part = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, number] of Object.entries(attributes)) made.setAttribute(key, number);
    svg.append(made);
  };
  const at = (number) => Math.max(0, Math.min(1, number)) * 100;
  part("rect", { x: 0, y: 0, width: 100, height: 10 });
  part("rect", { class: "value", x: 0, y: 1, width: at(value), height: 8 });
  part("line", { x1: at(low), x2: at(high), y1: 5, y2: 5, "stroke-width": 1.5 });
  return svg;
}
