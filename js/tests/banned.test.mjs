// banned.test.mjs: strings that a text must not contain. The texts are those of examples/banned.c, whose
// output is in the folder PLUCK_EXPECTED.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Banned, Sampler, init } from "pluck-sampling";

await init();
const PIECES = ["It", " sent", " shi", "vers", " down", " my", " spi", "ne", " back", " a", " chill", "."];
const END = 11;
// A model: the logits that were recorded after each of its tokens; 0 for what is not listed.
const RECORDED = [{ 1: 9 }, { 2: 8, 9: 7, 5: 6 }, { 3: 9 }, { 4: 8, 11: 7 }, { 5: 9, 9: 7 }, { 6: 8, 8: 7 }, { 7: 9 }, { 11: 9 }, { 11: 9 },
  { 10: 8, 2: 8 }, { 4: 8, 11: 7 }, {}];
const ROWS = RECORDED.map((row) => Float32Array.from(PIECES, (_, token) => row[token] ?? 0));
const textOf = (tokens) => tokens.map((token) => PIECES[token]).join("");

// The text as it can be given out, with what is taken back in angle brackets.
function generate(sampler, banned) {
  const tokens = [0];
  let out = "";
  let nOut = 0;
  while (tokens.length < 64 && tokens.at(-1) !== END) {
    const token = sampler.sample(ROWS[tokens.at(-1)], { mask: banned.mask() });
    sampler.accept(token);
    tokens.push(token);
    const { takeBack, nHeld } = banned.accept(token);
    if (takeBack > 0) {
      sampler.rewind(takeBack);
      out += ` <${textOf(tokens.splice(-takeBack))}>`;
    }
    out += textOf(tokens.slice(nOut, tokens.length - nHeld));
    nOut = tokens.length - nHeld;
  }
  return out + textOf(tokens.slice(nOut));
}

test("the texts of the example in C", () => {
  const expected = readFileSync(join(process.env.PLUCK_EXPECTED, "banned.txt"), "utf8").trimEnd().split("\n");
  const bytes = PIECES.map((piece) => new TextEncoder().encode(piece));
  for (const pieces of [[PIECES], [bytes], [(token) => PIECES[token], PIECES.length]]) {
    expected.forEach((text, i) => {
      const banned = new Banned(["shivers down", new TextEncoder().encode("spine")], pieces[0], pieces[1], { maxHeld: 16 });
      const sampler = new Sampler("temp=0.8;repeat_penalty=1.1", banned.nVocab, { seed: i + 1, maxRewind: 16 });
      assert.equal(generate(sampler, banned), text);
      banned.free();
    });
  }
});

test("steps, masks, and what is banned", () => {
  const banned = new Banned(["abc"], ["a", "b", "c", "x", "C"]);
  const still = { takeBack: 0, string: undefined, token: undefined };
  assert.deepEqual(banned.accept(3), { nReleased: 1, nHeld: 0, ...still });
  assert.deepEqual(banned.accept(0), { nReleased: 0, nHeld: 1, ...still });
  assert.deepEqual(banned.accept(1), { nReleased: 0, nHeld: 2, ...still });
  const copy = banned.clone();
  const state = banned.save();
  assert.deepEqual(banned.accept(2), { nReleased: 0, nHeld: 0, takeBack: 3, string: 0, token: 0 });
  assert.deepEqual([...banned.tokens], [0]);
  assert.deepEqual([...banned.mask()], [0xfffffffe]);
  assert.deepEqual([...banned.mask(Uint32Array.of(3))], [2]);
  assert.deepEqual([...banned.mask(new Uint32Array(0))], []);
  // The clone, and one that is loaded, go on from where it was.
  const loaded = new Banned(["abc"], ["a", "b", "c", "x", "C"]);
  loaded.load(state);
  banned.free();
  for (const one of [copy, loaded]) {
    one.rewind(1);
    assert.deepEqual(one.accept(2), { nReleased: 2, nHeld: 0, ...still });
    one.accept(0);
    one.reset();
    assert.deepEqual(one.accept(3), { nReleased: 1, nHeld: 0, ...still });
    one.free();
  }
  const loose = new Banned(["abc"], ["a", "b", "c", "x", "C"], undefined, { ignoreCase: true });
  assert.equal([0, 1, 4].map((token) => loose.accept(token)).at(-1).takeBack, 3);
});

test("errors have the library's words, and the caller's own", () => {
  const banned = new Banned(["ab"], ["a", "b"]);
  assert.throws(() => banned.accept(2), { code: "PLUCK_ERR_TOKEN" });
  assert.throws(() => banned.accept(0.5), /token is 0.5/);
  assert.throws(() => banned.rewind(1), { code: "PLUCK_ERR_REWIND" });
  assert.throws(() => banned.load(new Uint8Array(3)), { code: "PLUCK_ERR_STATE" });
  assert.throws(() => banned.mask([1]), /a mask is a Uint32Array/);
  assert.throws(() => new Banned([], ["a"]), { code: "PLUCK_ERR_SIZE" });
  assert.throws(() => new Banned([""], ["a"]), { code: "PLUCK_ERR_SIZE" });
  assert.throws(() => new Banned(["a"], []), { code: "PLUCK_ERR_VOCAB" });
  assert.throws(() => new Banned(["a"], ["a"], undefined, { maxHeld: 0 }), { code: "PLUCK_ERR_SIZE" });
  assert.throws(() => new Banned(["a", 7], ["a"]), /string 1 is a string or a Uint8Array/);
  assert.throws(() => new Banned("a", ["a"]), /strings is an array/);
  assert.throws(() => new Banned(["a"], "a"), /pieces is an array of texts, or a function/);
  assert.throws(() => new Banned(["a"], () => "a"), /nVocab is undefined/);
  assert.throws(() => new Banned(["a"], ["a"], 2), /nVocab is 2; there are 1 pieces/);
  // What a function throws arrives, and the object is as it was.
  let broken = false;
  const own = new Banned(["ab"], (token) => {
    if (broken) throw new RangeError("no such text");
    return "ab"[token];
  }, 2);
  own.accept(0);
  broken = true;
  assert.throws(() => own.accept(1), /no such text/);
  broken = false;
  assert.equal(own.accept(1).takeBack, 2);
  assert.throws(() => new Banned(["ab"], () => 5, 1).accept(0), /the text of token 0 is a string or a Uint8Array/);
  assert.throws(() => new Banned(["ab"], () => "x".repeat(5000), 1).accept(0), /has 5000 bytes; allowed: 0 to 4096/);
  own.free();
  own.free();
  assert.throws(() => own.accept(0), /freed/);
});
