/** What a page asks a judge. */

import type { JudgeProgress, Perplexity, Validation } from "../public/judge.js";
import type { ModuleWishes } from "./module.js";

export interface JudgeSettings {
  readonly text?: string;
  readonly chunks?: number;
  readonly contextLength?: number;
  readonly weights?: boolean;
}

interface Asked {
  readonly settings: JudgeSettings;
  readonly wishes: ModuleWishes;
}

/** What can be asked, and what it gives. */
export interface JudgeCalls {
  perplexity: {
    body: Asked & { readonly name: string };
    progress: JudgeProgress;
    result: Perplexity;
  };
  validate: {
    body: Asked & { readonly baseline: string; readonly quantized: string };
    progress: JudgeProgress;
    result: Validation;
  };
}
