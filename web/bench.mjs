// bench.mjs PAGE CHROMIUM: how long the built page takes in headless Chromium: from the beginning of loading
// until the first charts are there and controls answer, with the rows loaded from a file server on this
// machine; and each step of a slider until the frame that shows it has been drawn. Also what is loaded.
import { readdirSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { Browser } from "./tests/browser.mjs";
import { serve } from "./tests/server.mjs";

const [page, chromium] = process.argv.slice(2);
const LOADS = 5;
const STEPS = 25;

// The name of a slider, the chain, what else the address says.
const SLIDERS = [
  ["Top-k", "samplers=top_k:top_p:min_p:temperature"],
  ["Temperature", "samplers=top_k:top_p:min_p:temperature"],
  ["Temperature", "samplers=top_k:top_p:min_p:temperature", "&spec2=samplers%3Dmin_p%3Btop_p%3D1"],
  ["Temperature", "samplers=temperature:typ_p:top_p;typ_p=0.99;top_p=0.99"],
  ["Temperature", "samplers=temperature:typ_p:top_p;typ_p=0.99;top_p=0.99", "&order=id"],
  ["Locally typical", "samplers=temperature:typ_p:top_p;temp=1.5;typ_p=0.99;top_p=0.99"],
  ["Temperature", "samplers=temperature:top_p:min_p:top_a:typ_p;top_p=1;min_p=0;top_a=0;typ_p=1"],
];

// Runs in the page: milliseconds of each step, until the frame behind it has been handed on.
async function slide(name, nSteps) {
  const slider = document.querySelector(`[aria-label="${name}"]`);
  const [least, most] = [Number(slider.min), Number(slider.max)];
  const times = [];
  for (let i = 0; i < nSteps; i++) {
    slider.value = least + ((i * 7) % nSteps) / nSteps * (most - least);
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    // The page draws in the next frame's callback; the message comes when that frame has been drawn.
    const { port1, port2 } = new MessageChannel();
    await new Promise((done) => {
      port1.onmessage = done;
      requestAnimationFrame(() => port2.postMessage(0));
    });
    times.push(performance.now() - start);
  }
  return times;
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(0);
const server = await serve(page);
const browser = new Browser(chromium);
try {
  const loads = [];
  for (let i = 0; i < LOADS; i++) {
    await browser.open(server.address);
    await browser.until("performance.getEntriesByName('interactive').length > 0");
    loads.push(await browser.evaluate("performance.getEntriesByName('interactive')[0].startTime"));
  }
  loads.sort((a, b) => a - b);
  console.log(`${cpus()[0].model}\ninteractive, with the rows: first ${loads.at(-1).toFixed(0)} ms at most, median ${at(loads, 0.5)} ms`);
  for (const [name, spec, more = ""] of SLIDERS) {
    await browser.open(`${server.address}#row=model-1&spec=${encodeURIComponent(spec)}${more}`);
    await browser.until("document.documentElement?.dataset.drawn === 'yes'");
    const before = await browser.processorTime();
    const times = (await browser.evaluate(`(${slide})(${JSON.stringify(name)}, ${STEPS})`)).sort((a, b) => a - b);
    const processor = (1000 * (await browser.processorTime() - before)) / STEPS;
    console.log(`a step of ${name}: least ${at(times, 0)} ms, median ${at(times, 0.5)} ms, worst ${times.at(-1).toFixed(0)} ms, ` +
      `of which the processor works ${processor.toFixed(0)} ms: ${spec}${more}`);
  }
} finally {
  await browser.close();
  server.close();
}
const sizes = readdirSync(page, { recursive: true }).map((name) => [name, statSync(join(page, name))]).filter(([, found]) => found.isFile());
for (const [name, { size }] of sizes) console.log(`${String(size).padStart(9)} ${name}`);
