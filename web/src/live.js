// live.js: text that the model of data/ writes in the page: wllama (llama.cpp in WebAssembly) computes the
// rows, Pluck draws from them with the chain that is shown. Nothing of it is loaded until it is asked for.
import { Sampler } from "pluck-sampling";
import { N_VOCAB, takeOwn } from "./rows.js";

const $ = (id) => document.getElementById(id);
const CONTEXT = 512;

// A module with a memory of 64-bit addresses, which wllama's has: a header, and a memory of one page.
const WIDE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1);

let wllama;

async function load() {
  if (!WebAssembly.validate(WIDE)) throw new Error("this browser has no WebAssembly with 64-bit addresses; Chrome 133 and Firefox 134 have");
  const at = (name) => new URL(`./live/${name}`, document.baseURI).href;
  const { LoggerWithoutDebug, Wllama } = await import(/* @vite-ignore */ at("wllama.js"));
  const response = await fetch(at("model.gguf"));
  if (!response.ok) throw new Error(`the model could not be loaded: ${response.status}`);
  const quiet = { ...LoggerWithoutDebug, log() {}, warn() {} };
  const made = new Wllama({ "single-thread/wllama.wasm": at("wllama.wasm") }, { logger: quiet, suppressNativeLog: true });
  await made.loadModel([await response.blob()], { n_ctx: CONTEXT, n_threads: 1 });
  wllama = made;
}

/** The row behind what has been decoded. wllama hands out probabilities, most likely first; their logarithms
 * are logits that have the same distribution. */
async function rowNow() {
  const logits = new Float32Array(N_VOCAB).fill(-Infinity);
  for (const { token, p } of await wllama.getLogits(-1)) logits[token] = Math.log(p);
  return logits;
}

/** Connects the controls. say: shows a message; show: shows the row "own" under a name; spec: of the chain
 * that is shown. */
export function liveText({ say, show, spec }) {
  let text = ""; // what is decoded
  let nTokens = 0;
  let logits; // the row behind it
  let working = false;
  let stop = false;

  async function follow(tokens) {
    await wllama.decode(tokens, {});
    nTokens += tokens.length;
    logits = await rowNow();
    takeOwn({ logits, dtype: "float32" }, true);
    show(`text written here, after ${nTokens} tokens`);
  }

  async function begin() {
    const prompt = $("prompt").value;
    const tokens = await wllama.tokenize(prompt);
    if (tokens.length < 1 || tokens.length >= CONTEXT) {
      throw new Error(`the prompt has ${tokens.length} tokens; allowed: 1 to ${CONTEXT - 1}`);
    }
    await wllama.kvClear();
    text = prompt;
    nTokens = 0;
    $("text").textContent = text;
    await follow(tokens);
  }

  async function write(n) {
    const sampler = new Sampler(spec(), N_VOCAB);
    try {
      for (let i = 0; i < n && !stop; i++) {
        const token = sampler.sample(logits);
        sampler.accept(token);
        if (wllama.isTokenEOG(token)) {
          say("The model has ended the text.");
          return;
        }
        text += await wllama.detokenize([token], true);
        $("text").textContent = text;
        await follow([token]);
      }
    } finally {
      sampler.free();
    }
  }

  // One thing at a time; what goes wrong is said.
  async function work(task) {
    if (working) return;
    working = true;
    stop = false;
    say("");
    for (const button of $("live").querySelectorAll("button")) button.disabled = button.id !== "stop";
    try {
      await task();
    } catch (error) {
      say(`The model cannot write here: ${error?.message ?? error}`);
    }
    working = false;
    for (const button of $("live").querySelectorAll("button")) button.disabled = button.id === "stop" || (!wllama && button.id !== "load");
    $("load").hidden = Boolean(wllama);
    $("live").dataset.idle = "yes";
  }

  const on = (id, task) => $(id).addEventListener("click", () => {
    delete $("live").dataset.idle;
    work(task);
  });
  on("load", async () => {
    say("Loading the model …");
    await load();
    await begin();
    say("");
  });
  on("begin", begin);
  on("write", () => write(20));
  on("write-one", () => write(1));
  $("stop").addEventListener("click", () => (stop = true));
}
