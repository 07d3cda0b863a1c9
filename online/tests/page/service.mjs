// A service on the sample shop, and a browser: what the tests of the pages share.
//
// ONLINE and OFFLINE are the programs; SHOTS, if set, is a folder for pictures of the pages; CHROMIUM the browser.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

export const root = resolve(import.meta.dirname, "../../..");
const program = (name) => process.env[name.toUpperCase()] ?? join(root, "target/release", name);

/** The batch's program. */
export const offline = program("offline");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds that keeps somebody out. */
export async function barriers(page) {
  const found = await page.evaluate(`${AXE}; axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] })`);
  const grave = found.violations.filter((one) => ["serious", "critical", "moderate"].includes(one.impact));
  return grave.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" ")}`);
}

/** Starts a service; `published`: on the sample, or with nothing to serve. */
export async function start({ published, settings = {} }) {
  const folder = mkdtempSync(join(tmpdir(), "tandem-page-"));
  const artifacts = join(folder, "artifacts");
  mkdirSync(artifacts);
  if (published) {
    const sample = join(root, "data/sample");
    execFileSync(program("offline"), ["run", "--events", join(sample, "events.csv"), "--items", join(sample, "items.csv"),
      "--artifacts", artifacts], { stdio: "ignore", cwd: folder });
    execFileSync(program("offline"), ["score", "train", "--preset", "credit-score", "--data", join(root, "data/bank-marketing/bank.csv"),
      "--artifacts", artifacts], { stdio: "ignore", cwd: folder });
  }
  const env = {
    ...process.env, TANDEM_SERVER__LISTEN: "127.0.0.1:0", TANDEM_SERVER__DRAIN_MS: "0", TANDEM_SERVER__DEADLINE_MS: "5000",
    TANDEM_ARTIFACTS__PATH: artifacts, TANDEM_EVENTS__PATH: join(folder, "events"), TANDEM_SLATES__PATH: join(folder, "slates"),
    TANDEM_SERVED__PATH: join(folder, "served"), TANDEM_MODELS__ROWS: join(folder, "rows"), TANDEM_LOG__FORMAT: "text", TANDEM_PAGE__BATCH: program("offline"), ...settings,
  };
  const child = spawn(program("online"), [], { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const address = await new Promise((resolve, reject) => {
    const lines = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      const found = line.match(/listening.*?address=([\d.:]+)/);
      if (found) resolve(`http://${found[1]}`);
    });
    child.once("exit", () => reject(new Error(`the service ended:\n${lines.join("\n")}`)));
  });
  return { address, folder, artifacts, async stop() { child.kill(); await ended; rmSync(folder, { recursive: true }); } };
}

/** Starts the browser. */
export const browse = () => puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--headless=new", "--disable-gpu"],
});

/** A page that fails the test if anything is told to its console, or goes wrong in it. */
export async function tab(browser, { width = 1280, scheme = "light", script = true } = {}) {
  const page = await browser.newPage();
  page.wrong = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && page.wrong.push(message.text()));
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("requestfailed", (request) => page.wrong.push(`${request.url()}: ${request.failure().errorText}`));
  await page.setJavaScriptEnabled(script);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height: 900, isMobile: width < 500, hasTouch: width < 500 });
  return page;
}

/** Takes a picture, if they are wanted. */
export async function shoot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

/**
 * Looks at a page at a desk and on a phone, light and dark: nobody is kept out, nothing is wider than the window. Returns what its console told, and what went wrong in it.
 */
export async function seen(browser, address, name) {
  const told = [];
  for (const scheme of ["light", "dark"]) for (const width of [1280, 390]) {
    const page = await tab(browser, { width, scheme });
    await page.goto(address, { waitUntil: "load" });
    assert.deepEqual(await barriers(page), [], `${scheme} ${width}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} px too wide at ${width}`);
    await shoot(page, `${name}-${width}-${scheme}`);
    told.push(...page.wrong);
    await page.close();
  }
  return told;
}
