// Named cases, run one after another, and the line at the end that `cargo xtask e2e` adds up.
import assert from "node:assert/strict";

/** Longest a single case may take; slow machines run SwiftShader on one core. */
const CASE_TIMEOUT_MS = 240_000;

class Skip extends Error {}

/** Ends the case as skipped; the reason is printed. */
export function skip(reason) {
  throw new Skip(reason);
}

export { assert };

/**
 * Runs `cases` ({ name: async () => … }) and ends the process: 1 if one failed. A pattern as the
 * first argument of the script selects cases.
 */
export async function run(cases, { after = async () => {}, limitMs = CASE_TIMEOUT_MS } = {}) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const pattern = process.argv[2];
  const selected = Object.entries(cases).filter(([name]) => !pattern || name.includes(pattern));
  try {
    for (const [name, body] of selected) await one(name, body, counts, limitMs);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAILED setup: ${error?.stack ?? error}`);
  }
  // What throws at once is a note too: a browser that ends may still write into its folder.
  await Promise.resolve()
    .then(after)
    .catch((error) => console.log(`note: ${error}`));
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exit(counts.failed > 0 ? 1 : 0);
}

async function one(name, body, counts, limitMs) {
  const start = performance.now();
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result after ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([body(), limit]);
    counts.passed += 1;
    console.log(`ok ${name} (${Math.round(performance.now() - start)} ms)`);
  } catch (error) {
    if (error instanceof Skip) {
      counts.skipped += 1;
      console.log(`SKIPPED ${name}: ${error.message}`);
    } else {
      counts.failed += 1;
      console.log(`FAILED ${name}: ${error?.stack ?? error}`);
    }
  } finally {
    clearTimeout(timer);
  }
}
