// memory.test.mjs: a program that samples all day needs no more memory than at its start.
import assert from "node:assert/strict";
import test from "node:test";
import { Batch, Row, Sampler, init, topLogprobs } from "pluck-sampling";

await init();
const V = 2000;
const row = Float32Array.from({ length: V }, (_, i) => 5 * Math.sin(i * i));
const probe = new Row(1);
const used = () => probe.logits.buffer.byteLength;

// A round of everything that takes memory, also of calls that fail.
function round(n) {
  const sampler = new Sampler("top_k=40;seed=1;repeat_penalty=1.1", V);
  const batch = new Batch(V, 2);
  const copy = sampler.clone();
  const mask = new Uint8Array(V).fill(1);
  for (let i = 0; i < n; i++) sampler.accept(sampler.sample(row));
  sampler.candidates(row, { mask });
  sampler.load(sampler.save());
  sampler.acceptPrompt([1, 2, 3]);
  topLogprobs(row, 20, { token: 1 });
  batch.sample([{ sampler, row }, { sampler: copy, row: row.map(() => NaN) }], { kept: 40, raw: 5, processed: 5 });
  assert.throws(() => new Sampler("top_k=x", V));
  assert.throws(() => sampler.sample(row, { mask: new Uint8Array(V) }));
  assert.throws(() => sampler.load(new Uint8Array(9)));
  for (const object of [sampler, copy, batch, new Row(V)]) object.free();
}

// Memory grows by 64 KiB, so 10,000 calls that lost 8 bytes each would be noticed.
test("memory does not grow over 1,000 rounds and 10,000 calls", () => {
  round(10);
  const before = used();
  for (let i = 0; i < 1000; i++) round(10);
  assert.equal(used(), before);
});

test("what nobody holds any more is freed", { skip: !globalThis.gc }, async () => {
  const before = used();
  for (let i = 0; i < 60; i++) {
    for (let k = 0; k < 50; k++) new Sampler("seed=1", 20000 + k).sample(new Float32Array(20000 + k));
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // All 3,000 samplers with their workspaces would take more than 1 GB.
  assert.ok(used() < before + 400_000_000, `${used()} bytes`);
});
