// node_generate.mjs: seeded texts from the unmodified node-llama-cpp, one JSON string a line.
// usage: node node_generate.mjs NODE_LLAMA_CPP/dist/index.js MODEL
import {pathToFileURL} from "node:url";
import {resolve} from "node:path";

const [library, modelPath] = process.argv.slice(2);
const {getLlama, LlamaCompletion} = await import(pathToFileURL(resolve(library)).href);

const llama = await getLlama({gpu: false, build: "never", skipDownload: true, logLevel: "error"});
const model = await llama.loadModel({modelPath});

async function generate(options) {
    const context = await model.createContext({contextSize: 256, threads: 1});
    const completion = new LlamaCompletion({contextSequence: context.getSequence()});
    const text = await completion.generateCompletion("And it came to pass", {
        maxTokens: 24, temperature: 0.8, ...options
    });
    await context.dispose();
    console.log(JSON.stringify(text));
}

const verse = await llama.createGrammar({grammar: "root ::= (\" \" [a-z]+)+ \".\""});
const json = await llama.createGrammarForJsonSchema({
    type: "object", properties: {name: {type: "string"}, age: {type: "integer"}}
});

await generate({seed: 3, topK: 40, topP: 0.95, minP: 0.05});
await generate({seed: 4, topK: 0, topP: 0.9});
await generate({seed: 5, repeatPenalty: {penalty: 1.2, lastTokens: 32, frequencyPenalty: 0.1}});
await generate({seed: 6, repeatPenalty: {penalty: 1.1, presencePenalty: 0.2}, topK: 0, topP: 0.95});
await generate({seed: 7, temperature: 0});
await generate({seed: 8, grammar: verse, maxTokens: 4});
await generate({seed: 9, grammar: json, maxTokens: 2});
await llama.dispose();
