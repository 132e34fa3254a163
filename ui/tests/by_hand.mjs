// What an operator does by hand on the page: each action as a dry run, refused, cancelled, and done.

import assert from "node:assert/strict";

/** Confirms what a dialog asks, once it has shown what it would do. */
async function confirmed(page, saying) {
  await page.locator("dialog .danger:enabled").click();
  await page.locator("dialog [role=status]", { hasText: saying }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
}

const boundariesOf = async (base, table) => {
  const { partitions } = await (await fetch(`${base}/api/v1/tables/${table}/partitions`)).json();
  return partitions.map((p) => p.start);
};

export async function actions({ page, base, table, accessible, picture, refused }) {
  const boundaries = () => boundariesOf(base, table);
  const before = await boundaries();
  // Until the answer comes, the page may ask for a partition that is gone.
  const done = () => refused(() => confirmed(page, "Done in"));
  const open = async () => {
    await page.locator('nav [data-key="overview"]').click();
    await page.locator("main table [data-key^=p]").first().click();
    await page.locator('[data-key="shift-after"]').waitFor();
  };
  await open();
  await page.locator('[data-key="split"]').click();
  await page.locator("dialog .preview tbody tr").nth(1).waitFor();
  await accessible("a dry run");
  await picture("dry-run");
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.deepEqual(await boundaries(), before, "cancelled, so nothing has changed");
  // What cannot be done is said, and cannot be confirmed.
  await page.locator("#isolate-key").fill("nonsense");
  await page.locator('[data-key="isolate"]').click();
  await page.getByText("Write the key as GetItem takes it").waitFor();
  await refused(async () => {
    await page.locator("#isolate-key").fill('{"other":{"S":"a"}}');
    await page.locator('[data-key="isolate"]').click();
    await page.locator("dialog .bad").waitFor();
  });
  assert.ok(await page.locator("dialog .danger").isDisabled());
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("[data-key^=isolate-]").first().click();
  await done();
  await page.waitForFunction((n) => document.querySelectorAll('section[aria-labelledby="partitions-title"] tbody tr').length > n, before.length);
  assert.ok((await boundaries()).length > before.length, "the key has a partition");
  await open();
  await page.locator('[data-key="merge-after"]').click();
  await done();
  // Two of them were left beside each other as they were: the boundary between them can be moved.
  const parts = await boundaries();
  await open();
  await page.locator('[data-key="shift-after"]').click();
  await page.locator("dialog .preview tbody tr").nth(1).waitFor();
  await done();
  const shifted = await boundaries();
  assert.ok(shifted.length === parts.length && shifted[1] !== parts[1], `${parts} became ${shifted}`);
}

export async function rekey({ page, base, table, accessible }) {
  await page.locator('nav [data-key="decisions"]').click();
  await page.locator("#strategy").selectOption("range");
  await page.locator('[data-key="rekey"]').click();
  await page.locator("dialog .preview", { hasText: /Dry run: .* of \d+ partitions are copied/ }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  for (const [strategy, then] of [["composite", "hash"], ["hash", "composite"]]) {
    await page.locator("#strategy").selectOption(strategy);
    await page.locator('[data-key="rekey"]').click();
    await confirmed(page, "Done.");
    await page.locator(`#strategy option[value=${then}]`).waitFor({ state: "attached" });
    const { tables } = await (await fetch(`${base}/api/v1/tables`)).json();
    assert.equal(tables.find((t) => t.name === table).strategy, strategy);
  }
  await accessible("the key order");
  await page.locator('nav [data-key="overview"]').click();
}
