// banned.js: strings that a text must not contain.
import { Buffer, bytes, check, ensure, errorMessage, functions, int32, integer, readResults, withBytes, writers } from "./module.js";

const encoder = new TextEncoder();

function asBytes(text, name) {
  check(typeof text === "string" || text instanceof Uint8Array, `${name} is a string or a Uint8Array`);
  return typeof text === "string" ? encoder.encode(text) : text;
}

// The texts of a vocabulary, which an object and its clones share.
class Texts {
  static #next = 1;
  number = Texts.#next++;
  failed; // what the caller's function threw; it must not go through the module's frames
  #users = 1;

  constructor(textOf) {
    writers.set(this.number, (token, at, room) => {
      try {
        const text = asBytes(textOf(token), `the text of token ${token}`);
        check(text.length <= room, `the text of token ${token} has ${text.length} bytes; allowed: 0 to ${room}`);
        bytes(at, text.length).set(text);
        return text.length;
      } catch (error) {
        this.failed = error;
        return -1;
      }
    });
  }

  share() {
    this.#users++;
    return this;
  }

  leave() {
    if (--this.#users === 0) writers.delete(this.number);
  }

  /** As ensure(), with what the caller's function threw. */
  ensure(status, message) {
    const { failed } = this;
    this.failed = undefined;
    if (status !== 0 && failed) throw failed;
    ensure(status, message);
  }
}

function release({ address, texts }) {
  functions().pluck_banned_free(address);
  texts.leave();
}

const freed = new FinalizationRegistry(release);

// Strings where the module finds them: their addresses, their lengths, and all of their bytes.
function withStrings(strings, work) {
  const all = strings.map((text, i) => asBytes(text, `string ${i}`));
  const n = all.length;
  const buffer = new Buffer();
  try {
    let at = buffer.take(8 * n + all.reduce((sum, text) => sum + text.length, 0));
    const [addresses, lengths] = [int32(at, n), int32(at + 4 * n, n)];
    at += 8 * n;
    all.forEach((text, i) => {
      bytes(at, text.length).set(text);
      addresses[i] = at;
      lengths[i] = text.length;
      at += text.length;
    });
    return work(buffer.address, buffer.address + 4 * n, n);
  } finally {
    buffer.free();
  }
}

export class Banned {
  #held; // what is freed with it: the address and the texts
  #nVocab;

  constructor(strings, pieces, nVocab, { ignoreCase = false, maxHeld = 64 } = {}) {
    if (strings instanceof Banned) {
      this.#clone(strings);
      return;
    }
    check(Array.isArray(strings), "strings is an array");
    check(Array.isArray(pieces) || typeof pieces === "function", "pieces is an array of texts, or a function");
    check(typeof pieces === "function" || nVocab === undefined || nVocab === pieces.length, `nVocab is ${nVocab}; there are ${pieces.length} pieces`);
    const n = integer(typeof pieces === "function" ? nVocab : pieces.length, "nVocab");
    const texts = new Texts(typeof pieces === "function" ? pieces : (token) => pieces[token]);
    const out = new Buffer();
    try {
      const status = withStrings(strings, (addresses, lengths, count) => functions().js_banned(addresses, lengths, count,
        ignoreCase ? 1 : 0, n, integer(maxHeld, "maxHeld"), texts.number, out.take(4)));
      texts.ensure(status, status === 0 ? undefined : errorMessage());
      this.#adopt(int32(out.address, 1)[0], texts, n);
    } catch (error) {
      texts.leave();
      throw error;
    } finally {
      out.free();
    }
  }

  #adopt(address, texts, nVocab) {
    this.#held = { address, texts };
    this.#nVocab = nVocab;
    freed.register(this, this.#held, this);
  }

  #clone(from) {
    const out = new Buffer();
    try {
      ensure(functions().pluck_banned_clone(out.take(4), from.#address));
      this.#adopt(int32(out.address, 1)[0], from.#held.texts.share(), from.#nVocab);
    } finally {
      out.free();
    }
  }

  get #address() {
    if (!this.#held) throw new Error("the object has been freed");
    return this.#held.address;
  }

  get nVocab() {
    return this.#nVocab;
  }

  get tokens() {
    const at = functions().js_banned_tokens(this.#address) >>> 0;
    return int32(at, readResults().nWritten).slice();
  }

  accept(token) {
    const address = this.#address;
    this.#held.texts.ensure(functions().js_banned_accept(address, integer(token, "token")));
    const { step } = readResults();
    const known = (number) => (number < 0 ? undefined : number);
    return { ...step, string: known(step.string), token: known(step.token) };
  }

  rewind(n) {
    const address = this.#address;
    this.#held.texts.ensure(functions().pluck_banned_rewind(address, integer(n, "n")));
  }

  mask(allowed = new Uint32Array((this.#nVocab + 31) >>> 5).fill(0xffffffff)) {
    check(allowed instanceof Uint32Array, "a mask is a Uint32Array of bits");
    for (const token of this.tokens) if (token >>> 5 < allowed.length) allowed[token >>> 5] &= ~(1 << (token & 31));
    return allowed;
  }

  reset() {
    functions().pluck_banned_reset(this.#address);
  }

  clone() {
    return new Banned(this);
  }

  save() {
    const wasm = functions();
    const address = this.#address;
    wasm.js_banned_save(address, 0, 0);
    const room = readResults().size;
    const buffer = new Buffer();
    try {
      ensure(wasm.js_banned_save(address, buffer.take(room), room));
      return bytes(buffer.address, room).slice();
    } finally {
      buffer.free();
    }
  }

  load(state) {
    check(state instanceof Uint8Array, "a saved state is a Uint8Array");
    const address = this.#address;
    const status = withBytes(state, (at) => functions().js_banned_load(address, at, state.length));
    this.#held.texts.ensure(status, status === 0 ? undefined : errorMessage());
  }

  free() {
    if (!this.#held) return;
    freed.unregister(this);
    release(this.#held);
    this.#held = undefined;
  }

  [Symbol.dispose ?? Symbol.for("dispose")]() {
    this.free();
  }
}
