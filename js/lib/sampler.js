// sampler.js: chains of samplers, and log-probabilities of a row.
import { Buffer, PluckError, bytes, check, ensure, errorMessage, float32, functions, int32, integer,
  readResults, text, withBytes } from "./module.js";
import { RowPlace } from "./row.js";

const RNGS = { mt19937: 0, philox: 1 };

// Samplers of one vocabulary share a workspace and the memory that rows are copied to, since only one
// call can run at a time. So the candidates of a call are there until the next one.
class Desk {
  static #all = new Map();
  place = new RowPlace();
  workspace;
  holder; // the address of the sampler whose candidates the workspace has
  #nVocab;
  #users = 0;

  static of(nVocab) {
    let desk = Desk.#all.get(nVocab);
    if (!desk) {
      const workspace = functions().js_workspace(nVocab);
      if (workspace === 0) ensure(nVocab < 1 || nVocab > 16777216 ? -3 : -2);
      desk = new Desk();
      desk.#nVocab = nVocab;
      desk.workspace = workspace;
      Desk.#all.set(nVocab, desk);
    }
    desk.#users++;
    return desk;
  }

  leave() {
    if (--this.#users > 0) return;
    Desk.#all.delete(this.#nVocab);
    functions().pluck_workspace_free(this.workspace);
    this.place.free();
  }
}

const freed = new FinalizationRegistry(({ address, desk }) => {
  end(address, desk);
});

function end(address, desk) {
  functions().pluck_sampler_free(address);
  if (desk.holder === address) desk.holder = undefined;
  desk.leave();
}

/** A chain of samplers with its random streams and histories. */
export class Sampler {
  #address = 0;
  #desk;
  #nVocab;

  constructor(spec, nVocab, { seed, rng, maxRewind = 0 } = {}) {
    if (spec instanceof Sampler) {
      this.#clone(spec);
      return;
    }
    check(typeof spec === "string", "a chain is a string of key=value pairs, such as \"temp=0.8;top_k=40\"");
    check(rng === undefined || Object.hasOwn(RNGS, rng), `rng is ${String(rng)}; allowed: "mt19937", "philox"`);
    check(seed === undefined || (Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff),
      `seed is ${String(seed)}; allowed: 0 to 4294967295`);
    const desk = Desk.of(integer(nVocab, "nVocab"));
    const out = new Buffer();
    try {
      const source = new TextEncoder().encode(spec.replaceAll("\0", "\uFFFD") + "\0");
      const status = withBytes(source, (at) => functions().js_sampler(at, nVocab, desk.workspace,
        seed ?? -1, rng === undefined ? -1 : RNGS[rng], integer(maxRewind, "maxRewind"), out.take(4)));
      if (status !== 0) ensure(status, errorMessage());
      this.#adopt(int32(out.address, 1)[0], desk, nVocab);
    } catch (error) {
      desk.leave();
      throw error;
    } finally {
      out.free();
    }
  }

  #adopt(address, desk, nVocab) {
    this.#address = address;
    this.#desk = desk;
    this.#nVocab = nVocab;
    freed.register(this, { address, desk }, this);
  }

  #clone(from) {
    const out = new Buffer();
    const desk = Desk.of(from.#nVocab);
    try {
      ensure(functions().pluck_sampler_clone(out.take(4), from.address));
      this.#adopt(int32(out.address, 1)[0], desk, from.#nVocab);
    } catch (error) {
      desk.leave();
      throw error;
    } finally {
      out.free();
    }
  }

  /** @internal */
  get address() {
    if (this.#address === 0) throw new Error("the sampler has been freed");
    return this.#address;
  }

  get nVocab() {
    return this.#nVocab;
  }

  get seed() {
    return functions().pluck_sampler_seed(this.address) >>> 0;
  }

  #run(row, options, selects) {
    const sampler = this.address;
    this.#desk.holder = undefined;
    this.#desk.place.set(row, this.#nVocab, options);
    ensure(functions().js_sample(sampler, selects));
    this.#desk.holder = sampler;
  }

  sample(row, options) {
    this.#run(row, options, 1);
    return readResults().draw.token;
  }

  draw(row, options) {
    this.#run(row, options, 1);
    return readResults().draw;
  }

  candidates(row, options) {
    if (row !== undefined) this.#run(row, options, 0);
    if (this.#desk.holder !== this.address) {
      throw new PluckError(-14, "PLUCK_ERR_NO_RESULT",
        "there is no result to read: another sampler of this vocabulary has run since, or this one's last call failed");
    }
    ensure(functions().js_candidates(this.#desk.workspace));
    const c = readResults();
    return {
      ids: int32(c.ids, c.n).slice(),
      logits: float32(c.logits, c.n).slice(),
      probabilities: float32(c.probabilities, c.n).slice(),
      selected: c.selected < 0 ? undefined : c.selected,
      nMasked: c.nMasked,
      descending: c.descending,
    };
  }

  accept(token) {
    ensure(functions().pluck_accept(this.address, integer(token, "token")));
  }

  acceptPrompt(tokens) {
    const list = Int32Array.from(tokens, (token) => integer(token, "a token"));
    const sampler = this.address;
    withBytes(new Uint8Array(list.buffer), (at) =>
      ensure(functions().pluck_accept_prompt(sampler, at, list.length)));
  }

  reset() {
    functions().pluck_sampler_reset(this.address);
  }

  rewind(n) {
    ensure(functions().pluck_sampler_rewind(this.address, integer(n, "n")));
  }

  seek(position) {
    check(Number.isSafeInteger(position) && position >= 0,
      `position is ${String(position)}; allowed: an integer, 0 and above`);
    ensure(functions().js_seek(this.address, position));
  }

  clone() {
    return new Sampler(this);
  }

  save() {
    const wasm = functions();
    const sampler = this.address;
    wasm.js_save(sampler, 0, 0);
    const buffer = new Buffer();
    try {
      const room = readResults().size;
      ensure(wasm.js_save(sampler, buffer.take(room), room));
      return bytes(buffer.address, room).slice();
    } finally {
      buffer.free();
    }
  }

  load(state) {
    check(state instanceof Uint8Array, "a saved state is a Uint8Array");
    const sampler = this.address;
    const status = withBytes(state, (at) => functions().js_load(sampler, at, state.length));
    if (status !== 0) ensure(status, errorMessage());
  }

  free() {
    if (this.#address === 0) return;
    freed.unregister(this);
    end(this.#address, this.#desk);
    this.#address = 0;
  }

  [Symbol.dispose ?? Symbol.for("dispose")]() {
    this.free();
  }
}

/** Log-probabilities of a row before any chain. */
export function topLogprobs(row, n, { token, dtype, mask } = {}) {
  const desk = Desk.of(integer(row?.length, "the row's length"));
  const out = new Buffer();
  try {
    desk.holder = undefined;
    desk.place.set(row, row.length, { dtype, mask });
    const room = Math.max(0, Math.min(integer(n, "n"), row.length));
    const ids = out.take(8 * room);
    if (token !== undefined && (integer(token, "token") < 0)) ensure(-6);
    ensure(functions().js_top_logprobs(desk.workspace, n, ids, ids + 4 * room, token ?? -1));
    const { nWritten, tokenLogprob } = readResults();
    return {
      ids: int32(ids, nWritten).slice(),
      logprobs: float32(ids + 4 * room, nWritten).slice(),
      tokenLogprob: token === undefined ? undefined : tokenLogprob,
    };
  } finally {
    out.free();
    desk.leave();
  }
}

export const version = () => text(functions().pluck_version());
export const isa = () => text(functions().pluck_isa());
