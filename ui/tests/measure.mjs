// How much scripting an interaction costs on the largest heat map that the API gives: 28 days in columns of an
// hour and a thousand cells. CPU time of the page's main thread, so that a busy machine does not count; printed,
// never judged.

const COLUMNS = 672, STEPS = 12, ROWS = 1_000;
const HOUR = 3_600_000, STEP = 300_000;

function largest() {
  const now = Date.UTC(2024, 4, 1, 9);
  const times = [...Array(COLUMNS).keys()].map((i) => now - (COLUMNS - i) * HOUR).concat([...Array(STEPS).keys()].map((i) => now + i * STEP));
  const share = times.map((ms, c) => [...Array(ROWS).keys()].map((r) => {
    const value = 0.004 * (1.2 + Math.sin(ms / 13_750_000)) * (1 + 40 * Math.exp(-(((r - 300 - (c % 24) * 10) / 30) ** 2)));
    return (c + r) % 97 === 0 ? null : (c * 7 + r) % 31 === 0 ? 0 : Number(value.toPrecision(4));
  }));
  const boundaries = [...Array(15).keys()].map((i) => (i + 1) / 16);
  return {
    table: "orders", now_ms: now, bin_ms: HOUR, forecast_bin_ms: STEP, times_ms: times, past_columns: COLUMNS, metric: "share",
    capacity: { read: 3000, write: 1000 }, share, quantile: 0.9, maps: [{ at_ms: times[0], boundaries }],
    cells: [...Array(ROWS).keys()].map((r) => ({ from: r / ROWS, to: (r + 1) / ROWS, start: r ? r.toString(16).padStart(16, "0") : "", end: r + 1 < ROWS ? (r + 1).toString(16).padStart(16, "0") : "", partition: 1 })),
    ahead: { step_ms: STEP, times_ms: times.slice(COLUMNS), planned: [], unchanged: [], unchanged_since_ms: now, actions: [] },
  };
}

/** Lines that say what each interaction took. */
export async function measure(page, base) {
  const body = JSON.stringify(largest());
  await page.route("**/heatmap?*", (route) => route.fulfill({ contentType: "application/json", body }));
  await page.goto(`${base}/?table=orders&past=40320`);
  await page.locator(".legend:visible").waitFor();
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find((m) => m.name === "ScriptDuration").value;
  };
  const stage = page.locator(".stage");
  await stage.focus();
  const lines = [`${(body.length / 1e6).toFixed(1)} MB of JSON, ${COLUMNS + STEPS} × ${ROWS} cells; milliseconds of scripting on the main thread:`];
  for (const [name, act] of [
    ["one cell on", () => page.keyboard.press("ArrowLeft")], ["ten cells on", () => page.keyboard.press("Shift+ArrowDown")],
    ["zoom in", () => page.keyboard.press("+")], ["zoom out", () => page.keyboard.press("-")], ["scale", () => page.keyboard.press("l")],
    ["pin", () => page.keyboard.press("Enter")], ["whole view", () => stage.dblclick()], ["theme", () => page.locator("button.theme").click()],
  ]) {
    const before = await spent();
    await act();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    lines.push(`${name}: ${(await spent() - before).toFixed(1)}`);
  }
  await page.unroute("**/heatmap?*");
  return lines;
}
