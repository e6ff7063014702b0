// A model of the project's own making, for machines without the outside fixtures.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** `INGLE_SEEDED` names the folder that `cargo xtask e2e` had the generator fill. */
export function seeded() {
  const folder = process.env.INGLE_SEEDED;
  if (!folder || !existsSync(folder)) return null;
  const name = readdirSync(folder).find((file) => file.endsWith(".gguf"));
  return name ? { name, bytes: readFileSync(path.join(folder, name)) } : null;
}
