// Builds the page into dist/, which is part of the repository: whoever has only Rust builds a binary with the page in it.
import { blake3 } from "@noble/hashes/blake3.js";
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const ENTRIES = { gamaka: "src/gamaka.ts", page: "src/page/main.ts", worker: "src/worker.ts" };

/** What is built or copied, by its path with `/`, in order. */
async function sources(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).replaceAll("\\", "/")).sort();
}

const copied = (await sources("static")).map((path) => path.slice("static/".length));
await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
await cp("static", "dist", { recursive: true });
// The service worker keeps what the page is made of, under a name that changes with it.
const hash = blake3.create();
for (const path of [...(await sources("src")), ...(await sources("static")), "build.mjs", "package-lock.json"]) {
  hash.update(new TextEncoder().encode(`${path}\n`)).update(await readFile(path));
}
const version = Buffer.from(hash.digest()).toString("hex");
await build({
  entryPoints: ENTRIES,
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "es2023",
  minify: true,
  // The licence of what is built in.
  footer: { js: `/*! @noble/hashes\n${await readFile("node_modules/@noble/hashes/LICENSE", "utf8")}*/` },
  charset: "utf8",
  define: {
    PAGE_VERSION: JSON.stringify(version.slice(0, 16)),
    PAGE_FILES: JSON.stringify([...copied, "gamaka.js", "page.js"]),
  },
});
// A test holds this against the sources: dist/ must be what they give.
await writeFile("dist/sources", `${version}\n`);
