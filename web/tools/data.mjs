// data.mjs OUT: writes what the page loads beside its code: the rows recorded from the tiny model as
// float32 (rows.bin), the texts of its tokens (tokens.json), from data/, and each sampler's formula
// (formulas.json), from docs/samplers.md.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sections } from "./formulas.mjs";

const data = new URL("../../data/", import.meta.url);
const out = process.argv[2];
mkdirSync(out, { recursive: true });

const npy = readFileSync(new URL("rows-kjv-152k.npy", data));
writeFileSync(join(out, "rows.bin"), npy.subarray(10 + npy.readUInt16LE(8)));

// GGUF: magic, version, number of tensors, number of keys; each key is a name, a type, a value.
const file = readFileSync(new URL("tiny-kjv-152k.Q8_0.gguf", data));
let at = 8;
const u32 = () => file.readUInt32LE((at += 4) - 4);
const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
const string = () => {
  const n = u64();
  return file.toString("utf8", at, (at += n));
};
const SIZES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
function value(type) {
  if (type === 8) return string();
  if (type === 9) {
    const of = u32();
    const n = u64();
    return Array.from({ length: n }, () => value(of));
  }
  if (!(type in SIZES)) throw new Error(`unknown type ${type} at ${at}`);
  at += SIZES[type];
  return undefined;
}
u64();
let tokens;
for (let n = u64(); n > 0 && !tokens; n--) {
  const key = string();
  const v = value(u32());
  if (key === "tokenizer.ggml.tokens") tokens = v;
}
if (!tokens) throw new Error("the model has no tokens");

// Byte-level BPE writes each byte as a character: those that can be printed as they are, the others
// from U+0100 in order.
const byteOf = new Map();
let next = 256;
for (let b = 0; b < 256; b++) {
  const printed = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  byteOf.set(String.fromCodePoint(printed ? b : next++), b);
}
const texts = tokens.map((token) => {
  const bytes = Array.from(token, (c) => byteOf.get(c));
  return bytes.includes(undefined) ? token : Buffer.from(bytes).toString("utf8");
});
writeFileSync(join(out, "tokens.json"), JSON.stringify(texts));

const samplers = readFileSync(new URL("../../docs/samplers.md", import.meta.url), "utf8");
writeFileSync(join(out, "formulas.json"), JSON.stringify(sections(samplers)));
