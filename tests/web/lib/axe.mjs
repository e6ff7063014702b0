// What axe-core finds on a page that a person cannot use with a screen reader or by keyboard.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { www } from "./paths.mjs";
import { assert } from "./report.mjs";

const axe = readFileSync(
  createRequire(path.join(www, "package.json")).resolve("axe-core/axe.min.js"),
  "utf8",
);

/** Fails with the findings that it calls serious or critical; the number of all others. */
export async function serious(page, where) {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      nodes: nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)),
    }));
  });
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(bad, [], where);
  return violations.length;
}
