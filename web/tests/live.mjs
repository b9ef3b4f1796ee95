// live.mjs: the page writes text with wllama and the model in data/. The first row must be the one that
// llama.cpp computed for the same prompt (data/rows-kjv-152k.npy), as far as other arithmetic allows; the same
// seed writes the same text.
import assert from "node:assert/strict";

const PROMPT = "And it came to pass";
const SPEC = "samplers=top_k:top_p:temperature;top_k=20;top_p=0.9;temp=0.7;seed=11";

/** recorded: the logits behind the prompt. */
export async function checkLive(browser, address, recorded) {
  async function press(id) {
    await browser.evaluate(`delete document.querySelector("#live").dataset.idle; document.querySelector("#${id}").click()`);
    await browser.until("document.querySelector('#live').dataset.idle === 'yes'");
    assert.equal(await browser.evaluate("document.querySelector('#message').textContent"), "");
  }
  const text = () => browser.evaluate("document.querySelector('#text').textContent");

  await browser.open(`${address}#spec=${encodeURIComponent(SPEC)}`);
  await browser.until("document.documentElement?.dataset.drawn === 'yes'");
  await browser.evaluate("document.querySelector('#live').open = true");
  const loaded = () => browser.evaluate("performance.getEntriesByType('resource').filter((one) => one.name.includes('/live/')).length");
  assert.equal(await loaded(), 0);
  await press("load");
  assert.ok(await loaded() > 0);
  assert.equal(await text(), PROMPT);

  // The most likely tokens, as the page shows them, are the recorded row's.
  const sum = recorded.reduce((s, x) => s + Math.exp(x), 0);
  const shown = await browser.evaluate("[...document.querySelectorAll('#start .charts > div:first-child .number')].map((one) => parseFloat(one.textContent))");
  const expected = [...recorded].sort((a, b) => b - a).slice(0, 12).map((x) => (100 * Math.exp(x)) / sum);
  assert.equal(shown.length, 12);
  expected.forEach((p, i) => assert.ok(Math.abs(shown[i] - p) < 0.05 * p + 0.05, `${i}: ${shown[i]} %, recorded ${p} %`));

  await press("write-one");
  const one = await text();
  assert.ok(one.startsWith(PROMPT) && one.length > PROMPT.length, one);
  assert.match(await browser.evaluate("document.querySelector('#row').selectedOptions[0].textContent"), /after 6 tokens/);
  assert.ok(await browser.evaluate("[...document.querySelectorAll('#start text.label')].every((label) => !label.textContent.startsWith('#'))"));
  await press("begin");
  assert.equal(await text(), PROMPT);
  // A prompt that cannot be is refused, and the text goes on.
  await browser.evaluate(`document.querySelector("#prompt").value = ""; delete document.querySelector("#live").dataset.idle;
    document.querySelector("#begin").click()`);
  await browser.until("document.querySelector('#message').textContent.includes('the prompt has 0 tokens; allowed: 1 to 511')");
  assert.equal(await text(), PROMPT);
  // Twenty tokens, of which the first is the same; stopped before the end.
  await browser.evaluate("delete document.querySelector('#live').dataset.idle; document.querySelector('#write').click()");
  await browser.until(`document.querySelector('#text').textContent.length > ${one.length}`);
  await browser.evaluate("document.querySelector('#stop').click()");
  await browser.until("document.querySelector('#live').dataset.idle === 'yes'");
  const written = await text();
  assert.ok(written.startsWith(one) && written.length > one.length, written);
}
