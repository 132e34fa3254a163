// Builds the dashboard into dist/: one script, one style sheet, one page, nothing from elsewhere.
// The Rust build takes what lies there into the binary (crates/server/build.rs).
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";

await mkdir("dist", { recursive: true });
await build({
  entryPoints: { app: "src/main.ts" },
  outdir: "dist",
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "eof",
  logLevel: "warning",
});
await build({
  entryPoints: { style: "src/style.css" },
  outdir: "dist",
  bundle: true,
  minify: true,
  logLevel: "warning",
});
await copyFile("src/index.html", "dist/index.html");
