import type { Retry } from "@ingle/engine";

import { t } from "./i18n/index.js";

/** What a download waits for; `at` is when the next try comes, by `performance.now()`. */
export function retryWords({ attempt, of, busy }: Retry, at: number): string {
  const seconds = Math.ceil((at - performance.now()) / 1000);
  const why = t(busy ? "pull.busy" : "pull.silent");
  const which = { n: attempt, of };
  const when = seconds > 0 ? t("pull.again", { seconds, ...which }) : t("pull.again.now", which);
  return `${why} ${when}`;
}
