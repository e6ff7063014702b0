// Models of the project's own making, for machines without the outside fixtures. `INGLE_SEEDED` is
// their folder (`cargo xtask test` sets it); without it the generator of the `tests` package writes
// them to a folder that is removed when this process ends.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { root } from "./paths.mjs";

let folder;

/** One seeded model (`{ name, bytes }`), or null if the generator cannot be run. */
export function seeded(name = "llama-tied") {
  if (!seededFolder()) return null;
  return { name: `${name}.gguf`, bytes: readFileSync(path.join(folder, `${name}.gguf`)) };
}

/** The folder with all seeded models, or null. */
export function seededFolder() {
  folder ??= process.env.INGLE_SEEDED ?? generate();
  return folder;
}

function generate() {
  const out = mkdtempSync(path.join(os.tmpdir(), "ingle-seeded-"));
  process.on("exit", () => rmSync(out, { recursive: true, force: true }));
  const program = ["run", "--quiet", "-p", "tests", "--bin", "fixtures", "--"];
  try {
    execFileSync(
      process.env.CARGO ?? "cargo",
      [...program, "tests/seeded-models.txt", "--out", out],
      { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
    );
    return out;
  } catch (error) {
    console.log(`note: the seeded models could not be made: ${error.message}`);
    return null;
  }
}
