// chart.js: two pictures of a stage as SVG: the most likely tokens before and after it, and all
// candidates by rank, with both axes logarithmic.
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const percent = (p) => (p === undefined ? "cut" : p >= 0.0995 ? `${(100 * p).toFixed(1)} %` : `${(100 * p).toPrecision(2)} %`);
const LEAST = -6; // of logarithmic axes: a millionth

/** tokens: [text, before, after] each; a probability is undefined where the token is not left. */
export function bars(tokens, logarithmic) {
  const width = 360;
  const left = 110;
  const room = width - left - 62;
  const length = (p) => (!p ? 0 : logarithmic ? Math.max(0, 1 - Math.log10(p) / LEAST) : p) * room;
  const line = 17;
  const svg = element("svg", { viewBox: `0 0 ${width} ${line * tokens.length + 4}`, role: "img",
    "aria-label": tokens.map(([text, b, a]) => `${text}: ${percent(b)} before, ${percent(a)} after`).join("; ") });
  tokens.forEach(([text, before, after], i) => {
    const y = line * i + 2;
    const label = element("text", { x: left - 6, y: y + 11.5, class: after === undefined ? "label gone" : "label" });
    label.textContent = text.length > 14 ? `${text.slice(0, 13)}…` : text;
    const number = element("text", { x: left + room + 6, y: y + 11.5, class: "number" });
    number.textContent = before === undefined ? "" : percent(after);
    svg.append(label, element("rect", { x: left, y, width: length(before), height: 13, class: "before" }),
      element("rect", { x: left, y: y + 3, width: length(after), height: 7, class: "after" }), number);
  });
  return svg;
}

// A point for each of some 120 ranks, evenly spaced in the logarithm.
function curve(ranked, x, y) {
  const points = [];
  let last = -1;
  for (let i = 0; i <= 120; i++) {
    const at = Math.round(ranked.length ** (i / 120)) - 1;
    if (at === last || !(ranked[at] > 0)) continue;
    points.push(`${x(at + 1).toFixed(1)},${y(ranked[at]).toFixed(1)}`);
    last = at;
  }
  return points.join(" ");
}

/** before and after: probabilities in descending order. */
export function ranks(before, after) {
  const [width, height, left, bottom] = [360, 208, 40, 20];
  const most = Math.log10(Math.max(before.length, 10));
  const lowest = -9;
  const x = (rank) => left + (Math.log10(rank) / most) * (width - left - 24);
  const y = (p) => 6 + (Math.max(Math.log10(p), lowest) / lowest) * (height - bottom - 10);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Probability by rank: ${before.length} candidates before, ${after.length} after` });
  for (let e = 0; e >= lowest; e -= 3) {
    const text = element("text", { x: left - 5, y: y(10 ** e) + 4, class: "axis end" });
    text.textContent = e === 0 ? "1" : `1e${e}`;
    svg.append(element("line", { x1: left, x2: width - 24, y1: y(10 ** e), y2: y(10 ** e), class: "grid" }), text);
  }
  for (let e = 0; e <= most; e++) {
    const text = element("text", { x: x(10 ** e), y: height - 5, class: "axis middle" });
    text.textContent = (10 ** e).toLocaleString("en");
    svg.append(text);
  }
  svg.append(element("polyline", { points: curve(before, x, y), class: "curve-before" }),
    element("polyline", { points: curve(after, x, y), class: "curve-after" }));
  if (after.length < before.length) {
    svg.append(element("line", { x1: x(after.length), x2: x(after.length), y1: 4, y2: height - bottom, class: "boundary" }));
  }
  return svg;
}
