// pictures.mjs PACKAGE [--check]: draws what each sampler does to the same row of the model into
// docs/pictures/, with the page's charts and the package that was built into PACKAGE. With --check it
// writes nothing, and fails if one is not as it is drawn now, is missing, is of no sampler, or is not in
// docs/samplers.md.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bars, ranks } from "../src/chart.js";
import { rankPoints } from "../src/ranks.js";
import { bytesOf, readVocabulary } from "./gguf.mjs";

const { Sampler, init } = await import(pathToFileURL(resolve(process.argv[2], "index.js")));
await init();
const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, "docs/pictures");

const V = 151936;
const ROW = 2; // one whose distribution is neither narrow nor flat
const npy = readFileSync(join(root, "data/rows-kjv-152k.npy"));
const start = npy.byteOffset + 10 + npy.readUInt16LE(8);
const rowOf = (i) => new Float32Array(npy.buffer.slice(start + 4 * V * i, start + 4 * V * (i + 1)));
const row = rowOf(ROW);
const { tokens } = readVocabulary(pathToFileURL(join(root, "data/tiny-kjv-152k.Q8_0.gguf")));
const textOf = (token) => (bytesOf(tokens[token])?.toString("utf8") ?? tokens[token]).replace(/^ /, "␣").replace(/\n/g, "↵");

const SHOWN = 10;

// What a chain leaves: how many tokens with a probability, it at some ranks, the most likely, and each one's.
function leftBy(spec, history = [], second = undefined) {
  const sampler = new Sampler(`${spec};seed=1`, V);
  history.forEach((token) => sampler.accept(token));
  const { ids, probabilities } = sampler.candidates(row, { second });
  sampler.free();
  const left = probabilities.filter((p) => p > 0);
  const least = left.slice().sort().at(-Math.min(SHOWN, left.length));
  const most = [...ids.keys()].filter((i) => probabilities[i] >= least)
    .sort((a, b) => probabilities[b] - probabilities[a] || ids[a] - ids[b]).slice(0, SHOWN).map((i) => ids[i]);
  const p = new Float32Array(V);
  ids.forEach((id, i) => (p[id] = probabilities[i]));
  return { n: left.length, points: rankPoints(left), most, of: (id) => p[id] || undefined };
}

const before = leftBy("samplers=");
const [first, second, third, fourth, fifth] = before.most;
const alone = (name, parameters) => `samplers=${name};${parameters}`;

// The file's name, the spec, what is said beside it, the tokens accepted before, the second row.
const PICTURES = [
  ["guidance", alone("guidance", "guidance_scale=1.5"), "the second row: the one after 8 tokens", [], rowOf(1)],
  ["contrastive", alone("contrastive", "contrastive_alpha=0.02;contrastive_beta=0.5"), "the second row: the one after 8 tokens", [], rowOf(1)],
  ["logit-bias", `samplers=;logit_bias=${first}-inf:${third}+1.5`],
  ["penalties", alone("penalties", "penalty_repeat=1.3;penalty_freq=0.5"), "the first and third have come, the third twice", [first, third, third]],
  ["dry", alone("dry", "dry_multiplier=0.8;dry_sequence_breakers=none"), "three tokens are repeated that the first came behind",
    [second, fourth, fifth, first, second, fourth, fifth]],
  ["min-tokens", alone("min_tokens", `min_tokens=5;eos_token_id=${second}`), "as if the second ended the text"],
  ["bad-words", alone("bad_words", `bad_words_ids=${first}:${fourth}`)],
  ["no-repeat-ngram", alone("no_repeat_ngram", "no_repeat_ngram_size=2"), "the first and fourth have come behind the last token",
    [second, first, second, fourth, second]],
  ["top-k", alone("top_k", "top_k=5")],
  ["top-p", alone("top_p", "top_p=0.7")],
  ["min-p", alone("min_p", "min_p=0.1")],
  ["top-a", alone("top_a", "top_a=0.3")],
  ["epsilon-cutoff", alone("epsilon_cutoff", "epsilon_cutoff=0.01")],
  ["eta-cutoff", alone("eta_cutoff", "eta_cutoff=0.01")],
  ["p-less", alone("p_less", "p_less=1")],
  ["tail-free", alone("tfs", "tfs=0.9")],
  ["top-h", alone("top_h", "top_h=0.5")],
  ["min-k", alone("min_k", "min_k=100")],
  ["typical", alone("typ_p", "typ_p=0.5")],
  ["top-n-sigma", alone("top_n_sigma", "top_n_sigma=3")],
  ["xtc", alone("xtc", "xtc_probability=1;xtc_threshold=0.1")],
  ["temperature", alone("temperature", "temp=1.5")],
  ["dynamic-temperature", alone("temperature", "temp=1;dynatemp_range=0.8")],
  ["quadratic-smoothing", alone("quadratic_sampling", "smoothing_factor=0.3")],
  ["greedy", alone("temperature", "temp=0")],
  ["mirostat-1", "mirostat=1;temp=1;mirostat_tau=3"],
  ["mirostat-2", "mirostat=2;temp=1;mirostat_tau=3"],
  ["adaptive-p", "samplers=min_p:adaptive_p;min_p=0.01;adaptive_target=0.1"],
];

const style = readFileSync(join(root, "web/src/chart.css"), "utf8").replace(/\/\*[^*]*\*\/\s*/g, "").replace(/\s*\n\s*/g, "");
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const count = (n) => n.toLocaleString("en");

function picture([, spec, note, history, other]) {
  const after = leftBy(spec, history, other);
  // The most likely before; if others are after, those take the last places.
  const risen = after.most.filter((id) => !before.most.includes(id)).slice(0, 3);
  const shown = [...before.most.slice(0, SHOWN - risen.length), ...risen];
  const list = bars(shown.map((id) => [textOf(id), before.of(id), after.of(id)]), false);
  const curves = ranks([["before", before], ["after", after]].map(([name, { n, points }]) => [name, name, n, points]));
  const title = `${spec.replace(/^samplers=[\w:]*;/, "")}: ${count(after.n)} of ${count(before.n)} left`;
  const top = note ? 40 : 24;
  const [width, height] = [list.width + curves.width, Math.max(list.height, curves.height) + top];
  const line = (text, y, colour) => `<text x="8" y="${y}" fill="var(--${colour})">${escaped(text)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"><title>${escaped(title)}</title>` +
    `<style>${style}</style><rect width="${width}" height="${height}" fill="var(--card)"/>` +
    line(title, 16, "ink") + (note ? line(note, 32, "soft") : "") +
    `<g transform="translate(0 ${top})">${list.body}</g><g transform="translate(${list.width} ${top})">${curves.body}</g></svg>\n`;
}

const kept = (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
mkdirSync(folder, { recursive: true });
const drawn = new Map(PICTURES.map((one) => [`${one[0]}.svg`, picture(one)]));
const others = readdirSync(folder).filter((name) => !drawn.has(name));

if (process.argv[3] === "--check") {
  const page = readFileSync(join(root, "docs/samplers.md"), "utf8");
  const wrong = others.map((name) => `${name} is of no sampler`);
  for (const [name, text] of drawn) {
    if (kept(join(folder, name)) !== text) wrong.push(`${name} is missing, or not as it is drawn now`);
    if (!page.includes(`](pictures/${name})`)) wrong.push(`${name} is not in samplers.md`);
  }
  wrong.forEach((what) => console.error(`docs/pictures: ${what}; make js docs draws all`));
  process.exitCode = wrong.length > 0 ? 1 : 0;
} else {
  others.forEach((name) => rmSync(join(folder, name)));
  drawn.forEach((text, name) => writeFileSync(join(folder, name), text));
}
