// browser.mjs: drives Chromium by its own protocol over two pipes, which needs no package.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Browser {
  #process;
  #profile = mkdtempSync(join(tmpdir(), "page-"));
  #answers = new Map();
  #next = 1;
  #session;
  /** Everything that the page has written to its console, and errors that nothing caught. */
  said = [];

  constructor(chromium) {
    this.#process = spawn(chromium, ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
      "--remote-debugging-pipe", `--user-data-dir=${this.#profile}`], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    let buffered = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (text) => {
      const messages = (buffered + text).split("\0");
      buffered = messages.pop();
      for (const message of messages) this.#take(JSON.parse(message));
    });
    this.#process.on("exit", () => {
      for (const { reject } of this.#answers.values()) reject(new Error("Chromium has ended"));
    });
  }

  #take({ id, result, error, method, params }) {
    if (id !== undefined) {
      const { resolve, reject } = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    } else if (method === "Runtime.consoleAPICalled") this.said.push(params.args.map((a) => a.value ?? a.description).join(" "));
    else if (method === "Runtime.exceptionThrown") this.said.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    else if (method === "Log.entryAdded") this.said.push(params.entry.text);
  }

  #send(method, params = {}) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.#session })}\0`);
    return answer;
  }

  /** Opens an address in a new tab of this size. */
  async open(url, width = 1200, height = 900) {
    this.#session = undefined;
    const { targetId } = await this.#send("Target.createTarget", { url: "about:blank" });
    this.#session = (await this.#send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Log"]) await this.#send(`${domain}.enable`);
    await this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await this.#send("Page.navigate", { url });
  }

  /** Light or dark, and the width in pixels, of the tab that is open. */
  async appear(scheme, width, height = 900) {
    await this.#send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  /** Presses a key, by its name and code. */
  async press(key, code) {
    for (const type of ["rawKeyDown", "keyUp"]) await this.#send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: code });
  }

  /** Seconds of processor time that the page's main thread has used. */
  async processorTime() {
    await this.#send("Performance.enable", { timeDomain: "threadTicks" });
    const { metrics } = await this.#send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value;
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true, however long the machine takes; ctest ends a test that hangs. */
  async until(expression) {
    while (!(await this.evaluate(`Boolean(${expression})`))) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async close() {
    await this.#send("Browser.close").catch(() => {});
    if (this.#process.exitCode === null) await new Promise((resolve) => this.#process.on("exit", resolve));
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
