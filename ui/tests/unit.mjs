// Runs the unit tests of what is pure in src/ (tests/unit/*.test.ts) with node's own test runner, and then
// proves that they can fail: each planted fault below must make a test fail.
//
//     node tests/unit.mjs

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ui = fileURLToPath(new URL("..", import.meta.url));

/** A file of src/, what stands there, and what is put in its place. */
const FAULTS = [
  ["heat/scale.ts", "FORECAST_WIDTH_MIN = 0.2", "FORECAST_WIDTH_MIN = 0"],
  ["heat/scale.ts", "Math.ceil(from / step) * step", "from"],
  ["heat/data.ts", "LOG_SPAN = 2000", "LOG_SPAN = 200"],
  ["heat/data.ts", "if (value === null) continue;", "if (!value) continue;"],
  ["heat/data.ts", "foretold ||= column >= doc.past_columns", "foretold ||= true"],
  ["heat/export.ts", 'value ?? ""', "value ?? 0"],
  ["palette.ts", "0.24 + 0.7 * x", "0.24 + 0.7 * Math.sin(3 * x)"],
  ["state.ts", "x >= 0 && x <= 1 ? x : otherwise", "x"],
  ["state.ts", 'put("metric", view.metric, DEFAULTS.metric);', ""],
  ["format.ts", "size >= 1e6", "size > 1e6"],
  ["format.ts", "minutes % 60 ?", "minutes % 60 > 30 ?"],
  ["anomalies.ts", "cell.end > peer.cell.start", "cell.end >= peer.cell.start"],
  ["anomalies.ts", "partition == null ?", "partition === 0 ?"],
  ["heat/data.ts", "relative ? null :", ""],
  ["keys.ts", "+ 1n", ""],
  ["keys.ts", "one(\"before\", at - 1)", "one(\"before\", at + 1)"],
  ["keys.ts", "boundaries[at - 1]", "boundaries[at]"],
  ["counters.ts", "service.uptime_s < last.service.uptime_s ||", ""],
  ["counters.ts", "Math.ceil(total * q)", "total * q + 1"],
  ["pages/verdict.ts", "WATCH_SHARE = 0.8", "WATCH_SHARE = 8"],
];

/** Replaces one place of one source file. */
function plant([file, from, to]) {
  const path = resolve(ui, "src", file);
  return { name: "fault", setup: ({ onLoad }) => onLoad({ filter: /\.ts$/ }, async (args) => {
    if (args.path !== path) return undefined;
    const text = await readFile(path, "utf8");
    if (text.split(from).length !== 2) throw new Error(`${file} does not have ${JSON.stringify(from)} once`);
    return { contents: text.replace(from, to), loader: "ts" };
  }) };
}

/** Whether all tests pass, and what they said. */
async function run(directory, fault) {
  const tests = (await readdir(join(ui, "tests/unit"))).filter((name) => name.endsWith(".test.ts"));
  const outfile = join(directory, "tests.mjs");
  await build({
    stdin: { contents: tests.map((name) => `import "./${name}";`).join("\n"), resolveDir: join(ui, "tests/unit") }, outfile,
    bundle: true, platform: "node", format: "esm", target: "es2022", sourcemap: "inline", logLevel: "silent", plugins: fault ? [plant(fault)] : [],
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--enable-source-maps", "--test-reporter=spec", outfile], { encoding: "utf8" });
  return { passed: status === 0, said: stdout + stderr };
}

const directory = await mkdtemp(join(tmpdir(), "foreshard-unit-"));
try {
  const { passed, said } = await run(directory);
  process.stdout.write(said);
  if (!passed) process.exitCode = 1;
  else {
    const unseen = [];
    for (const fault of FAULTS) if ((await run(directory, fault)).passed) unseen.push(fault);
    for (const [file, from, to] of unseen) console.log(`no test sees it when in ${file} ${from} is ${to || "gone"}`);
    console.log(`${FAULTS.length - unseen.length} of ${FAULTS.length} planted faults made a test fail`);
    if (unseen.length) process.exitCode = 1;
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
