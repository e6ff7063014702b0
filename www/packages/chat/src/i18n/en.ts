import { chatEn } from "./en-chat.js";
import { codesEn } from "./en-codes.js";
import { judgeEn } from "./en-judge.js";
import { modelsEn } from "./en-models.js";
import { pagesEn } from "./en-pages.js";
import { toolsEn } from "./en-tools.js";

/** The English words: the table that says which words there are. */
export const en = { ...chatEn, ...codesEn, ...judgeEn, ...modelsEn, ...pagesEn, ...toolsEn };

export type Key = keyof typeof en;
