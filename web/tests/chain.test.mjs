// chain.test.mjs: the part of the page that is not the page, against the package: specs that come back
// as they went, and stages whose numbers are those of the definitions.
import assert from "node:assert/strict";
import test from "node:test";
import { Sampler, init } from "pluck-sampling";
import { Draws, STAGES, beginnings, binsOf, compare, defaultChain, fromSpec, outcomesOf, toSpec } from "../src/chain.js";
import { rankPoints } from "../src/ranks.js";

await init();
const V = 3000;
const row = Float32Array.from({ length: V }, (_, i) => 6 * Math.sin(i * i));

test("a spec comes back as it went", () => {
  const chain = defaultChain().reverse();
  chain[0].on = true;
  chain[2].value = 0.25;
  const spec = toSpec(chain, 77);
  const read = fromSpec(spec);
  assert.equal(toSpec(read.chain, read.seed), spec);
  assert.equal(read.chain.length, STAGES.length);
  assert.deepEqual(fromSpec("").chain.filter((c) => c.on).map((c) => c.name), ["top_k", "top_p", "min_p", "temperature"]);
  assert.equal(fromSpec("temp=0.5").chain.find((c) => c.name === "temperature").value, 0.5);
});

test("every card's spec is one that the library takes, at both ends of its slider", () => {
  for (const { name, min, max, value, off } of STAGES) {
    for (const v of [min, max, value, off]) new Sampler(toSpec([{ name, value: v, on: true }], 1), V).free();
  }
});

test("what a card cannot show is named", () => {
  for (const [spec, words] of [["temp", /'temp' is not key=value/], ["samplers=foo", /no card for 'foo'/], ["temp=x", /temp=x: not a number/],
    ["temp=1;temp=2", /temp is given twice/], ["mirostat=2", /no card for 'mirostat'/], ["seed=-1", /seed=-1: not a seed/],
    ["samplers=top_k:top_k", /named twice/], ["samplers=top_p;top_k=3", /no card for 'top_k'/]]) {
    assert.throws(() => fromSpec(spec), words);
  }
});

test("the stages' numbers", () => {
  const chain = [{ name: "top_k", value: 50, on: true }, { name: "min_p", value: 0.5, on: false }, { name: "temperature", value: 2, on: true }];
  const outcomes = [...outcomesOf(row, "test", chain)];
  assert.deepEqual(outcomes.map((o) => o.n), [V, 50, 50]);
  const order = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b);
  assert.deepEqual(outcomes[0].head, order.slice(0, 12));
  const softmax = (ids, t) => {
    const e = ids.map((id) => Math.exp((row[id] - row[order[0]]) / t));
    const sum = e.reduce((x, y) => x + y);
    return e.map((x) => x / sum);
  };
  [softmax(order, 1), softmax(order.slice(0, 50), 1), softmax(order.slice(0, 50), 2)].forEach((p, i) => {
    const entropy = p.reduce((h, x) => h - x * Math.log(x), 0);
    assert.ok(Math.abs(outcomes[i].entropy - entropy) < 1e-5, `${outcomes[i].entropy} ${entropy}`);
    order.slice(0, 12).forEach((id, k) => {
      assert.ok(Math.abs(outcomes[i].byToken.get(id) - p[k]) < 1e-7);
      assert.equal(outcomes[i].most[k][0], id);
    });
    assert.equal(outcomes[i].most.length, 12);
  });
});

test("probabilities by rank", () => {
  for (const n of [1, 2, 50, 4096, 5000, 100000]) {
    const values = Float32Array.from({ length: n }, (_, i) => Math.exp(-(((i * 7919) % n) ** 0.3)));
    const sorted = [...values].sort((a, b) => b - a);
    const points = rankPoints(values);
    assert.deepEqual([points[0][0], points.at(-1)[0]], [1, n]);
    assert.equal(points[0][1], sorted[0]);
    points.forEach(([rank, p], i) => {
      assert.ok(i === 0 || rank > points[i - 1][0]);
      assert.ok(Math.abs(p / sorted[rank - 1] - 1) <= (n <= 4096 ? 0 : 0.005), `${rank} of ${n}: ${p}, ${sorted[rank - 1]}`);
    });
  }
  assert.deepEqual(rankPoints(Float32Array.of(0, 1, 0)), [[1, 1]]);
  const flat = new Float32Array(9000);
  flat[77] = 1;
  assert.deepEqual(rankPoints(flat), [[1, 1]]);
});

test("draws are near the probabilities", () => {
  for (const k of [5, 2000]) { // a short list, and a long one
    const outcomes = [...outcomesOf(row, "test", [{ name: "top_k", value: k, on: true }])];
    const draws = new Draws(outcomes[1], V, 3);
    draws.more(1500);
    const counts = draws.more(500);
    draws.free();
    assert.equal([...counts.values()].reduce((a, b) => a + b), 2000);
    for (const [token, p] of outcomes[1].most) assert.ok(Math.abs((counts.get(token) ?? 0) / 2000 - p) < 0.05);
  }
});

test("a chain's beginnings leave out what is switched off, and have its seed", () => {
  const chain = [{ name: "top_k", value: 50, on: true }, { name: "min_p", value: 0.5, on: false }, { name: "temperature", value: 2, on: true }];
  assert.deepEqual(beginnings({ chain, seed: 4 }),
    ["samplers=;seed=4", "samplers=top_k;top_k=50;seed=4", "samplers=top_k:temperature;top_k=50;temp=2;seed=4"]);
});

test("ranges of ids hold their greatest probability", () => {
  const outcome = { ids: [0, 1, 5, 8, 9], probabilities: Float32Array.from([0.25, 0.125, 0.5, 0.0625, 0.0625]) };
  assert.deepEqual([...binsOf({ ...outcome }, 10, 5)], [0.25, 0, 0.5, 0, 0.0625]);
  assert.deepEqual([...binsOf({ ...outcome }, 10, 100)], [0.25, 0.125, 0, 0, 0, 0.5, 0, 0, 0.0625, 0.0625]);
});

test("two chains beside each other", () => {
  const a = { n: 3, ids: [4, 0, 2], probabilities: Float32Array.from([0.5, 0.25, 0.25]) };
  const b = { n: 2, ids: [0, 3], probabilities: Float32Array.from([0.5, 0.5]) };
  const { apart, most, ...numbers } = compare(a, b, 5);
  assert.deepEqual(numbers, { both: 1, onlyA: 2, onlyB: 1, distance: 0.75 });
  assert.deepEqual(most, [[0, 0.25, 0.5], [3, undefined, 0.5], [4, 0.5, undefined], [2, 0.25, undefined]]);
  assert.deepEqual(apart, [[3, undefined, 0.5], [4, 0.5, undefined], [0, 0.25, 0.5], [2, 0.25, undefined]]);
  assert.deepEqual(compare(a, a, 5).apart, []);
  // Of a row with many tokens the greatest ones, in order.
  const [whole, cut] = outcomesOf(row, "test", [{ name: "top_k", value: 50, on: true }]);
  const found = compare(whole, cut, V);
  assert.deepEqual([found.both, found.onlyA, found.onlyB], [50, V - 50, 0]);
  assert.deepEqual(found.most.map(([token]) => token), cut.most.map(([token]) => token));
  const kept = new Set(cut.ids);
  const lost = whole.probabilities.reduce((sum, p, i) => sum + (kept.has(whole.ids[i]) ? 0 : p), 0);
  assert.ok(Math.abs(found.distance - lost) < 1e-5, `${found.distance} ${lost}`);
});
