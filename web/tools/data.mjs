// data.mjs OUT: writes what the page loads beside its code: the rows recorded from the tiny model as
// float32 (rows.bin), the texts of its tokens (tokens.json), from data/, and each sampler's formula
// (formulas.json), from docs/samplers.md.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sections } from "./formulas.mjs";
import { bytesOf, readVocabulary } from "./gguf.mjs";

const data = new URL("../../data/", import.meta.url);
const out = process.argv[2];
mkdirSync(out, { recursive: true });

const npy = readFileSync(new URL("rows-kjv-152k.npy", data));
writeFileSync(join(out, "rows.bin"), npy.subarray(10 + npy.readUInt16LE(8)));

const { tokens } = readVocabulary(new URL("tiny-kjv-152k.Q8_0.gguf", data));
const texts = tokens.map((token) => bytesOf(token)?.toString("utf8") ?? token);
writeFileSync(join(out, "tokens.json"), JSON.stringify(texts));

const samplers = readFileSync(new URL("../../docs/samplers.md", import.meta.url), "utf8");
writeFileSync(join(out, "formulas.json"), JSON.stringify(sections(samplers)));
