// Builds the pages' scripts into a folder: `node build.mjs FOLDER`.

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = process.argv[2];
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { min } = createRequire(import.meta.url)("@segment/snippet");

await build({
  entryPoints: ["segment.js", "rudder.js"].map(here),
  bundle: true,
  outdir: folder,
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
});
await writeFile(`${folder}/calls.js`, await readFile(here("calls.js")));
// Segment's own snippet, as its workspace shows it.
await writeFile(`${folder}/snippet.js`, min({ apiKey: "WRITE_KEY", page: false }));
