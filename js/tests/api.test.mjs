// api.test.mjs: what a user of the installed package calls. Tokens are compared with the native
// command's (PLUCK_COMMAND) on rows recorded from a model (PLUCK_ROWS).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import * as pluck from "pluck-sampling";

const { Batch, PluckError, Row, Sampler, init, isa, topLogprobs, version } = pluck;
const require = createRequire(import.meta.url);
const V = 1000;
const row = Float32Array.from({ length: V }, (_, i) => 5 * Math.sin(i * i));

test("before init() a call says what is missing", () => {
  assert.throws(() => new Sampler("", V), /await init\(\) first/);
});

test("loading", async () => {
  await assert.rejects(init(new Uint8Array([1, 2, 3])), WebAssembly.CompileError);
  await init();
  await init();
  assert.equal(version(), require("pluck-sampling/package.json").version);
  assert.equal(isa(), "simd128");
});

test("the module is small and asks its host for little", () => {
  const bytes = readFileSync(require.resolve("pluck-sampling/pluck.wasm"));
  assert.ok(bytes.length < 300_000, `${bytes.length} bytes`);
  const wanted = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map((x) => x.name).sort();
  assert.deepEqual(wanted, ["clock_time_get", "fd_close", "fd_seek", "fd_write", "piece"]);
});

test("the same draws as the native library, to the last bit", () => {
  const file = readFileSync(process.env.PLUCK_ROWS);
  const n = 151936;
  const start = 10 + file.readUInt16LE(8);
  const specs = ["seed=5", "temp=1.5;top_p=0.95;top_k=0;seed=6", "samplers=temperature;temp=1;seed=7",
    "typ_p=0.9;top_k=0;seed=8", "mirostat=2;seed=9", "temp=0", "min_p=0.02;top_k=0;repeat_penalty=1.2;dry_multiplier=0.8;seed=10",
    "xtc_probability=0.5;xtc_threshold=0.05;seed=11", "top_n_sigma=1;top_k=0;seed=12"];
  let compared = 0;
  for (const spec of specs) {
    for (const rng of ["mt19937", "philox"]) {
      const output = execFileSync(process.env.PLUCK_COMMAND,
        ["sample", "-s", spec, "--rng", rng, "-n", "6", "--accept", "--json", process.env.PLUCK_ROWS], { encoding: "utf8" });
      const lines = output.trim().split("\n").map((line) => JSON.parse(line));
      const sampler = new Sampler(spec, n, { rng });
      let at = 0;
      for (let r = 0; r < 8; r++) {
        const logits = new Float32Array(file.buffer.slice(file.byteOffset + start + 4 * n * r, file.byteOffset + start + 4 * n * (r + 1)));
        for (let i = 0; i < 6; i++, at++) {
          const draw = sampler.draw(logits);
          sampler.accept(draw.token);
          assert.equal(draw.token, lines[at].token, `${spec} ${rng} row ${r} draw ${i}`);
          assert.equal(draw.probability, Math.fround(lines[at].probability), `${spec} ${rng} row ${r} draw ${i}`);
          compared++;
        }
      }
      assert.equal(at, lines.length);
      sampler.free();
    }
  }
  assert.equal(compared, specs.length * 2 * 48);
});

test("a row in the module's memory, of each type", () => {
  const expected = new Sampler("top_k=40;seed=3", V);
  const own = new Row(V);
  own.logits.set(row);
  const sampler = expected.clone();
  assert.equal(sampler.sample(own), expected.sample(row));
  // A view of it is read where it is, too.
  assert.equal(sampler.sample(own.logits), expected.sample(row));
  own.free();
  assert.throws(() => sampler.sample(own), /freed/);
  const bits = new Uint32Array(row.buffer.slice(0));
  const halves = Uint16Array.from(bits, (x) => x >>> 16);
  const wide = new Float32Array(Uint32Array.from(halves, (x) => x << 16).buffer);
  assert.equal(sampler.sample(halves, { dtype: "bfloat16" }), expected.sample(wide));
  const half = new Row(V, "float16");
  half.logits.fill(0).set([0x3c00], 17); // 1 among zeros
  assert.equal(new Sampler("temp=0", V).sample(half), 17);
  assert.throws(() => sampler.sample(halves), /dtype is undefined/);
  assert.throws(() => sampler.sample(row, { dtype: "bfloat16" }), /the row is float32/);
});

test("masks, as bits and by element", () => {
  const allowed = [3, 64, 999];
  const bits = new Uint32Array(32);
  const elements = new Uint8Array(V);
  for (const t of allowed) {
    bits[t >>> 5] |= 1 << (t & 31);
    elements[t] = 1;
  }
  for (const mask of [bits, elements, Array.from(elements, (x) => x === 1)]) {
    const c = new Sampler("samplers=", V).candidates(row, { mask });
    assert.deepEqual([...c.ids].sort((a, b) => a - b), allowed);
    assert.equal(c.nMasked, V - 3);
    assert.equal(topLogprobs(row, 10, { mask }).ids.length, 3);
  }
  const sampler = new Sampler("", V);
  assert.throws(() => sampler.sample(row, { mask: new Uint8Array(V) }), { code: "PLUCK_ERR_EMPTY" });
  assert.throws(() => sampler.sample(row, { mask: new Uint8Array(3) }), /the mask has 3 elements; the vocabulary has 1000/);
  assert.throws(() => sampler.sample(row, { mask: [1, 0] }), /a mask is/);
});

test("a second row", () => {
  const second = Float32Array.from(row, (_, i) => 4 * Math.cos(3 * i * i));
  const spec = "samplers=guidance;guidance_scale=1.5;seed=1";
  const sampler = new Sampler(spec, V);
  // A constant in a row's logits does not matter to the result.
  const x = Array.from(row, (e, i) => second[i] + 1.5 * (e - second[i]));
  const sum = x.reduce((s, y) => s + Math.exp(y), 0);
  const { ids, probabilities } = sampler.candidates(row, { second });
  assert.equal(ids.length, V);
  ids.forEach((id, i) => assert.ok(Math.abs(probabilities[i] - Math.exp(x[id]) / sum) < 1e-6));
  // In the module's memory, and of another type than the row.
  const own = new Row(V);
  own.logits.set(second);
  for (const there of [own, own.logits]) assert.deepEqual(sampler.candidates(row, { second: there }).probabilities, probabilities);
  const halves = Uint16Array.from(new Uint32Array(second.buffer), (bits) => bits >>> 16);
  const wide = new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
  assert.deepEqual(sampler.candidates(row, { second: halves, secondDtype: "bfloat16" }).probabilities,
    sampler.candidates(row, { second: wide }).probabilities);
  const expected = new Sampler(spec, V).draw(row, { second });
  assert.deepEqual(new Batch(V, 1).sample([{ sampler: new Sampler(spec, V), row, second }])[0].draw, expected);
  assert.throws(() => sampler.sample(row), { code: "PLUCK_ERR_SECOND_ROW" });
  assert.throws(() => sampler.sample(row, { second: second.subarray(1) }), /the second row has 999 logits; the vocabulary has 1000/);
  assert.throws(() => sampler.sample(row, { second: [1] }), /a row of logits is/);
});

test("lists of candidates", () => {
  const sampler = new Sampler("temp=0", V);
  assert.equal(sampler.sample(Float32Array.of(1, 3, 2), { ids: [500, 7, 9] }), 7);
  assert.throws(() => sampler.sample(Float32Array.of(1, 3), { ids: [5, 6], descending: true }), { code: "PLUCK_ERR_ORDER" });
  assert.throws(() => sampler.sample(Float32Array.of(1), { ids: [V] }), { code: "PLUCK_ERR_TOKEN" });
  assert.throws(() => sampler.sample(Float32Array.of(1), { ids: [5, 6] }), /ids has 2 elements; the row has 1/);
});

test("candidates belong to the last call", () => {
  const a = new Sampler("top_k=5;seed=1", V);
  const b = new Sampler("top_k=3;seed=1", V);
  const token = a.sample(row);
  const c = a.candidates();
  assert.equal(c.ids.length, 5);
  assert.equal(c.ids[c.selected], token);
  assert.ok(Math.abs(c.probabilities.reduce((x, y) => x + y) - 1) < 1e-6);
  b.sample(row);
  assert.throws(() => a.candidates(), { code: "PLUCK_ERR_NO_RESULT" });
  assert.equal(b.candidates().ids.length, 3);
  assert.throws(() => b.sample(new Float32Array(V).fill(NaN)), { code: "PLUCK_ERR_NAN", status: -7 });
  assert.throws(() => b.candidates(), { code: "PLUCK_ERR_NO_RESULT" });
});

test("log-probabilities", () => {
  const top = topLogprobs(row, 4, { token: 7 });
  const sum = row.reduce((s, x) => s + Math.exp(x), 0);
  const sorted = [...row.keys()].sort((i, j) => row[j] - row[i] || i - j);
  assert.deepEqual([...top.ids], sorted.slice(0, 4));
  top.ids.forEach((id, i) => assert.ok(Math.abs(top.logprobs[i] - (row[id] - Math.log(sum))) < 1e-5));
  assert.ok(Math.abs(top.tokenLogprob - (row[7] - Math.log(sum))) < 1e-5);
  assert.throws(() => topLogprobs(row, V + 1), { code: "PLUCK_ERR_SIZE" });
  assert.throws(() => topLogprobs(row, 1, { token: V }), { code: "PLUCK_ERR_TOKEN" });
  assert.throws(() => topLogprobs(row, 1, { token: -1 }), { code: "PLUCK_ERR_TOKEN" });
});

test("a sampler's life: clone, reset, rewind, save and load", () => {
  const sampler = new Sampler("repeat_penalty=1.5;seed=4", V, { maxRewind: 8 });
  sampler.acceptPrompt([1, 2, 3]);
  const draws = (s, n) => Array.from({ length: n }, () => {
    const token = s.sample(row);
    s.accept(token);
    return token;
  });
  const copy = sampler.clone();
  const state = sampler.save();
  const first = draws(sampler, 6);
  assert.deepEqual(draws(copy, 6), first);
  sampler.rewind(6);
  assert.deepEqual(draws(sampler, 6), first);
  const other = new Sampler("repeat_penalty=1.5;seed=99", V);
  other.load(state);
  assert.deepEqual(draws(other, 6), first);
  sampler.reset();
  sampler.acceptPrompt([1, 2, 3]);
  assert.deepEqual(draws(sampler, 6), first);
  assert.equal(sampler.seed, 4);
  assert.equal(new Sampler("seed=4", V, { seed: 4000000000 }).seed, 4000000000);
  assert.notEqual(new Sampler("seed=-1", V).seed, new Sampler("seed=-1", V).seed);
  const philox = new Sampler("seed=1", V, { rng: "philox" });
  const [a, b] = draws(philox, 2);
  philox.seek(1);
  assert.equal(philox.sample(row), b);
  philox.seek(0);
  assert.equal(philox.sample(row), a);
  sampler.free();
  sampler.free();
  assert.throws(() => sampler.sample(row), /freed/);
  assert.throws(() => sampler.clone(), /freed/);
});

test("a batch", () => {
  const samplers = [1, 2, 3].map((seed) => new Sampler(`top_k=20;seed=${seed}`, V));
  const expected = samplers.map((s) => s.clone().draw(row));
  const batch = new Batch(V, 4);
  const bad = Float32Array.from(row);
  bad[9] = NaN;
  const results = batch.sample([...samplers.map((sampler) => ({ sampler, row, accept: true })),
    { sampler: new Sampler("", V), row: bad }], { kept: 20, raw: 3, processed: 2 });
  expected.forEach((draw, i) => {
    assert.deepEqual(results[i].draw, draw);
    assert.equal(results[i].kept.ids.length, draw.nCandidates);
    assert.equal(results[i].kept.probabilities.length, draw.nCandidates);
    assert.deepEqual(results[i].raw.ids, topLogprobs(row, 3).ids);
    assert.ok(Math.abs(Math.exp(results[i].processed.token) - draw.probability) < 1e-6);
    assert.equal(results[i].processed.logprobs.length, 2);
  });
  assert.ok(results[3].error instanceof PluckError);
  assert.equal(results[3].error.message, "row 3: logits: that of token 9 is NaN");
  assert.deepEqual(batch.sample([]), []);
  const twice = batch.sample([{ sampler: samplers[0], row }, { sampler: samplers[0], row }]);
  assert.equal(twice[0].error?.code ?? twice[1].error.code, "PLUCK_ERR_SHARED");
  assert.equal(batch.sample([{ sampler: samplers[0], row }], { kept: 5 })[0].error.code, "PLUCK_ERR_SIZE");
  assert.throws(() => batch.sample(new Array(5).fill({ sampler: samplers[0], row })), /there are 5 rows; allowed: 0 to 4/);
  assert.throws(() => batch.sample([{ row }]), /row 0: sampler is no Sampler/);
  assert.throws(() => new Batch(V, 0), /max_rows is 0; allowed: 1 to 65536/);
  batch.free();
  assert.throws(() => batch.sample([]), /freed/);
});

test("drafts in a batch", () => {
  const rows = Array.from({ length: 4 }, (_, k) => Float32Array.from(row, (_, i) => 5 * Math.sin(i * i + k)));
  const make = (seed) => new Sampler(`top_k=20;repeat_penalty=1.3;seed=${seed}`, V, { maxRewind: 8 });
  const batch = new Batch(V, 3);
  // Token for token what sampling gives: all of the draft stand if they are those, else up to the first that is not.
  const plain = make(5);
  const drawn = rows.map((logits) => {
    const token = plain.sample(logits);
    plain.accept(token);
    return token;
  });
  const other = (drawn[1] + 1) % V;
  const [whole, part, without] = batch.sample([{ sampler: make(5), draft: { tokens: drawn.slice(0, 3), rows } },
    { sampler: make(5), draft: { way: "same", tokens: [drawn[0], other, 7], rows: [rows[0], { row: rows[1] }, rows[2], rows[3]] } },
    { sampler: make(5), row: rows[0] }], { kept: 20 });
  assert.deepEqual(whole.verified, { nAccepted: 3, token: drawn[3], node: 2 });
  assert.deepEqual(part.verified, { nAccepted: 1, token: drawn[1], node: 0 });
  assert.equal(part.draw.token, drawn[1]);
  assert.ok(part.kept.ids.includes(drawn[1]));
  assert.equal(without.draw.token, drawn[0]);
  assert.equal("verified" in without, false);
  // A tree: the second of two first tokens is the one that sampling gives.
  const tree = { tokens: [other, drawn[0], drawn[1]], parents: [-1, -1, 1], rows: [rows[0], rows[1], rows[1], rows[2]] };
  assert.deepEqual(batch.sample([{ sampler: make(5), draft: tree }])[0].verified, { nAccepted: 2, token: drawn[2], node: 2 });
  // A proposal that is what the chain leaves always stands; so does a list of it; one of another token never.
  const { ids, probabilities } = make(1).candidates(rows[0]);
  const order = [...ids.keys()].sort((a, b) => ids[a] - ids[b]);
  const list = { ids: order.map((i) => ids[i]), probabilities: Float32Array.from(order, (i) => probabilities[i]) };
  const dense = new Float32Array(V);
  ids.forEach((id, i) => (dense[id] = probabilities[i]));
  const never = [...row.keys()].find((t) => !ids.includes(t));
  const sure = Float32Array.from(row, (_, t) => (t === never ? 1 : 0));
  for (let seed = 1; seed < 20; seed++) {
    const judge = (token, proposal) => batch.sample([{ sampler: make(seed),
      draft: { way: "rejection", tokens: [token], rows: rows.slice(0, 2), proposals: [proposal] } }])[0].verified.nAccepted;
    assert.deepEqual([judge(ids[3], dense), judge(ids[3], list), judge(never, sure)], [1, 1, 0]);
  }
  const refused = (draft, words) => assert.throws(() => batch.sample([{ sampler: make(1), draft }]), words);
  refused({ tokens: [1], rows: [row] }, /1 tokens need 2 rows/);
  refused({ tokens: [1.5], rows: [row, row] }, /an element of tokens is 1.5/);
  refused({ tokens: [1], rows: [row, row], way: "maybe" }, /way is maybe; allowed/);
  refused({ tokens: [1], rows: [row, row], proposals: [] }, /1 tokens need 1 proposals/);
  refused({ tokens: [1], rows: [row, row], proposals: [new Float32Array(3)] }, /a proposal has 3 probabilities/);
  refused({ tokens: [1], rows: [row, row], proposals: [{ ids: [1], probabilities: new Float32Array(2) }] }, /1 ids and 2 probabilities/);
  refused({ tokens: [1], rows: [row, row], parents: [] }, /1 tokens need 1 parents/);
  refused({ tokens: new Array(65).fill(1), rows: new Array(66).fill(row) }, { code: "PLUCK_ERR_SIZE" });
  refused({ tokens: [1], rows: [row, row.subarray(1)] }, /the row has 999 logits/);
  const fails = (sampler, draft) => batch.sample([{ sampler, draft }])[0].error.code;
  assert.equal(fails(new Sampler("", V), { tokens: [1], rows: [row, row] }), "PLUCK_ERR_REWIND");
  assert.equal(fails(make(1), { tokens: [V], rows: [row, row] }), "PLUCK_ERR_TOKEN");
  // A plain row behind a draft in the same place.
  assert.equal(batch.sample([{ sampler: make(5), row: rows[0] }])[0].draw.token, drawn[0]);
});

test("errors have the library's words", () => {
  for (const [spec, code, words] of [["tmp=1", "PLUCK_ERR_SPEC_KEY", /unknown key 'tmp'/],
    ["temp=x", "PLUCK_ERR_SPEC_VALUE", /temp=x/], ["top_p=2", "PLUCK_ERR_SPEC_RANGE", /top_p=2/],
    ["temp", "PLUCK_ERR_SPEC_SYNTAX", /temp/], ["temp=1;temp=2", "PLUCK_ERR_SPEC_DUPLICATE", /temp/]]) {
    assert.throws(() => new Sampler(spec, V), (error) => {
      assert.ok(error instanceof PluckError);
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    });
  }
  for (const n of [0, -1, 16777217]) assert.throws(() => new Sampler("", n), { code: "PLUCK_ERR_VOCAB" });
  assert.throws(() => new Sampler("", 2.5), /nVocab is 2.5; allowed: an integer/);
  assert.throws(() => new Sampler("", 2 ** 32 + 1), RangeError);
  assert.throws(() => new Sampler(7, V), /a chain is a string/);
  assert.throws(() => new Sampler("", V, { rng: "lcg" }), /rng is lcg/);
  assert.throws(() => new Sampler("", V, { rng: "constructor" }), /rng is constructor/);
  assert.throws(() => new Row(V, "toString"), /dtype is toString/);
  assert.throws(() => new Sampler("", V, { seed: -2 }), /seed is -2/);
  assert.throws(() => new Sampler("", V, { maxRewind: 5000 }), { code: "PLUCK_ERR_SIZE" });
  const sampler = new Sampler("", V);
  assert.throws(() => sampler.sample(row.subarray(1)), /the row has 999 logits; the vocabulary has 1000 tokens/);
  assert.throws(() => sampler.sample([1, 2]), /a row of logits is/);
  assert.throws(() => sampler.sample(undefined), /a row of logits is/);
  assert.throws(() => sampler.accept(V), { code: "PLUCK_ERR_TOKEN" });
  assert.throws(() => sampler.accept(1.5), /token is 1.5/);
  assert.throws(() => sampler.acceptPrompt([1, V]), { code: "PLUCK_ERR_TOKEN" });
  assert.throws(() => sampler.rewind(1), { code: "PLUCK_ERR_REWIND" });
  assert.throws(() => sampler.seek(1), { code: "PLUCK_ERR_RNG" });
  assert.throws(() => sampler.seek(-1), /position is -1/);
  assert.throws(() => sampler.load(new Uint8Array(3)), { code: "PLUCK_ERR_STATE" });
  assert.throws(() => new Sampler("samplers=;mirostat=0", V).load("x"), /Uint8Array/);
});

test("every name that is exported, and every member, has a type, and the other way round", () => {
  const types = readFileSync(require.resolve("pluck-sampling").replace(/\.js$/, ".d.ts"), "utf8");
  const declared = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((m) => m[1]);
  assert.deepEqual(declared.sort(), Object.keys(pluck).sort());
  for (const name of ["Sampler", "Batch", "Row", "Banned"]) {
    const body = types.match(new RegExp(`^export class ${name} \\{([^]*?)^\\}`, "m"))[1];
    const members = [...body.matchAll(/^  (?:get )?(\w+)\(/gm)].map((m) => m[1]);
    const real = Object.getOwnPropertyNames(pluck[name].prototype).filter((x) => x !== "address");
    assert.deepEqual([...new Set(members)].sort(), real.sort());
  }
});
