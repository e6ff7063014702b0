// Packs the built page for the native program, whose build.rs puts it in: every file as gzip. What
// has not changed is not written, so that cargo does not compile for nothing. The demo model is in
// the program already.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const from = fileURLToPath(new URL("../dist/", import.meta.url));
const to = fileURLToPath(new URL("../../../../native-host/page/", import.meta.url));

// Outside of the repository (the package alone) there is no program to pack for.
if (existsSync(to)) {
  const names = files(from).filter((name) => path.extname(name) !== ".gguf");
  const packed = new Set(names.map((name) => `${name}.gz`));
  for (const name of files(to)) {
    if (name.endsWith(".gz") && !packed.has(name)) rmSync(path.join(to, name));
  }
  for (const name of packed) {
    const bytes = gzipSync(readFileSync(path.join(from, name.slice(0, -3))), { level: 9 });
    const file = path.join(to, name);
    if (existsSync(file) && readFileSync(file).equals(bytes)) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

/** Paths of the files below a folder, relative to it. */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith("models"));
}
