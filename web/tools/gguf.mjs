// gguf.mjs: the vocabulary of a GGUF file that has byte-level BPE.
import { readFileSync } from "node:fs";

const SIZES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const UINT32 = 4;

// The tokens as the file writes them, in order of their ids, and the one that ends a text.
export function readVocabulary(url) {
  // Magic, version, number of tensors, number of keys; each key is a name, a type, a value.
  const file = readFileSync(url);
  let at = 8;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const string = () => {
    const n = u64();
    return file.toString("utf8", at, (at += n));
  };
  function value(type) {
    if (type === 8) return string();
    if (type === 9) {
      const of = u32();
      const n = u64();
      return Array.from({ length: n }, () => value(of));
    }
    if (!(type in SIZES)) throw new Error(`unknown type ${type} at ${at}`);
    if (type === UINT32) return u32();
    at += SIZES[type];
    return undefined;
  }
  const keys = new Map();
  u64();
  for (let n = u64(); n > 0; n--) {
    const key = string();
    keys.set(key, value(u32()));
  }
  const tokens = keys.get("tokenizer.ggml.tokens");
  if (!tokens) throw new Error("the model has no tokens");
  return { tokens, eos: keys.get("tokenizer.ggml.eos_token_id") };
}

// Byte-level BPE writes each byte as a character: those that can be printed as they are, the others
// from U+0100 in order.
const byteOf = new Map();
let next = 256;
for (let b = 0; b < 256; b++) {
  const printed = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  byteOf.set(String.fromCodePoint(printed ? b : next++), b);
}

// The bytes of a token; undefined if it is not text, as a special one is not.
export function bytesOf(token) {
  const bytes = Array.from(token, (c) => byteOf.get(c));
  return bytes.includes(undefined) ? undefined : Buffer.from(bytes);
}
