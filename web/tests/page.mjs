// page.mjs PAGE PACKAGE CHROMIUM: opens the page from a file server in headless Chromium and compares what
// it shows with what the package says in Node. Fails for any error on the page's console.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [page, pack, chromium] = process.argv.slice(2);
const { Sampler, init } = await import(pathToFileURL(resolve(pack, "index.js")));
await init();

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json" };
const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://page").pathname;
  try {
    const body = await readFile(join(page, path === "/" ? "index.html" : path));
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? (path === "/" ? "text/html" : "application/octet-stream") });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const profile = mkdtempSync(join(tmpdir(), "page-"));

// The page's text and its console after it has drawn everything.
async function open(hash, ...options) {
  const browser = spawn(chromium, ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--enable-logging=stderr",
    `--user-data-dir=${profile}`, "--virtual-time-budget=20000", ...options, "--dump-dom", `http://127.0.0.1:${server.address().port}/${hash}`]);
  let dom = "";
  let log = "";
  browser.stdout.on("data", (text) => (dom += text));
  browser.stderr.on("data", (text) => (log += text));
  await new Promise((done) => browser.on("close", done));
  const said = log.split("\n").filter((line) => /CONSOLE/.test(line));
  assert.deepEqual(said, []);
  return dom;
}

const V = 151936;
const npy = readFileSync(new URL("../../data/rows-kjv-152k.npy", import.meta.url));
const start = npy.byteOffset + 10 + npy.readUInt16LE(8);
const row = (i) => new Float32Array(npy.buffer.slice(start + 4 * V * i, start + 4 * V * (i + 1)));

// How many a spec leaves, and the most likely one's probability, as the page words them.
function expected(logits, spec) {
  const { probabilities } = new Sampler(spec, V).candidates(logits);
  return [`${probabilities.length.toLocaleString("en")} left`, `most likely ${(100 * Math.max(...probabilities.subarray(0, 1000), ...probabilities.subarray(-1000))).toFixed(2)} %`];
}

try {
  const first = await open("");
  assert.match(first, /data-drawn="yes"/);
  for (const spec of ["samplers=top_k;top_k=40", "samplers=top_k:top_p;top_k=40;top_p=0.95",
    "samplers=top_k:top_p:min_p;top_k=40;top_p=0.95;min_p=0.05", "samplers=top_k:top_p:min_p:temperature;top_k=40;top_p=0.95;min_p=0.05;temp=0.8"]) {
    for (const text of expected(row(0), spec)) assert.ok(first.includes(text), `${spec}: ${text}`);
  }
  assert.match(first, /1,000 draws/);
  assert.match(first, /␣in<\/text>/); // the token's text

  const linked = "samplers=temperature:top_p;temp=1.5;top_p=0.9;seed=5";
  const second = await open(`#row=model-3&spec=${encodeURIComponent(linked)}`, "--window-size=390,800");
  for (const text of expected(row(3), linked)) assert.ok(second.includes(text), text);
  assert.equal(second.match(/<li class="card"/g).length, 2);
  assert.equal(second.match(/<li class="card off"/g).length, 5);

  assert.match(await open("#spec=mirostat%3D2"), /This spec is not shown: there is no card for 'mirostat'/);
  assert.match(await open("#row=nonsense"), /There is no row 'nonsense'/);
  console.log("the page shows what the library says");
} finally {
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
