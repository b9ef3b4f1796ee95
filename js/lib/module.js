// module.js: the WebAssembly module, its memory, and errors. There is one module in a program; init()
// makes it.

/** An error of the library: its message, `status` (a negative number) and `code`, such as
 * "PLUCK_ERR_NAN". */
export class PluckError extends Error {
  constructor(status, code, message) {
    super(message);
    this.name = "PluckError";
    this.status = status;
    this.code = code;
  }
}

let wasm; // the module's exports
let results; // the address of what the last call wrote

// The module does not write to files. Of its host it wants only the time, for random seeds.
const wasi = {
  clock_time_get(_clock, _precision, at) {
    const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    // The lowest digits of a clock can be guessed; a browser even rounds them.
    const noise = globalThis.crypto?.getRandomValues(new Uint16Array(1))[0] ?? 0;
    new DataView(wasm.memory.buffer).setBigUint64(at, now + BigInt(noise), true);
    return 0;
  },
  fd_close: () => 8,
  fd_seek: () => 8,
  fd_write: () => 8,
};

/** What writes the texts of tokens for objects of banned strings, by their numbers: (token, address, room)
 * => length, or -1. */
export const writers = new Map();

const piece = (object, token, at, capacity) => writers.get(object)(token, at >>> 0, capacity);

async function compile(given) {
  const source = typeof given === "string" ? new URL(given, globalThis.location?.href) : given;
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return WebAssembly.compile(source);
  }
  if (source instanceof URL && source.protocol === "file:" && globalThis.process?.versions?.node) {
    const fs = "node:fs/promises"; // a name that bundlers do not follow
    return WebAssembly.compile(await (await import(/* @vite-ignore */ fs)).readFile(source));
  }
  const response = source instanceof Response ? source : await fetch(source);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

let pending;

/** Loads the module; later calls return what the first one did. `source` is pluck.wasm beside this
 * file unless it is given: a URL, a Response, bytes, or a WebAssembly.Module. */
export function init(source) {
  pending ??= (async () => {
    const module = await compile(source ?? new URL("./pluck.wasm", import.meta.url));
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi, pluck: { piece } });
    wasm = instance.exports;
    wasm._initialize();
    results = wasm.js_results();
  })().catch((error) => {
    pending = undefined; // so that it can be tried again
    throw error;
  });
  return pending;
}

/** The module's functions. */
export function functions() {
  if (!wasm) throw new Error("Pluck is not loaded: await init() first");
  return wasm;
}

/** What a program that is not a row, a mask, a number as it should be gets told. */
export function check(condition, message) {
  if (!condition) throw new TypeError(message);
}

/** An integer that fits into 32 bits; the library checks its range. */
export function integer(value, name) {
  check(Number.isInteger(value), `${name} is ${String(value)}; allowed: an integer`);
  if (value < -0x80000000 || value > 0x7fffffff) {
    throw new RangeError(`${name} is ${value}; allowed: -2147483648 to 2147483647`);
  }
  return value;
}

export function text(address) {
  const bytes = new Uint8Array(wasm.memory.buffer, address);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

/** Throws the error of a status that is not OK, with these words or those of the status. */
export function ensure(status, message) {
  if (status === 0) return;
  throw new PluckError(status, text(wasm.pluck_status_name(status)),
    message ?? text(wasm.pluck_status_string(status)));
}

/** The words that the last call found for its error. */
export function errorMessage() {
  return text(wasm.js_error_message());
}

/** Views of the module's memory; they are made anew because memory that grows is another buffer. */
export const int32 = (address, n) => new Int32Array(wasm.memory.buffer, address, n);
export const float32 = (address, n) => new Float32Array(wasm.memory.buffer, address, n);
export const bytes = (address, n) => new Uint8Array(wasm.memory.buffer, address, n);

/** The words of `results` in module.c. */
export function readResults() {
  const word = int32(results, 22);
  const real = float32(results, 22);
  return {
    draw: { token: word[0], logit: real[1], probability: real[2], nCandidates: word[3] },
    ids: word[4] >>> 0,
    logits: word[5] >>> 0,
    probabilities: word[6] >>> 0,
    n: word[7],
    nMasked: word[8],
    selected: word[9],
    descending: (word[10] & 255) !== 0,
    nWritten: word[11],
    tokenLogprob: real[12],
    size: word[13] >>> 0,
    verified: { nAccepted: word[14], token: word[15], node: word[16] },
    step: { nReleased: word[17], nHeld: word[18], takeBack: word[19], string: word[20], token: word[21] },
  };
}

/** Memory of the module that belongs to one object and grows when more is asked for. */
export class Buffer {
  address = 0;
  #size = 0;

  /** At least `size` bytes; what was there is lost if it grows. */
  take(size) {
    if (size > this.#size || this.address === 0) {
      ensure(size > 0xffffffff ? -2 : 0); // malloc would take the size modulo 2^32
      this.free();
      this.address = functions().malloc(Math.max(size, 8)) >>> 0;
      ensure(this.address === 0 ? -2 : 0);
      this.#size = size;
    }
    return this.address;
  }

  free() {
    if (this.address !== 0) wasm.free(this.address);
    this.address = this.#size = 0;
  }
}

/** Calls `work` with the address of a copy of some bytes, which is freed again. */
export function withBytes(source, work) {
  const buffer = new Buffer();
  try {
    bytes(buffer.take(source.length), source.length).set(source);
    return work(buffer.address);
  } finally {
    buffer.free();
  }
}
