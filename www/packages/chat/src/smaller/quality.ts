import type { Key } from "../i18n/index.js";

/** The plain words for how good a type is. */
export type Quality = "exact" | "nearly" | "very" | "balanced" | "small" | "tiny";

/** What is offered first; the others are behind "All types". */
export const USUAL = ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"];
/** What is chosen unless a person chooses otherwise. */
export const FIRST = "Q4_K_M";

export function qualityOf(type: string): Quality {
  if (/^B?F/.test(type)) return "exact";
  if (type.startsWith("Q8")) return "nearly";
  if (/^Q[56]/.test(type)) return "very";
  if (/^(I?Q4|MXFP4)/.test(type)) return "balanced";
  return type.startsWith("Q3") ? "small" : "tiny";
}

export const qualityWord = (type: string): Key => `quality.${qualityOf(type)}`;
export const qualityText = (type: string): Key => `quality.${qualityOf(type)}.text`;
