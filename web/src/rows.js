// rows.js: the rows that can be looked at.
import { Row, Sampler } from "pluck-sampling";

export const N_VOCAB = 151936;
const RECORDED = 8;

/** [value, text] of each choice. */
export const CHOICES = [
  ...Array.from({ length: RECORDED }, (_, i) => [`model-${i}`, `model, after ${8 * i} tokens`]),
  ["normal", "synthetic: normal"], ["peaked", "synthetic: peaked"], ["flat", "synthetic: all equal"],
];

let recorded;
let texts;
let formulas;

export async function load() {
  const [rows, tokens, sections] = await Promise.all(["rows.bin", "tokens.json", "formulas.json"].map((name) => fetch(`./${name}`)));
  if (!rows.ok || !tokens.ok || !sections.ok) throw new Error("the rows could not be loaded");
  recorded = new Float32Array(await rows.arrayBuffer());
  texts = await tokens.json();
  formulas = await sections.json();
}

/** The section of docs/samplers.md on a sampler, as HTML. */
export const formulaOf = (title) => formulas[title];

// The same numbers each time (xorshift, Marsaglia 2003).
function normals(n, scale) {
  let state = 2463534242;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: n }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += uniform();
    return scale * sum;
  });
}

function logitsOf(name) {
  const model = /^model-([0-7])$/.exec(name);
  if (model) return recorded.subarray(N_VOCAB * model[1], N_VOCAB * (Number(model[1]) + 1));
  if (name === "flat") return new Float32Array(N_VOCAB);
  const row = normals(N_VOCAB, name === "peaked" ? 1.5 : 3);
  if (name === "peaked") [17, 11, 5003, 99, 41000].forEach((token, i) => (row[token] = 18 - 1.5 * i));
  return row;
}

let row;
let own; // the row of one's own, in the module's memory
let ownHasTexts = false; // whether its tokens are the model's
let nTaken = 0;

/** Makes logits of one's own the row "own". Throws what the library says of a row that it refuses, and then
 * the one before stays. */
export function takeOwn({ logits, dtype }, hasTexts = false) {
  const taken = new Row(logits.length, dtype);
  try {
    taken.logits.set(logits);
    const sampler = new Sampler("samplers=", logits.length);
    try {
      sampler.candidates(taken);
    } finally {
      sampler.free();
    }
  } catch (error) {
    taken.free();
    throw error;
  }
  own?.free();
  own = taken;
  ownHasTexts = hasTexts;
  nTaken++;
}

/** A name for what the row's logits are now, under which results of it can be kept. */
export const keyOf = (name) => (name === "own" ? `own-${nTaken}` : name);

/** The row in the module's memory. */
export function select(name) {
  if (name === "own") return own;
  row ??= new Row(N_VOCAB);
  row.logits.set(logitsOf(name));
  return row;
}

/** A token as it can be read: with marks for what cannot be seen. */
export function textOf(token, rowName) {
  if (!rowName.startsWith("model") && !(rowName === "own" && ownHasTexts)) return `#${token}`;
  const marked = (texts[token] ?? "").replace(/^ /, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥");
  return marked === "" ? `#${token}` : marked;
}
