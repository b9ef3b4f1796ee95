// access.mjs: axe-core on the page, light and dark, at the width of a desk and of a phone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

// Two chains are compared; below, definitions are open, stages switched off, and there is a message.
const TWO = `#row=model-1&spec=${encodeURIComponent("samplers=top_k:top_p;top_k=40;top_p=0.9;seed=1")}&spec2=${encodeURIComponent("samplers=min_p;min_p=0.1;seed=1")}`;

// Contrast takes most of the time. It does not depend on the width.
const VIEWS = [["light", 1200, true], ["dark", 360, true], ["dark", 1200, false], ["light", 360, false]];

/** axe: the path of axe-core's script. */
export async function checkAccess(browser, address, axe) {
  await browser.open(address + TWO);
  await browser.until("document.documentElement?.dataset.drawn === 'yes'");
  await browser.evaluate(`${readFileSync(axe, "utf8")}; document.querySelectorAll("details").forEach((one) => (one.open = true));
    document.querySelector("#message").textContent = "A message.";`);
  for (const [scheme, width, contrast] of VIEWS) {
    await browser.appear(scheme, width);
    assert.equal(await browser.evaluate(`matchMedia("(prefers-color-scheme: ${scheme})").matches`), true);
    const { violations, passes } = await browser.evaluate(`axe.run(document, { resultTypes: ["violations"],
      rules: { "color-contrast": { enabled: ${contrast} } } }).then(({ violations, passes }) => ({ passes: passes.length,
        violations: violations.map(({ id, nodes }) =>
          ({ id, nodes: nodes.slice(0, 5).map(({ html, failureSummary }) => html.slice(0, 200) + ": " + failureSummary) })) }))`);
    assert.deepEqual(violations, [], `${scheme}, ${width} pixels`);
    assert.ok(passes > 20, `only ${passes} rules applied`);
  }
}
