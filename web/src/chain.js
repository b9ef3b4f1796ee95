// chain.js: a chain as cards and as a spec, and what each of its stages leaves of a row. Knows nothing
// of the page.
import { Row, Sampler, topLogprobs } from "pluck-sampling";
import { rankPoints } from "./ranks.js";

/** The stages that a card can be, in the order of the spec's default chain: the name in samplers=, the title,
 * which is that of its section in docs/samplers.md unless that is given, the key of the spec, the slider's
 * range, a value that does nothing, the value that a new card has. */
export const STAGES = [
  { name: "top_n_sigma", title: "Top-n-sigma", key: "top_n_sigma", min: 0, max: 5, step: 0.05, off: -1, value: 1, formula: "keeps x ≥ max − n σ" },
  { name: "top_k", title: "Top-k", key: "top_k", min: 1, max: 1000, step: 1, off: 0, value: 40, formula: "keeps the k most likely" },
  { name: "top_a", title: "Top-a", key: "top_a", min: 0, max: 1, step: 0.01, off: 0, value: 0.2, formula: "keeps p ≥ a · p_max²" },
  { name: "tfs", title: "Tail-free", key: "tfs", min: 0.01, max: 1, step: 0.01, off: 1, value: 0.95, formula: "keeps those before the place where the curve of probabilities has become straight" },
  { name: "typ_p", title: "Locally typical", key: "typ_p", min: 0.01, max: 1, step: 0.01, off: 1, value: 0.9, formula: "keeps those whose −ln p is nearest the entropy, until their mass is above p" },
  { name: "top_p", title: "Top-p", key: "top_p", min: 0.01, max: 1, step: 0.01, off: 1, value: 0.95, formula: "keeps the most likely until their mass reaches p" },
  { name: "epsilon_cutoff", title: "Epsilon cut-off", section: "Epsilon and eta cut-off", key: "epsilon_cutoff", min: 0, max: 0.1, step: 0.001, off: 0, value: 0.01, formula: "keeps p ≥ ε" },
  { name: "eta_cutoff", title: "Eta cut-off", section: "Epsilon and eta cut-off", key: "eta_cutoff", min: 0, max: 0.1, step: 0.001, off: 0, value: 0.01, formula: "keeps p ≥ min(ε, √ε · exp(−H))" },
  { name: "top_h", title: "Top-H", key: "top_h", min: 0, max: 1, step: 0.01, off: 1, value: 0.5, formula: "keeps the most likely until their entropy reaches α · H" },
  { name: "min_p", title: "Min-p", key: "min_p", min: 0, max: 1, step: 0.005, off: 0, value: 0.05, formula: "keeps p ≥ m · p_max" },
  { name: "min_k", title: "Min-k", key: "min_k", min: 0, max: 300, step: 1, off: -1, value: 100, formula: "keeps those before the steepest step of the sorted logits, or ⌊τ / their range⌋ if these are more" },
  { name: "temperature", title: "Temperature", key: "temp", min: 0.05, max: 3, step: 0.05, off: 1, value: 0.8, formula: "divides each logit by t" },
  { name: "quadratic_sampling", title: "Quadratic smoothing", key: "smoothing_factor", min: 0, max: 2, step: 0.05, off: 0, value: 0.3, formula: "x ← max − f · (x − max)²" },
];

export const kindOf = (name) => STAGES.find((stage) => stage.name === name);

/** llama.cpp's default chain, and the other stages switched off. */
export function defaultChain() {
  const on = ["top_k", "top_p", "min_p", "temperature"];
  return STAGES.map(({ name, value }) => ({ name, value, on: on.includes(name) }));
}

/** The spec of a chain; stages that are switched off are not in it. */
export function toSpec(chain, seed) {
  const on = chain.filter((card) => card.on);
  const parts = [`samplers=${on.map((card) => card.name).join(":")}`,
    ...on.map((card) => `${kindOf(card.name).key}=${card.value}`)];
  if (seed !== undefined) parts.push(`seed=${seed}`);
  return parts.join(";");
}

/** A chain and a seed from a spec as toSpec() writes it; stages that it does not name follow, switched
 * off. Throws an Error that says what a card cannot show. */
export function fromSpec(spec) {
  const values = new Map();
  for (const pair of spec.split(/[;,]/).filter((part) => part.trim() !== "")) {
    const [key, ...rest] = pair.split("=");
    if (rest.length !== 1) throw new Error(`'${pair}' is not key=value`);
    if (values.has(key.trim())) throw new Error(`${key.trim()} is given twice`);
    values.set(key.trim(), rest[0].trim());
  }
  const seed = values.has("seed") ? Number(values.get("seed")) : 1;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw new Error(`seed=${values.get("seed")}: not a seed`);
  const names = values.has("samplers") ? values.get("samplers").split(":").filter(Boolean)
    : defaultChain().filter((card) => card.on).map((card) => card.name);
  values.delete("seed");
  values.delete("samplers");
  const chain = names.map((name) => {
    const kind = kindOf(name);
    if (!kind) throw new Error(`there is no card for '${name}'`);
    const value = values.has(kind.key) ? Number(values.get(kind.key)) : kind.value;
    if (!Number.isFinite(value)) throw new Error(`${kind.key}=${values.get(kind.key)}: not a number`);
    values.delete(kind.key);
    return { name, value, on: true };
  });
  if (new Set(names).size !== names.length) throw new Error("a sampler is named twice");
  if (values.size > 0) throw new Error(`there is no card for '${[...values.keys()][0]}'`);
  for (const { name, value } of STAGES) if (!names.includes(name)) chain.push({ name, value, on: false });
  return { chain, seed };
}

const HEAD = 12;
const known = new Map(); // by row and spec: a slider changes only the stages from its own on

// The numbers below n of which `weight` is greatest, greatest first; those of weight 0 are left out.
function greatest(n, weight) {
  const found = [];
  for (let i = 0; i < n; i++) {
    const w = weight(i);
    if (!(w > 0) || (found.length === HEAD && w <= found[HEAD - 1].w)) continue;
    let at = found.length;
    while (at > 0 && found[at - 1].w < w) at--;
    found.splice(at, 0, { i, w });
    if (found.length > HEAD) found.pop();
  }
  return found.map(({ i }) => i);
}

const heads = new Map(); // by row

function headOf(row, rowName) {
  if (!heads.has(rowName)) {
    if (heads.size > 20) heads.clear();
    heads.set(rowName, [...topLogprobs(row, Math.min(HEAD, row.length)).ids]);
  }
  return heads.get(rowName);
}

/** What a chain leaves of a row: how many, the entropy in nats, ids with logits and probabilities, the latter
 * at some ranks, those of the row's most likely tokens (head), and the most likely [token, probability]. */
function outcome(row, rowName, spec) {
  const key = `${rowName}|${spec}`;
  let result = known.get(key);
  if (result) return result;
  const sampler = new Sampler(spec, row.length);
  const { ids, logits, probabilities } = sampler.candidates(row);
  sampler.free();
  // ln p is a logit less the logarithm of the sum, which the most likely candidate tells.
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  const sum = logits[best] - Math.log(probabilities[best]);
  let entropy = 0;
  const finite = Number.isFinite(sum); // candidates at infinity share the probability equally
  for (let i = 0; i < logits.length; i++) {
    if (probabilities[i] > 0) entropy -= probabilities[i] * (finite ? logits[i] - sum : Math.log(probabilities[i]));
  }
  const head = headOf(row, rowName);
  const wanted = new Uint8Array(row.length);
  for (const token of head) wanted[token] = 1;
  const byToken = new Map();
  for (let i = 0; i < ids.length; i++) if (wanted[ids[i]]) byToken.set(ids[i], probabilities[i]);
  const most = greatest(ids.length, (i) => probabilities[i]).map((i) => [ids[i], probabilities[i]]);
  const ranks = rankPoints(probabilities);
  result = { n: ids.length, entropy, ids, logits, probabilities, ranks, head, byToken, most };
  if (known.size > 30) known.delete(known.keys().next().value);
  known.set(key, result);
  return result;
}

/** The outcome for the row, and after each stage that is on, each when it is asked for. */
export function* outcomesOf(row, rowName, chain) {
  const on = chain.filter((card) => card.on);
  for (let i = 0; i <= on.length; i++) yield outcome(row, rowName, toSpec(on.slice(0, i)));
}

/** The greatest probability that an outcome leaves in each of `most` equal ranges of ids, or of each id. */
export function binsOf(outcome, nVocab, most) {
  if (outcome.bins) return outcome.bins;
  const n = Math.min(most, nVocab);
  const bins = new Float32Array(n);
  const { ids, probabilities } = outcome;
  for (let i = 0; i < ids.length; i++) {
    const bin = Math.floor((ids[i] * n) / nVocab);
    if (probabilities[i] > bins[bin]) bins[bin] = probabilities[i];
  }
  outcome.bins = bins;
  return bins;
}

/** Two outcomes of a row beside each other: how many tokens both leave, how many only one, half the sum of
 * the differences of probability (total variation distance), and [token, a, b] of the most likely and of
 * those that differ most; a probability is undefined if the token is not left. */
export function compare(a, b, nVocab) {
  const [pa, pb] = [a, b].map(({ ids, probabilities }) => {
    const p = new Float32Array(nVocab).fill(-1);
    for (let i = 0; i < ids.length; i++) p[ids[i]] = probabilities[i];
    return p;
  });
  let both = 0;
  let distance = 0;
  for (let token = 0; token < nVocab; token++) {
    if (pa[token] >= 0 && pb[token] >= 0) both++;
    distance += Math.abs(Math.max(pa[token], 0) - Math.max(pb[token], 0)) / 2;
  }
  const list = (weight) => greatest(nVocab, weight)
    .map((token) => [token, ...[pa, pb].map((p) => (p[token] < 0 ? undefined : p[token]))]);
  return { both, onlyA: a.n - both, onlyB: b.n - both, distance,
    most: list((token) => Math.max(pa[token], pb[token])),
    apart: list((token) => Math.abs(Math.max(pa[token], 0) - Math.max(pb[token], 0))) };
}

/** Draws from an outcome. more(n) makes n of them, and returns how often each token has been drawn. */
export class Draws {
  #sampler;
  #row;
  #options;
  #counts = new Map();

  constructor({ logits, ids }, nVocab, seed) {
    this.#sampler = new Sampler(`samplers=;seed=${seed}`, nVocab);
    if (ids.length < nVocab / 8) {
      this.#row = logits;
      this.#options = { ids };
    } else { // copied once instead of for each draw
      this.#row = new Row(nVocab);
      const all = this.#row.logits.fill(-Infinity);
      for (let i = 0; i < ids.length; i++) all[ids[i]] = logits[i];
    }
  }

  more(n) {
    for (let i = 0; i < n; i++) {
      const token = this.#sampler.sample(this.#row, this.#options);
      this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    }
    return this.#counts;
  }

  free() {
    this.#sampler.free();
    if (this.#row instanceof Row) this.#row.free();
  }
}

/** The specs of the chain's beginnings: without any stage, and up to each stage that is on. */
export function beginnings({ chain, seed }) {
  const on = chain.filter((card) => card.on);
  return Array.from({ length: on.length + 1 }, (_, i) => toSpec(on.slice(0, i), seed));
}
