// chart.js: pictures of distributions as SVG, in text, so that the page and tools/pictures.mjs draw the
// same: tokens as bars, all candidates by rank with both axes logarithmic, or by id. A chart is { width,
// height, label, body }. Colours are those of chart.css.

const escaped = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

function tag(name, attributes, inside = "") {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`).join("");
  return inside === "" ? `<${name}${written}/>` : `<${name}${written}>${inside}</${name}>`;
}

const short = (x) => Number(x.toFixed(1)); // of a coordinate
const percent = (p) => (p === undefined ? "cut" : p >= 0.0995 ? `${(100 * p).toFixed(1)} %` : `${(100 * p).toPrecision(2)} %`);
const LEAST = -6; // of bars' logarithmic axes: a millionth
const LOWEST = -9; // of the axes of all candidates

/** An element that has the chart, as text. */
export const svg = ({ width, height, label, body }) =>
  tag("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, body);

const WIDTH = 360;
const TEXTS = 110; // where bars begin

function name(text, y, gone) {
  return tag("text", { x: TEXTS - 6, y, class: gone ? "label gone" : "label" }, escaped(text.length > 14 ? `${text.slice(0, 13)}…` : text));
}

const lengthOf = (p, room, logarithmic) => short((!p ? 0 : logarithmic ? Math.max(0, 1 - Math.log10(p) / LEAST) : p) * room);
const rect = (y, width, height, kind) => (width > 0 ? tag("rect", { x: TEXTS, y, width, height, class: kind }) : "");

/** tokens: [text, before, after] each; a probability is undefined if the token is not left. */
export function bars(tokens, logarithmic) {
  const room = WIDTH - TEXTS - 62;
  const line = 17;
  const body = tokens.map(([text, before, after], i) => {
    const y = line * i + 2;
    return name(text, y + 11.5, after === undefined) + rect(y, lengthOf(before, room, logarithmic), 13, "before") +
      rect(y + 3, lengthOf(after, room, logarithmic), 7, "after") +
      tag("text", { x: TEXTS + room + 6, y: y + 11.5, class: "number" }, before === undefined ? "" : percent(after));
  });
  return { width: WIDTH, height: line * tokens.length + 4, body: body.join(""),
    label: tokens.map(([text, b, a]) => `${text}: ${percent(b)} before, ${percent(a)} after`).join("; ") };
}

/** tokens: [text, a, b] each: the probabilities that two chains leave. */
export function pairs(tokens, logarithmic) {
  const room = WIDTH - TEXTS - 62;
  const line = 27;
  const body = tokens.map(([text, a, b], i) => {
    const y = line * i + 2;
    return name(text, y + 15, a === undefined && b === undefined) + [[a, "of-a"], [b, "of-b"]].map(([p, kind], k) =>
      rect(y + 11 * k, lengthOf(p, room, logarithmic), 10, kind) +
      tag("text", { x: TEXTS + room + 6, y: y + 9 + 11 * k, class: "number small" }, percent(p))).join("");
  });
  return { width: WIDTH, height: line * tokens.length + 4, body: body.join(""),
    label: tokens.map(([text, a, b]) => `${text}: A ${percent(a)}, B ${percent(b)}`).join("; ") };
}

const [HEIGHT, LEFT, RIGHT, BOTTOM] = [208, 40, 24, 20];
const yOf = (p) => short(6 + (Math.max(Math.log10(p), LOWEST) / LOWEST) * (HEIGHT - BOTTOM - 10));

// The axis of probabilities, and texts below: [place, text] each.
function axes(below) {
  let body = "";
  for (let e = 0; e >= LOWEST; e -= 3) {
    const y = yOf(10 ** e);
    body += tag("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: "grid" }) +
      tag("text", { x: LEFT - 5, y: y + 4, class: "axis end" }, e === 0 ? "1" : `1e${e}`);
  }
  for (const [x, text] of below) body += tag("text", { x: short(x), y: HEIGHT - 5, class: "axis middle" }, text);
  return body;
}

/** of: [name, class of its curve, number of candidates, [rank, probability] of some] each; a line marks where
 * all but the longest end. */
export function ranks(of) {
  const longest = Math.max(...of.map(([, , n]) => n));
  const most = Math.log10(Math.max(longest, 10));
  const x = (rank) => short(LEFT + (Math.log10(rank) / most) * (WIDTH - LEFT - RIGHT));
  const below = [];
  for (let e = 0; e <= most; e++) below.push([x(10 ** e), (10 ** e).toLocaleString("en")]);
  let body = axes(below);
  for (const [, kind, , points] of of) {
    body += tag("polyline", { points: points.map(([rank, p]) => `${x(rank)},${yOf(p)}`).join(" "), class: `curve-${kind}` });
  }
  for (const [, kind, n] of of) {
    if (n < longest) body += tag("line", { x1: x(n), x2: x(n), y1: 4, y2: HEIGHT - BOTTOM, class: `boundary end-${kind}` });
  }
  return { width: WIDTH, height: HEIGHT, body,
    label: `Probability by rank: ${of.map(([title, , n]) => `${n} candidates ${title}`).join(", ")}` };
}

export const N_BINS = 200;

/** of: [name, class, bins] each: the greatest probability in each of N_BINS equal ranges of ids. */
export function ids(of, nVocab) {
  const wide = WIDTH - LEFT - RIGHT;
  const x = (id) => LEFT + (id / nVocab) * wide;
  let body = axes([0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (nVocab - 1))).map((id) => [x(id), id.toLocaleString("en")]));
  const lowest = HEIGHT - BOTTOM;
  for (const [, kind, bins] of of) {
    let path = "";
    bins.forEach((p, i) => {
      if (p > 0) path += `M${short(LEFT + ((i + 0.5) / bins.length) * wide)} ${lowest}V${yOf(p)}`;
    });
    body += tag("path", { d: path || "M0 0", class: `ids-${kind}` });
  }
  return { width: WIDTH, height: HEIGHT, body,
    label: `Probability by token id: ${of.map(([title, , bins]) => `${bins.filter((p) => p > 0).length} of ${bins.length} ranges of ids have a candidate ${title}`).join(", ")}` };
}
