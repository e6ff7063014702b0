import { chatDe } from "./de-chat.js";
import { codesDe } from "./de-codes.js";
import { judgeDe } from "./de-judge.js";
import { modelsDe } from "./de-models.js";
import { pagesDe } from "./de-pages.js";
import { toolsDe } from "./de-tools.js";
import type { Key } from "./en.js";

/** The German words. The compiler refuses a table without a word of the English one. */
export const de: Readonly<Record<Key, string>> = {
  ...chatDe,
  ...codesDe,
  ...judgeDe,
  ...modelsDe,
  ...pagesDe,
  ...toolsDe,
};
