// Pluck for JavaScript: from a row of logits to a token. docs/javascript.md explains, index.d.ts has
// the reference.
export { init, PluckError } from "./module.js";
export { Row } from "./row.js";
export { Sampler, topLogprobs, version, isa } from "./sampler.js";
export { Batch } from "./batch.js";
export { Banned } from "./banned.js";
