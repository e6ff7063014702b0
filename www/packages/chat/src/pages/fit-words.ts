import type { Fit } from "@ingle/engine";

import { bytes } from "../format.js";
import { number, t } from "../i18n/index.js";

/** The planner's verdict as it is shown: two of its tight fits have a word of their own. */
export type Word = Fit["verdict"] | "less" | "processor";

/** English words that a token stands for, on average. */
const WORDS_PER_TOKEN = 0.75;

export function wordOf(fit: Fit): Word {
  if (fit.verdict !== "tight") return fit.verdict;
  if (isOnProcessor(fit)) return "processor";
  return isShorter(fit) ? "less" : "tight";
}

/** There is a graphics chip, and it has not enough room. */
const isOnProcessor = ({ device, has }: Fit) => device === "cpu" && has.device !== null;
const isShorter = ({ contextLength, wishedContextLength }: Fit) =>
  contextLength < wishedContextLength;

/** The verdict and its sum in words; the parts add up to the need within rounding. */
export function fitSentence(fit: Fit): string {
  const { needs, has, verdict, device, contextLength, nearest } = fit;
  const room = verdict === "storage" ? has.storage : device === "gpu" ? has.device : has.memory;
  if (room === null) return fit.sentence;
  if (verdict === "storage")
    return t("fit.storage.text", { need: bytes(needs.storage), have: bytes(room) });
  const values = {
    need: bytes(needs.total),
    have: bytes(room),
    weights: bytes(needs.weights),
    context: bytes(needs.context),
    tokens: number(contextLength),
    scratch: bytes(needs.scratch),
  };
  if (verdict === "no")
    return t("fit.no.text", values) + (nearest ? ` ${t("fit.nearest", { nearest })}` : "");
  const words = Math.floor((contextLength * WORDS_PER_TOKEN) / 100) * 100;
  const wished = number(fit.wishedContextLength);
  return [
    ...(verdict === "tight" && isOnProcessor(fit) ? [t("fit.processor.text")] : []),
    ...(verdict === "tight" && isShorter(fit)
      ? [t("fit.less.text", { tokens: values.tokens, wished, words: number(words) })]
      : []),
    t("fit.text", values),
    ...(wordOf(fit) === "tight" ? [t("fit.tight.text")] : []),
  ].join(" ");
}
