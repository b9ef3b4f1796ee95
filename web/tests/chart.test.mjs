// chart.test.mjs: charts as text, and their colours as the colour-blind see them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { bars, ids, pairs, ranks, svg } from "../src/chart.js";

const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match.slice(1));

test("bars are as long as their probabilities, and texts are texts", () => {
  const { body, label } = bars([["<b>&\"", 0.5, 0.25], ["gone", 0.125, undefined], ["a text of many letters", 0.01, 0.001]], false);
  const widths = all(body, /width="([\d.]+)" height="\d+" class="(before|after)"/g);
  assert.deepEqual(widths.slice(0, 3), [["94", "before"], ["47", "after"], ["23.5", "before"]]);
  assert.ok(body.includes("&lt;b&gt;&amp;&quot;") && !body.includes("<b>"));
  assert.ok(body.includes('class="label gone">gone<') && body.includes(">cut<") && body.includes("a text of man…"));
  assert.match(label, /<b>&": 50\.0 % before, 25\.0 % after; gone: 12\.5 % before, cut after/);
  assert.ok(svg({ width: 1, height: 2, label, body: "" }).includes('aria-label="&lt;b&gt;&amp;&quot;: 50.0'));
  const [[logarithmic]] = all(bars([["x", 0.001, 0.001]], true).body, /width="([\d.]+)" height="13"/g);
  assert.equal(logarithmic, "94"); // three of six powers of ten
});

test("pairs have both probabilities", () => {
  const { body } = pairs([["x", 0.5, undefined], ["y", undefined, 0.5]], false);
  assert.deepEqual(all(body, /width="([\d.]+)" height="10" class="(of-.)"/g), [["94", "of-a"], ["94", "of-b"]]);
  assert.equal(all(body, />(cut)</g).length, 2);
});

test("curves by rank go down, and a line marks where the shorter ends", () => {
  const points = Array.from({ length: 50 }, (_, i) => [i + 1, 0.5 / (i + 1) ** 2]);
  const { body, label } = ranks([["before", "before", 5000, [...points, [5000, 2e-8]]], ["after", "after", 50, points]]);
  const [before, after] = all(body, /polyline points="([^"]*)" class="curve-(before|after)"/g)
    .map(([list]) => list.split(" ").map((point) => point.split(",").map(Number)));
  for (const drawn of [before, after]) {
    drawn.slice(1).forEach(([x, y], i) => assert.ok(x > drawn[i][0] && y > drawn[i][1]));
  }
  assert.ok(before.at(-1)[0] > after.at(-1)[0]);
  assert.deepEqual(all(body, /<line x1="([\d.]+)"[^>]*class="boundary end-(\w+)"/g), [[String(after.at(-1)[0]), "after"]]);
  assert.match(label, /5000 candidates before, 50 candidates after/);
});

test("by id, a range without a candidate has no line", () => {
  const { body, label } = ids([["before", "before", Float32Array.from([0.5, 0.25, 0, 0.25])]], 4000);
  const [[path]] = all(body, /<path d="([^"]*)"/g);
  assert.equal(path.split("M").length - 1, 3);
  assert.match(label, /3 of 4 ranges/);
});

// ---- colours ----

// Of linear RGB: the method of Viénot, Brettel and Mollon 1999, for tritanopia, too, for which it is
// less exact, but near enough to compare colours.
const BLIND = {
  none: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
  deuteranopia: [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
  tritanopia: [[1, 0.14461, -0.14461], [0, 0.85924, 0.14076], [0, 0.85924, 0.14076]],
};

// CIELAB of a colour as someone sees it.
function lab(hex, matrix) {
  const rgb = (hex.length === 4 ? [...hex.slice(1)].map((c) => c + c) : hex.slice(1).match(/../g))
    .map((c) => parseInt(c, 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = matrix.map((line) => Math.min(1, Math.max(0, line.reduce((sum, m, i) => sum + m * rgb[i], 0))));
  const [x, y, z] = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089].map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

test("the colour-blind tell the series of a chart apart, and from the card", () => {
  const css = readFileSync(new URL("../src/chart.css", import.meta.url), "utf8");
  const [light, dark] = all(css, /:root \{([^}]*)\}/g).map(([block]) => Object.fromEntries(all(block, /--([\w-]+): (#\w+)/g)));
  assert.ok(light && dark);
  for (const colours of [light, dark]) {
    for (const [who, matrix] of Object.entries(BLIND)) {
      for (const [a, b] of [["before", "after"], ["after", "other"], ["after", "boundary"], ["before", "boundary"],
        ["card", "before"], ["card", "after"], ["card", "other"], ["card", "boundary"]]) {
        const [la, lb] = [colours[a], colours[b]].map((colour) => lab(colour, matrix));
        const apart = Math.hypot(...la.map((x, i) => x - lb[i]));
        assert.ok(apart > 20, `${who}: ${a} and ${b} are only ${apart.toFixed(1)} apart`);
      }
    }
  }
});
