// page.mjs PAGE PACKAGE CHROMIUM: opens the page from a file server in headless Chromium and compares what
// it shows with what the package says in Node. Fails for any error on the page's console.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";

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

const address = `http://127.0.0.1:${server.address().port}/`;
const browser = new Browser(chromium);
const text = () => browser.evaluate("document.querySelector('main').innerText");
const drawn = () => browser.until("document.documentElement?.dataset.drawn === 'yes' || document.querySelector('#message')?.textContent.startsWith('The page could')");

async function open(hash, width) {
  await browser.open(address + hash, width);
  await drawn();
  return text();
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

// Does something in the page, and returns its text once the draws have been made again.
async function change(expression) {
  await browser.evaluate(`delete document.documentElement.dataset.drawn; ${expression}`);
  await drawn();
  return text();
}

const cards = (selector) => browser.evaluate(`document.querySelectorAll("#cards > ${selector}").length`);

try {
  const first = await open("");
  for (const spec of ["samplers=top_k;top_k=40", "samplers=top_k:top_p;top_k=40;top_p=0.95",
    "samplers=top_k:top_p:min_p;top_k=40;top_p=0.95;min_p=0.05", "samplers=top_k:top_p:min_p:temperature;top_k=40;top_p=0.95;min_p=0.05;temp=0.8"]) {
    for (const words of expected(row(0), spec)) assert.ok(first.includes(words), `${spec}: ${words}`);
  }
  assert.match(first, /1,000 draws/);
  assert.ok(await browser.evaluate("[...document.querySelectorAll('text.label')].some((label) => label.textContent === '␣in')"));

  // A slider, a switch, a button: numbers, spec and address follow.
  const slid = await change("{ const s = document.querySelector('[aria-label=\"Top-k\"]'); s.value = 7; s.dispatchEvent(new Event('input')); }");
  for (const words of expected(row(0), "samplers=top_k;top_k=7")) assert.ok(slid.includes(words), words);
  await change("document.querySelectorAll('#cards > li')[4].querySelector('[type=checkbox]').click()");
  const spec = "samplers=top_k:min_p:temperature;top_k=7;min_p=0.05;temp=0.8;seed=1";
  assert.equal(await browser.evaluate("document.querySelector('#spec').value"), spec);
  assert.ok((await browser.evaluate("location.hash")).includes(encodeURIComponent(spec)));
  await change("document.querySelector('[aria-label=\"Move Temperature up\"]').click()");
  assert.match(await browser.evaluate("document.querySelector('#spec').value"), /^samplers=top_k:temperature:min_p;/);
  const typed = await change("{ const s = document.querySelector('#spec'); s.value = 'samplers=min_p;min_p=0.3'; s.dispatchEvent(new Event('change')); }");
  for (const words of expected(row(0), "samplers=min_p;min_p=0.3")) assert.ok(typed.includes(words), words);
  assert.equal(await cards("li.card:not(.off)"), 1);

  // Every row.
  for (const name of await browser.evaluate("[...document.querySelectorAll('#row option')].map((o) => o.value)")) {
    const shown = await change(`{ const r = document.querySelector('#row'); r.value = '${name}'; r.dispatchEvent(new Event('change')); }`);
    if (name.startsWith("model")) {
      for (const words of expected(row(Number(name.at(-1))), "samplers=min_p;min_p=0.3")) assert.ok(shown.includes(words), `${name}: ${words}`);
    }
  }

  // Every stage's definition is there.
  assert.ok(await browser.evaluate("[...document.querySelectorAll('#cards .definition')].every((d) => d.textContent.length > 80)"));

  // Logits of one's own: pasted, and in files. What is wrong is said, and the row before stays.
  const drop = (name, bytes) => browser.evaluate(`{ delete document.documentElement.dataset.drawn;
    document.querySelector("#message").textContent = "";
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(${JSON.stringify([...bytes])})], "${name}"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true })); }`);
  const paste = (numbers) => `document.querySelector('#numbers').value = '${numbers}'; document.querySelector('#show-numbers').click()`;
  const shown = await change(paste("[3, 2, 1.5, -inf]"));
  assert.match(shown, /3 left\s+none cut/);
  assert.match(shown, /most likely 62\.85 %/);
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  const file = Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]), Buffer.from(header),
    Buffer.from(new Float32Array([1, 1, 1, 0, NaN, 0]).buffer)]);
  await drop("two.npy", file);
  await drawn();
  assert.match(await text(), /3 left\s+none cut/);
  for (const [name, bytes, words] of [["cut.npy", file.subarray(0, -1), "cut.npy: the shape needs 24 bytes of data, the file has 23"],
    ["a.png", Buffer.from("PNG and more"), "a.png: not a .npy file"], ["empty.npy", Buffer.alloc(0), "empty.npy: the file is empty"]]) {
    await drop(name, bytes);
    await browser.until(`document.querySelector("#message").textContent.includes(${JSON.stringify(words)})`);
  }
  await browser.evaluate("{ const r = document.querySelector('#file-row'); r.value = 1; r.dispatchEvent(new Event('change')); }");
  await browser.until("/two.npy, row 1: .*NaN/i.test(document.querySelector('#message').textContent)");
  await browser.evaluate(paste("1, 2, x"));
  await browser.until("document.querySelector('#message').textContent.includes(\"number 3 is 'x'\")");
  assert.match(await text(), /3 left\s+none cut/);
  assert.equal(await browser.evaluate("document.querySelector('#row').value"), "own");

  // A link, at the width of a phone: nothing is wider than the page.
  const linked = "samplers=temperature:top_p;temp=1.5;top_p=0.9;seed=5";
  const second = await open(`#row=model-3&spec=${encodeURIComponent(linked)}`, 360);
  for (const words of expected(row(3), linked)) assert.ok(second.includes(words), words);
  assert.equal(await cards("li.card:not(.off)"), 2);
  assert.equal(await cards("li.card.off"), 5);
  assert.ok(await browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"));

  assert.match(await open("#spec=mirostat%3D2"), /This spec is not shown: there is no card for 'mirostat'/);
  assert.match(await open("#row=nonsense"), /There is no row 'nonsense'/);
  assert.deepEqual(browser.said, []);
  console.log("the page shows what the library says");
} finally {
  await browser.close();
  server.close();
}
