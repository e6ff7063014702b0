import type { Message as Turn } from "@ingle/engine";

import type { Context } from "./context.js";
import type { Setup } from "./history/types.js";
import { t } from "./i18n/index.js";
import type { ChatModel } from "./model.js";

/** A summary is for instructions, which are read again with every answer. */
const SUMMARY_TOKENS = 256;

/** What was said, in a few sentences by the model; of what it can still read. */
export async function summarize(
  model: ChatModel,
  context: Context,
  turns: readonly Turn[],
  setup: Setup,
): Promise<string> {
  const asked: Turn = { role: "user", content: t("ctx.summary.prompt") };
  const { turns: fitted } = await context.fit(model, [...turns, asked]);
  const short: Setup = { ...setup, maxTokens: SUMMARY_TOKENS, schema: "", think: false };
  const { signal } = new AbortController();
  let text = "";
  for await (const piece of model.generate({ messages: fitted, setup: short, signal }))
    text += piece.text;
  return text.trim();
}
