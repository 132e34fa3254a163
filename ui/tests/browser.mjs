// Drives the dashboard in headless Chromium. Started by crates/server/tests/it/dashboard.rs, which has a
// service with a forecast, load on it, and a paused planner; it stops and starts the listener on request.
//
//     node browser.mjs URL
//
// FORESHARD_SCREENSHOTS=DIR keeps the pictures that docs/dashboard.md shows.

import assert from "node:assert/strict";
import { mkdtemp, mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { actions, rekey } from "./by_hand.mjs";
import { measure } from "./measure.mjs";

const base = process.argv[2];
const pictures = process.env.FORESHARD_SCREENSHOTS;
const axe = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what) => { console.log(`please ${what}`); assert.equal((await answers.next()).value, "done"); };
const step = (name) => console.log(`  ${name}`);

const profile = await mkdtemp(join(tmpdir(), "foreshard-browser-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.FORESHARD_CHROMIUM ?? "/usr/bin/chromium", headless: true, acceptDownloads: true,
  viewport: { width: 1440, height: 1000 }, colorScheme: "dark",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = context.pages()[0] ?? await context.newPage();
page.setDefaultTimeout(60_000);
const complaints = [];
let away = false;
const heatmaps = [];
page.on("console", (m) => { if (m.type() === "error" && !away) complaints.push(m.text()); });
page.on("pageerror", (e) => complaints.push(e.stack ?? e.message));
page.on("request", (r) => { if (!r.url().startsWith(base) && !/^(data|blob):/.test(r.url())) complaints.push(`a request to ${r.url()}`); });
page.on("response", async (r) => {
  if (r.url().includes("/heatmap")) heatmaps.push(r.json().catch(() => null));
});

async function picture(name, options = {}) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), ...options });
}

async function accessible(where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.help} (${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join("; ")})`);
  assert.deepEqual(serious, [], `axe on ${where}`);
}

const parameter = (name) => page.evaluate((n) => new URLSearchParams(location.search).get(n), name);
const until = (found) => page.waitForFunction(found);
const stage = page.locator(".stage");

async function firstScreen() {
  await page.goto(`${base}/?table=orders`);
  await page.locator(".tile").first().waitFor();
  await until(() => document.querySelector(".heat-strips")?.getAttribute("aria-label")?.includes("above capacity"));
  const tiles = await page.locator(".tile h3").allTextContents();
  assert.deepEqual(tiles, ["Requests", "Throttled", "Errors", "Latency", "Consumed of capacity", "Hottest partition",
    "Running workflow", "Next planned action", "Anomalies"]);
  await until(() => document.querySelector('.tile[aria-label="Next planned action"] .value')?.textContent !== "none");
  await until(() => /[1-9]/.test(document.querySelector('.tile[aria-label="Requests"] .value')?.textContent ?? ""));
  const verdict = await page.locator(".verdict").textContent();
  assert.match(verdict, /^Busy.*The hottest of 2 partitions, p\d+, is .* full .*The forecast has p\d+ at \d+ % of its capacity/);
  // With what is planned nothing is too full, without it something is.
  await until(() => /as planned: \d+ partitions, 0 of them above capacity; if nothing were done: 2 partitions, [12] of them/
    .test(document.querySelector(".heat-strips").getAttribute("aria-label")));
  await page.waitForTimeout(pictures ? 8_000 : 0);
  await picture("overview-dark", { fullPage: false });
}

/** What the keyboard reads out, against what the API answered. */
async function cellsMatch() {
  await stage.focus();
  const compared = new Set();
  for (const key of ["n", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "Shift+ArrowDown", "ArrowRight", "ArrowUp", "Shift+ArrowLeft", "ArrowDown"]) {
    await page.keyboard.press(key);
    const said = await page.locator(".heat [aria-live]").textContent();
    const [, day, from, , exact] = said.match(/^(\S+) (\d\d:\d\d) – (.*?) UTC\. (.*?)(?:: no load)?\. /) ?? assert.fail(said);
    const keys = said.match(/keys (\S+) – (\S+?)\./);
    const ms = Date.parse(`${day}T${from}:00Z`);
    const documents = (await Promise.all(heatmaps.slice(-4))).filter(Boolean);
    const same = documents.some((doc) => {
      const column = doc.times_ms.indexOf(ms);
      const row = doc.cells.findIndex((cell) => short(cell.start, "start") === keys[1] && short(cell.end, "end") === keys[2]);
      if (column < 0 || row < 0) return false;
      const value = doc.share[column][row];
      compared.add(column >= doc.past_columns ? "forecast" : "past");
      return value == null ? exact === "no data" : Math.abs(parseFloat(exact.replaceAll(",", "")) / 100 - value) < 1e-7;
    });
    assert.ok(same, `no document of the API has ${said}`);
  }
  assert.deepEqual([...compared].sort(), ["forecast", "past"]);
}
const short = (key, otherwise) => (key.length > 16 ? key.slice(0, 16) + "…" : key || otherwise);

async function keyboard() {
  await stage.focus();
  await page.keyboard.press("n");
  await page.keyboard.press("Enter");
  assert.match(await parameter("pin"), /^\d+_0\.\d+$/);
  await page.locator(".pinned:visible").waitFor();
  await page.keyboard.press("+");
  assert.ok(await parameter("from") && await parameter("until") && await parameter("high"));
  await page.keyboard.press("l");
  assert.equal(await parameter("scale"), "linear");
  await page.keyboard.press("l");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  assert.equal(await parameter("from"), null);
  await page.keyboard.press("Escape");
  assert.equal(await parameter("pin"), null);
  // Everything on the page can be reached with the tabulator.
  await page.locator("body").click({ position: { x: 1, y: 1 } });
  const reached = new Set();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement?.getAttribute("data-key") ?? document.activeElement?.className ?? ""));
  }
  for (const wanted of ["overview", "decisions", "theme", "Show", "Past", "as", "png", "csv", "stage"]) assert.ok(reached.has(wanted), `${wanted} in ${[...reached]}`);
}

async function mouse() {
  // Where the page is scrolled to is not the same before and after it is opened anew.
  const at = async (x, y) => {
    await stage.scrollIntoViewIfNeeded();
    const box = await stage.boundingBox();
    return [box.x + 56 + (box.width - 62) * x, box.y + 24 + (box.height - 52) * y];
  };
  await page.mouse.move(...await at(0.5, 0.3));
  await page.locator(".tip:visible").waitFor();
  assert.match(await page.locator(".tip").textContent(), /UTC.*(%|no data|no load).*keys/s);
  await page.mouse.down();
  await page.mouse.move(...await at(0.9, 0.6), { steps: 4 });
  await page.mouse.up();
  const [from, to, low, high] = await Promise.all(["from", "until", "low", "high"].map(parameter));
  assert.ok(Number(from) < Number(to) && Number(low) > 0.25 && Number(high) < 0.65, `${from} ${to} ${low} ${high}`);
  // The address alone brings the same view back.
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  // Before it is drawn nothing can be pinned.
  await page.locator(".legend:visible").waitFor();
  await page.locator('[data-key="whole"]').click();
  assert.equal(await parameter("low"), null);
  await page.mouse.click(...await at(0.5, 0.5));
  await page.locator(".pinned:visible").waitFor();
  await page.locator('[data-key="pin-off"]').click();
}

async function tableAndFiles() {
  await page.locator('[data-key="as"]').click();
  const rows = await page.locator(".heat table tbody tr").count();
  assert.ok(rows >= 2, `${rows} rows`);
  assert.ok(await page.locator(".heat table th.ahead").count() > 0, "the forecast is in the table");
  await accessible("the table");
  await page.locator('[data-key="as"]').click();
  const [csv] = await Promise.all([page.waitForEvent("download"), page.locator('[data-key="csv"]').click()]);
  const lines = (await readFile(await csv.path(), "utf8")).trim().split("\n");
  assert.match(lines[0], /^start_ms,end_ms,kind,.*share_of_partition_capacity,quantile$/);
  assert.ok(lines.some((l) => l.includes(",forecast,")) && lines.some((l) => l.includes(",past,")));
  const [png] = await Promise.all([page.waitForEvent("download"), page.locator('[data-key="png"]').click()]);
  const bytes = await readFile(await png.path());
  assert.ok(bytes.subarray(1, 4).toString() === "PNG" && bytes.length > 10_000, `${bytes.length} bytes`);
}

async function metricsAndQuantiles() {
  for (const metric of ["read_units", "write_units", "bytes", "throttles", "share"]) {
    const [response] = await Promise.all([page.waitForResponse((r) => r.url().includes(`metric=${metric}`)), page.locator('[data-key="Show"]').selectOption(metric)]);
    // Whatever is shown, it has a forecast, and says how that came about where it has to.
    const doc = await response.json();
    const ahead = (doc.share ?? doc.values).slice(doc.past_columns).flat();
    assert.ok(ahead.some((value) => value != null), `${metric} is forecast`);
    if (metric === "bytes") assert.ok(ahead.some((value) => value > 0), "some bytes are expected");
    const note = page.locator(".legend .note");
    if (doc.forecast_note) await note.filter({ hasText: doc.forecast_note }).waitFor();
    else await note.waitFor({ state: "detached" });
    assert.equal(doc.forecast_note != null, ["bytes", "throttles"].includes(metric));
    if (metric === "throttles") {
      await until(() => /, as the part of its load that would be refused\. .*: \d+ partitions, \d+ of them refusing/.test(document.querySelector(".heat-strips").getAttribute("aria-label")));
      await picture("throttles");
    }
  }
  const ends = () => page.locator(".ramp-numbers span").last().textContent();
  assert.match(await ends(), /^≥ 100 %$/);
  await page.locator('[data-key="Full is"]').selectOption("highest");
  assert.equal(await parameter("full"), "highest");
  assert.doesNotMatch(await ends(), /≥/);
  await page.locator('[data-key="Full is"]').selectOption("capacity");
  const worst = async () => Number((await page.locator(".heat-strips").getAttribute("aria-label")).match(/nothing were done: \d+ partitions, (\d+)/)?.[1]);
  for (const quantile of ["0.99", ""]) {
    await Promise.all([page.waitForResponse((r) => r.url().includes("/heatmap") && r.url().includes("quantile=0.99") === (quantile === "0.99")), page.locator('[data-key="Forecast"]').selectOption(quantile)]);
    assert.ok(await worst() >= 1);
  }
}

async function screens() {
  for (const [width, height] of [[320, 740], [768, 1024], [3840, 2160], [1440, 1000]]) {
    await page.setViewportSize({ width, height });
    await page.locator(".legend:visible").waitFor();
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${content} px wide on a screen of ${window}`);
    if (width === 320) { await accessible("320 px"); await picture("overview-320"); }
    if (width === 3840) await picture("overview-4k");
  }
}

async function theSplit() {
  const before = await page.locator("main table tbody tr").count();
  await page.locator('nav [data-key="decisions"]').click();
  await page.locator('[data-key="pause"]').click();
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.match(await page.locator("main").textContent(), /The planner is paused/, "cancelled, so still paused");
  await page.locator('[data-key="pause"]').click();
  await page.getByRole("button", { name: "Do it" }).click();
  await page.getByText("Done.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.locator('nav [data-key="overview"]').click();
  await page.waitForFunction((n) => document.querySelectorAll('section[aria-labelledby="partitions-title"] tbody tr').length > n, 2);
  await until(() => document.querySelector(".decisions li .tag")?.textContent);
  const latest = await (await fetch(`${base}/api/v1/tables/orders/heatmap`)).json();
  assert.ok(latest.maps.length >= 2 && latest.maps.at(-1).boundaries.length > latest.maps[0].boundaries.length, `${before}: a fork to draw`);
  await page.waitForTimeout(pictures ? 8_000 : 0);
  await picture("after-split-dark");
  // From here on the partitions stay as they are: a page about one must not lose it.
  const paused = await fetch(`${base}/api/v1/planner/pause`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  assert.deepEqual(await paused.json(), { paused: true });
}

async function otherPages() {
  await page.locator('nav [data-key="decisions"]').click();
  await page.locator(".decisions [data-key^=d]").first().click();
  await page.getByText("What it was based on").waitFor();
  await accessible("the decisions");
  await picture("decisions");
  await page.locator('nav [data-key="overview"]').click();
  await page.locator("main table [data-key^=p]").first().click();
  await page.locator(".chart canvas").first().waitFor();
  await until(() => [...document.querySelectorAll(".model")].some((m) => m.textContent.includes("pinball loss")));
  await accessible("a partition");
  await picture("partition");
  await page.locator('[data-key="keys-hidden"]').click();
  assert.equal(await parameter("keys"), "hidden");
  await page.locator('nav [data-key="results"]').click();
  await page.setInputFiles("#file", { name: "runs.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify({ runs: [{ policy: "predictive", throttled: 3 }, { policy: "static", throttled: 90 }] })) });
  await page.locator("main tbody tr").nth(1).waitFor();
  await accessible("the results");
  await page.locator('nav [data-key="overview"]').click();
}

async function tuning() {
  await page.locator('nav [data-key="tuning"]').click();
  // Yesterday is learnt from in the background; whatever came of it is written down.
  await page.locator(".tag", { hasText: /^(proposed|frozen)$/ }).first().waitFor();
  const row = page.locator("tr", { hasText: "how long before a crossing" });
  const inForce = row.locator("td").first();
  assert.equal(await inForce.textContent(), "15 min");
  await accessible("the tuning");
  await row.locator("input").fill("20");
  await row.locator('[data-key="pin-lead_ms"]').click();
  await page.getByText("Pin lead to 20 min").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await inForce.textContent(), "15 min", "cancelled, so nothing has changed");
  await row.locator('[data-key="pin-lead_ms"]').click();
  await page.getByRole("button", { name: "Do it" }).click();
  await page.getByText("Done.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await row.locator(".tag", { hasText: "pinned" }).waitFor();
  assert.equal(await inForce.textContent(), "20 min");
  assert.match(await page.locator("tbody tr", { hasText: "by the operator" }).first().textContent(), /lead 900 s to 1200 s/);
  await picture("tuning");
  if (pictures) {
    await page.locator("button.theme").click();
    await picture("tuning-light");
    await page.locator("button.theme").click();
  }
  await page.setViewportSize({ width: 320, height: 740 });
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width, `${content} px wide on a screen of ${width}`);
  await page.setViewportSize({ width: 1440, height: 1000 });
  await row.locator('[data-key="unpin-lead_ms"]').click();
  await page.getByRole("button", { name: "Do it" }).click();
  await page.getByText("Done.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await row.locator("input").waitFor();
  assert.equal(await inForce.textContent(), "15 min");
  await page.locator('nav [data-key="overview"]').click();
}

async function bothThemes() {
  await page.locator(".legend:visible").waitFor();
  await accessible("dark");
  await page.locator("button.theme").click();
  await until(() => document.documentElement.dataset.theme === "light");
  await accessible("light");
  await picture("overview-light");
  await page.locator("button.theme").click();
}

async function reconnects() {
  away = true;
  await ask("stop");
  await page.getByText("Not connected").waitFor();
  await ask("start");
  await page.locator(".status").waitFor({ state: "hidden" });
  const before = await page.locator(".clock").textContent();
  await page.waitForFunction((text) => document.querySelector(".clock").textContent !== text, before);
  away = false;
}

/** Does what is refused: the browser writes that into its console. */
async function refused(act) {
  away = true;
  await act();
  away = false;
}
const driver = { page, base, table: "orders", accessible, picture, refused };
const byHand = () => actions(driver);
const keyOrder = () => rekey(driver);

const chapters = { firstScreen, cellsMatch, keyboard, mouse, theSplit, tableAndFiles, metricsAndQuantiles, screens, bothThemes, otherPages, byHand, keyOrder, tuning, reconnects };
try {
  for (const [name, chapter] of Object.entries(chapters)) {
    step(name);
    await chapter();
    assert.deepEqual(complaints, [], name);
  }
  step("measure");
  for (const line of await measure(page, base)) console.log(`    ${line}`);
  assert.deepEqual(complaints, []);
  console.log("all as expected");
} catch (error) {
  console.log(String(error.stack ?? error));
  if (pictures) await page.screenshot({ path: join(tmpdir(), "foreshard-dashboard-failure.png") });
  process.exitCode = 1;
} finally {
  await context.close();
  await rm(profile, { recursive: true, force: true });
  process.stdin.destroy();
}
