// page.mjs PAGE PACKAGE AXE CHROMIUM: opens the page from a file server in headless Chromium and compares what
// it shows with what the package says in Node. Fails for any error on the page's console. AXE is axe-core's
// script.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkAccess } from "./access.mjs";
import { Browser } from "./browser.mjs";
import { checkLive } from "./live.mjs";
import { serve } from "./server.mjs";

const [page, pack, axe, chromium] = process.argv.slice(2);
const { Sampler, init } = await import(pathToFileURL(resolve(pack, "index.js")));
await init();

const server = await serve(page);
const browser = new Browser(chromium);
const text = () => browser.evaluate("document.querySelector('main').innerText");
const drawn = () => browser.until("document.documentElement?.dataset.drawn === 'yes' || document.querySelector('#message')?.textContent.startsWith('The page could')");

async function open(hash, width) {
  await browser.open(server.address + hash, width);
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

// What the page says of times, once it has measured all of them.
async function timesShown(selector) {
  await browser.until("document.documentElement.dataset.timed === 'yes'");
  return browser.evaluate(`[...document.querySelectorAll("${selector}")].map((place) => place.textContent)`);
}

const cards = (selector) => browser.evaluate(`document.querySelectorAll("#cards > ${selector}").length`);

try {
  // Without rows and the texts of their tokens, and what is loaded only to write text, the page is small.
  const size = readdirSync(page, { recursive: true }).filter((name) => !/^(rows\.bin|tokens\.json|live\b.*)$/.test(name))
    .map((name) => statSync(join(page, name))).reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0);
  assert.ok(size > 300_000 && size < 1_000_000, `${size} bytes`);

  const first = await open("");
  for (const spec of ["samplers=top_k;top_k=40", "samplers=top_k:top_p;top_k=40;top_p=0.95",
    "samplers=top_k:top_p:min_p;top_k=40;top_p=0.95;min_p=0.05", "samplers=top_k:top_p:min_p:temperature;top_k=40;top_p=0.95;min_p=0.05;temp=0.8"]) {
    for (const words of expected(row(0), spec)) assert.ok(first.includes(words), `${spec}: ${words}`);
  }
  assert.match(first, /1,000 draws/);
  assert.ok(await browser.evaluate("[...document.querySelectorAll('text.label')].some((label) => label.textContent === '␣in')"));

  // Each stage has its time; how long it is depends on the machine.
  const times = await timesShown("#start .time, #cards > li:not(.off) .time");
  assert.match(times[0], /^drawn from as it is: [1-9][\d.,]* µs a token$/);
  assert.equal(times.length, 5);
  for (const words of times.slice(1)) assert.match(words, /^up to here [\d.,]+ µs a token, this stage (\+|−|less than )[\d.,]+ µs$/);

  // A slider, a switch, a button: numbers, spec and address follow.
  const slid = await change("{ const s = document.querySelector('[aria-label=\"Top-k\"]'); s.value = 7; s.dispatchEvent(new Event('input')); }");
  for (const words of expected(row(0), "samplers=top_k;top_k=7")) assert.ok(slid.includes(words), words);
  await change("document.querySelector('[aria-label=\"Top-p\"]').closest('li').querySelector('[type=checkbox]').click()");
  const spec = "samplers=top_k:min_p:temperature;top_k=7;min_p=0.05;temp=0.8;seed=1";
  assert.equal(await browser.evaluate("document.querySelector('#spec').value"), spec);
  assert.ok((await browser.evaluate("location.hash")).includes(encodeURIComponent(spec)));
  for (let i = 0; i < 2; i++) await change("document.querySelector('[aria-label=\"Move Temperature up\"]').click()"); // past one that is off
  assert.match(await browser.evaluate("document.querySelector('#spec').value"), /^samplers=top_k:temperature:min_p;/);
  const typed = await change("{ const s = document.querySelector('#spec'); s.value = 'samplers=top_k:min_p;top_k=50;min_p=0.3'; s.dispatchEvent(new Event('change')); }");
  for (const words of expected(row(0), "samplers=top_k:min_p;top_k=50;min_p=0.3")) assert.ok(typed.includes(words), words);
  assert.equal(await cards("li.card:not(.off)"), 2);

  // Every row.
  for (const name of await browser.evaluate("[...document.querySelectorAll('#row option')].map((o) => o.value)")) {
    const shown = await change(`{ const r = document.querySelector('#row'); r.value = '${name}'; r.dispatchEvent(new Event('change')); }`);
    if (name.startsWith("model")) {
      for (const words of expected(row(Number(name.at(-1))), "samplers=top_k:min_p;top_k=50;min_p=0.3")) assert.ok(shown.includes(words), `${name}: ${words}`);
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

  // A card that is dragged onto another takes its place.
  await change("document.querySelector('#default').click()");
  await change(`{ const dataTransfer = new DataTransfer();
    const [first, dragged] = ["#cards > li", "[aria-label=Temperature]"].map((one) => document.querySelector(one).closest("li"));
    const send = (card, type) => card.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    send(dragged, "dragstart"); send(first, "dragover"); send(first, "drop"); }`);
  assert.match(await browser.evaluate("document.querySelector('#spec').value"), /^samplers=temperature:top_k:top_p:min_p;/);

  // By keyboard: a slider, and the next control but one, which moves the card and keeps the focus.
  const place = () => browser.evaluate("[...document.querySelectorAll('#cards h2')].findIndex((one) => one.textContent.trim() === 'Top-k')");
  await browser.evaluate("document.querySelector('[aria-label=\"Top-k\"]').focus()");
  await browser.press("ArrowRight", 39);
  await browser.until("document.querySelector('#spec').value.includes('top_k=41')");
  for (let i = 0; i < 2; i++) await browser.press("Tab", 9);
  assert.equal(await browser.evaluate("document.activeElement.getAttribute('aria-label')"), "Move Top-k down");
  const from = await place();
  await browser.evaluate("document.activeElement.click()");
  assert.equal(await place(), from + 1);
  assert.equal(await browser.evaluate("document.activeElement.getAttribute('aria-label')"), "Move Top-k down");
  await drawn();

  // Nothing moves while a slider does, even if the numbers get longer.
  await browser.evaluate(`document.querySelector("#row").value = "model-0"; document.querySelector("#row").dispatchEvent(new Event("change"));
    window.moved = []; new PerformanceObserver((list) => moved.push(...list.getEntries().map((entry) => entry.value)))
      .observe({ type: "layout-shift" });`);
  await drawn();
  for (const value of [0.05, 3, 1.2]) {
    await change(`{ const s = document.querySelector('[aria-label="Temperature"]'); s.value = ${value}; s.dispatchEvent(new Event("input")); }`);
  }
  await timesShown(".time");
  assert.deepEqual(await browser.evaluate("moved"), []);

  // Two chains: the numbers of both, and where they differ; then the same from the link.
  const [specA, specB] = ["samplers=top_k;top_k=9;seed=2", "samplers=min_p:temperature;min_p=0.02;temp=2;seed=3"];
  await open("#row=model-2");
  await change(`{ const s = document.querySelector("#spec"); s.value = "${specA}"; s.dispatchEvent(new Event("change")); }`);
  await change("document.querySelector('#two').click()");
  assert.match(await text(), /9 left by both\s+0 only by A\s+0 only by B[^]*Nowhere: they leave the same/);
  await change(`{ const s = document.querySelector("#spec-b"); s.value = "${specB}"; s.dispatchEvent(new Event("change")); }`);
  await change("document.querySelector('[name=order][value=id]').click(); document.querySelector('[name=scale][value=logarithmic]').click()");
  const sets = [specA, specB].map((one) => new Sampler(one, V).candidates(row(2)));
  const of = sets.map(({ ids, probabilities }) => new Map([...ids].map((id, i) => [id, probabilities[i]])));
  const both = [...of[0].keys()].filter((id) => of[1].has(id)).length;
  const distance = [...new Set([...of[0].keys(), ...of[1].keys()])]
    .reduce((sum, id) => sum + Math.abs((of[0].get(id) ?? 0) - (of[1].get(id) ?? 0)) / 2, 0);
  for (const linkedTo of [undefined, await browser.evaluate("location.hash")]) {
    if (linkedTo) await open(linkedTo);
    const compared = await browser.evaluate("document.querySelector('#comparison').innerText");
    for (const words of [`${both} left by both`, `${of[0].size - both} only by A`, `${of[1].size - both} only by B`,
      `${(100 * distance).toFixed(2)} % of the probability`]) assert.ok(compared.includes(words), `${words} in ${compared}`);
    for (const [i, one] of [specA, specB].entries()) {
      const facts = await browser.evaluate(`document.querySelector("#facts-${"ab"[i]}").innerText`);
      for (const words of expected(row(2), one)) assert.ok(facts.includes(words), `${words} in ${facts}`);
    }
    assert.equal(await cards("li.card:not(.off)"), 2); // those of B
    assert.equal(await browser.evaluate("document.querySelectorAll('path.ids-of-b').length"), 1);
    assert.deepEqual(await browser.evaluate("['scale', 'order', 'cards'].map((name) => document.querySelector(`[name=${name}]:checked`).value)"),
      ["logarithmic", "id", "1"]);
    for (const words of await timesShown("#comparison .time")) assert.match(words, /^[\d.,]+ µs a token$/);
  }
  await change("document.querySelector('[name=cards][value=\"0\"]').click()");
  assert.equal(await cards("li.card:not(.off)"), 1); // A's

  // A link, at the width of a phone: nothing is wider than the page.
  const linked = "samplers=temperature:top_p;temp=1.5;top_p=0.9;seed=5";
  const second = await open(`#row=model-3&spec=${encodeURIComponent(linked)}`, 360);
  for (const words of expected(row(3), linked)) assert.ok(second.includes(words), words);
  assert.equal(await cards("li.card:not(.off)"), 2);
  assert.equal(await cards("li.card.off"), 11);
  assert.ok(await browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"));

  assert.match(await open("#spec=mirostat%3D2"), /This spec is not shown: there is no card for 'mirostat'/);
  assert.match(await open("#row=nonsense"), /There is no row 'nonsense'/);
  await checkAccess(browser, server.address, axe);
  await checkLive(browser, server.address, row(0));
  assert.deepEqual(browser.said, []);
  console.log("the page shows what the library says");
} finally {
  await browser.close();
  server.close();
}
