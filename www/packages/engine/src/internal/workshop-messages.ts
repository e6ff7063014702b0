/** What a page asks a workshop. */

import type { QuantizeChoices, QuantizePlan, QuantizeProgress } from "../public/quantize.js";

export interface WorkshopSettings {
  readonly type: string;
  readonly as?: string;
  readonly requantize?: boolean;
}

/** What can be asked, and what it gives. */
export interface WorkshopCalls {
  choices: { body: { readonly name: string }; progress: never; result: QuantizeChoices };
  plan: {
    body: { readonly name: string; readonly settings: WorkshopSettings };
    progress: never;
    result: QuantizePlan;
  };
  /** Gives the new model's name. */
  quantize: {
    body: { readonly name: string; readonly settings: WorkshopSettings };
    progress: QuantizeProgress;
    result: string;
  };
}
