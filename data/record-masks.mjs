// record-masks.mjs: records which tokens a grammar allows while JSON is generated that follows a
// schema, with xgrammar and the tiny model's vocabulary. Writes json-masks-152k.bin, whose form
// README.md tells.
//
//   npm install --prefix DIR @mlc-ai/web-xgrammar@0.1.27
//   node data/record-masks.mjs DIR data/json-masks-152k.bin
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bytesOf, readVocabulary } from "../web/tools/gguf.mjs";

const [folder, out] = process.argv.slice(2);
if (!out) throw new Error("usage: record-masks.mjs FOLDER-WITH-NODE_MODULES OUT");

// A schema, and what is generated under it.
const generations = [
  {
    schema: {
      type: "object",
      properties: {
        name: { type: "string" },
        age: { type: "integer" },
        email: { type: "string", format: "email" },
        tags: { type: "array", items: { type: "string" } },
      },
      required: ["name", "age", "email", "tags"],
    },
    text: '{"name": "Ruth of Moab", "age": 31, "email": "ruth@example.org", "tags": ["gleaner", "widow"]}',
  },
  {
    schema: {
      type: "object",
      properties: {
        tool: { enum: ["get_weather", "get_time", "search"] },
        arguments: {
          type: "object",
          properties: {
            city: { type: "string" },
            days: { type: "integer", minimum: 1, maximum: 14 },
            metric: { type: "boolean" },
          },
          required: ["city", "days"],
        },
      },
      required: ["tool", "arguments"],
    },
    text: '{"tool": "get_weather", "arguments": {"city": "Jerusalem", "days": 7, "metric": true}}',
  },
  {
    schema: {
      type: "array",
      items: {
        type: "object",
        properties: {
          date: { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
          amount: { type: "number" },
          paid: { type: ["boolean", "null"] },
        },
        required: ["date", "amount", "paid"],
      },
    },
    text:
      '[{"date": "1611-05-02", "amount": 12.5, "paid": true}, ' +
      '{"date": "1769-01-30", "amount": -3e2, "paid": null}]',
  },
];

// The package is a script for browsers in a folder of modules: imported, it finds neither `require` nor
// `__filename`, and leaves what it exports in a global.
async function loadXgrammar() {
  const file = resolve(folder, "node_modules/@mlc-ai/web-xgrammar/lib/index.js");
  globalThis.require = createRequire(file);
  globalThis.__filename = file;
  globalThis.__dirname = resolve(file, "..");
  await import(pathToFileURL(file));
  return globalThis.xgrammar;
}

const { tokens, eos } = readVocabulary(new URL("tiny-kjv-152k.Q8_0.gguf", import.meta.url));
const idOf = new Map();
let longest = 0;
tokens.forEach((token, id) => {
  const text = bytesOf(token)?.toString("latin1");
  if (text === undefined || idOf.has(text)) return;
  idOf.set(text, id);
  longest = Math.max(longest, text.length);
});

const allows = (mask, id) => (mask[id >> 5] >>> (id & 31)) & 1;

// The longest token that the text goes on with and the mask allows.
function nextToken(mask, rest) {
  if (rest === "") return { id: eos, length: 0 };
  for (let length = Math.min(longest, rest.length); length > 0; length--) {
    const id = idOf.get(rest.slice(0, length));
    if (id !== undefined && allows(mask, id)) return { id, length };
  }
  throw new Error(`no token goes on with ${rest}`);
}

// The lengths of its runs of forbidden and allowed tokens in turn, forbidden ones first, each as a
// varint: seven bits a byte, the low ones first, the top bit set if more follow.
function packed(mask) {
  const bytes = [];
  const put = (n) => {
    for (; n >= 128; n >>>= 7) bytes.push((n & 127) | 128);
    bytes.push(n);
  };
  let from = 0;
  let allowed = 0;
  for (let id = 0; id <= tokens.length; id++) {
    if (id < tokens.length && allows(mask, id) === allowed) continue;
    put(id - from);
    from = id;
    allowed = 1 - allowed;
  }
  return Buffer.from(bytes);
}

const xgrammar = await loadXgrammar();
const info = await xgrammar.TokenizerInfo.createTokenizerInfo(tokens, "byte_level", false, tokens.length, [eos]);
const compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info);
const steps = [];
const distinct = new Map(); // a packed mask's bytes as text, and its number
for (const { schema, text } of generations) {
  const grammar = await compiler.compileJSONSchema(JSON.stringify(schema));
  const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(grammar);
  for (let rest = text, id = -1; id !== eos; ) {
    const mask = await matcher.getNextTokenBitmask();
    const next = nextToken(mask, rest);
    id = next.id;
    if (!matcher.acceptToken(id)) throw new Error(`token ${id} is refused before ${rest}`);
    rest = rest.slice(next.length);
    const key = packed(mask).toString("latin1");
    if (!distinct.has(key)) distinct.set(key, distinct.size);
    steps.push([distinct.get(key), id]);
  }
}

const head = Buffer.from(Uint32Array.from([tokens.length, steps.length, distinct.size, ...steps.flat()]).buffer);
const masks = [...distinct.keys()].map((key) => Buffer.from(key, "latin1"));
writeFileSync(out, Buffer.concat([head, ...masks]));
console.log(`${steps.length} masks of ${generations.length} generations, ${distinct.size} different ones`);
process.exit(0); // xgrammar leaves something running
