// The pages of models, tables and comparisons, and the first log of an empty service: what they order is done by the batch.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { barriers, browse, offline, root, seen, shoot, start, tab } from "./service.mjs";

let service, browser;

before(async () => { [service, browser] = [await start({ published: true }), await browse()]; });
after(async () => { await browser?.close(); await service?.stop(); });

const sample = (name) => join(root, "data/sample", name);
const open = async (page, path) => { await page.goto(service.address + path, { waitUntil: "load" }); };
const text = (page, selector) => page.$eval(selector, (found) => found.textContent);
const says = (page, selector, words, timeout = 60_000) =>
  page.waitForFunction((selector, words) => document.querySelector(selector)?.textContent.includes(words), { polling: 100, timeout }, selector, words);

const PAGES = {
  models: "/ui/models", tables: "/ui/tables", table: "/ui/table?model=credit-score", refused: "/ui/table?model=credit-score&f.age=old",
  compare: "/ui/compare", compared: "/ui/compare?user_id=u000123&b_seen=exclude_all&people=50", order: "/ui/order?do=rollback",
};

for (const [name, path] of Object.entries(PAGES)) {
  test(`${name}: nobody is kept out, and nothing is wider than a phone`, async () => {
    assert.deepEqual(await seen(browser, service.address + path, name), []);
  });
}

test("a row is scored as the API scores it, and another value changes the score", async () => {
  const page = await tab(browser);
  await open(page, "/ui/table?model=credit-score");
  const score = () => text(page, ".tiles dd");
  const first = await score();
  const { example } = await (await fetch(`${service.address}/models/credit-score/schema`)).json();
  const predict = async (row) => {
    const answer = await fetch(`${service.address}/models/credit-score/predict`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(row) });
    return `${(100 * (await answer.json()).probability).toFixed(1)} %`;
  };
  assert.equal(first, await predict(example));
  const duration = await page.$eval("input[name='f.duration']", (input) => input.id);
  await page.click(`#${duration}`, { clickCount: 3 });
  await page.type(`#${duration}`, "1500");
  await page.select("#vary", "duration");
  await page.click("form button.primary");
  await page.waitForFunction(() => location.search.includes("f.duration=1500"));
  await says(page, "#score ~ *, .split", "1500 (now)");
  assert.equal(await score(), await predict({ ...example, duration: 1500 }));
  assert.notEqual(await score(), first);
  await page.close();
});

test("two settings are compared for a person and over a sample", async () => {
  const page = await tab(browser);
  await open(page, "/ui/compare?user_id=u000123&people=50");
  assert.equal(await page.$(".mark.new"), null, "the same settings give the same slate");
  assert.match(await text(page, "[aria-labelledby=sample] .tiles"), /100\.0 %.*100\.0 %/s);
  await page.select("#b_seen", "exclude_all");
  await page.type("#b_filter", "price < 30");
  await page.click("button.primary");
  await page.waitForFunction(() => location.search.includes("b_filter=") && document.querySelector(".mark.new"));
  assert.doesNotMatch(await text(page, "[aria-labelledby=sample] .tiles"), /100\.0 %/);
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test("a version is published and rolled back, each after a question", async () => {
  const served = async () => (await (await fetch(`${service.address}/ready`)).json()).model_version;
  const first = await served();
  execFileSync(offline, ["train", "--events", sample("events.csv"), "--items", sample("items.csv"), "--artifacts", service.artifacts],
    { stdio: "ignore", cwd: service.folder });
  const page = await tab(browser);
  const order = async (link) => {
    await open(page, "/ui/models");
    await Promise.all([page.waitForNavigation(), page.click(link)]);
    assert.equal(await served(), await served(), "a question changes nothing");
    await Promise.all([page.waitForNavigation(), page.click("form.stack button.primary")]);
    await says(page, ".told, .alert", "done.");
  };
  await order("a[href*='do=publish']");
  await page.waitForFunction(async (url, first) => (await (await fetch(url)).json()).model_version !== first, { polling: 200 }, `${service.address}/ready`, first);
  const second = await served();
  assert.notEqual(second, first);
  await order("a[href*='do=rollback']");
  await page.waitForFunction(async (url, first) => (await (await fetch(url)).json()).model_version === first, { polling: 200 }, `${service.address}/ready`, first);
  // What the batch refuses is told in its words.
  await open(page, "/ui/order?do=publish&version=v000099-00000000");
  await Promise.all([page.waitForNavigation(), page.click("form.stack button.primary")]);
  await says(page, ".alert", "refused");
  assert.equal(await served(), first);
  await page.close();
});

test("an empty service takes a log, shows how it is read, and learns from it", async () => {
  const empty = await start({ published: false });
  const page = await tab(browser);
  await page.goto(empty.address);
  assert.deepEqual(await barriers(page), []);
  await (await page.$("#log")).uploadFile(sample("events.csv"));
  await says(page, "#main", "Here: log.csv");
  await (await page.$("#items")).uploadFile(sample("items.csv"));
  await says(page, "#main", "Here: items.csv");
  await Promise.all([page.waitForNavigation(), page.click("button[value=explain]")]);
  await page.waitForSelector(".steps pre", { timeout: 60_000 });
  assert.match(await text(page, ".steps pre"), /user u000740 view item bed-sheet-0003/);
  await shoot(page, "log-read-1280-light");
  await Promise.all([page.waitForNavigation(), page.click("button[value=learn]")]);
  await page.waitForFunction(() => document.querySelector("h1")?.textContent === "Try it", { polling: 500, timeout: 300_000 });
  assert.deepEqual(page.wrong.filter((text) => !text.includes("503")), []);
  await page.close();
  await empty.stop();
});
