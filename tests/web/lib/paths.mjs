// Where things are, seen from the repository root.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const www = path.join(root, "www");
export const engineDist = path.join(www, "packages/engine/dist");
export const chatDist = path.join(www, "packages/chat/dist");

/** The outside fixtures, or null where they are not. */
export function fixtures() {
  const folder = process.env.INGLE_FIXTURES ?? path.join(root, "../shared/fixtures");
  return existsSync(folder) ? folder : null;
}

/** A fixture file, or null. */
export function fixture(name) {
  const folder = fixtures();
  const file = folder && path.join(folder, name);
  return file && existsSync(file) ? file : null;
}
