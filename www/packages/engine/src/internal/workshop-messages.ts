/** The messages between a page and its workshop. A workshop does one thing and ends. */

import type { QuantizeChoices, QuantizePlan, QuantizeProgress } from "../public/quantize.js";
import type { ErrorBody } from "./protocol.js";

export interface WorkshopSettings {
  readonly type: string;
  readonly as?: string;
  readonly requantize?: boolean;
}

/** What can be asked, and what it gives. */
export interface WorkshopCalls {
  choices: { body: { readonly name: string }; result: QuantizeChoices };
  plan: {
    body: { readonly name: string; readonly settings: WorkshopSettings };
    result: QuantizePlan;
  };
  /** Gives the new model's name. */
  quantize: {
    body: { readonly name: string; readonly settings: WorkshopSettings };
    result: string;
  };
}

export type WorkshopCallName = keyof WorkshopCalls;

type Call = {
  [K in WorkshopCallName]: { readonly type: K } & WorkshopCalls[K]["body"];
}[WorkshopCallName];

/** A call comes once. `lock` is held until the worker ends, in whatever way. */
export type WorkshopRequest =
  | { readonly call: Call; readonly lock: string }
  | { readonly cancel: true };

export type WorkshopReply =
  /** The lock is held: a page that gets it knows that the worker is gone. */
  | { readonly held: true }
  | { readonly progress: QuantizeProgress }
  | { readonly result: WorkshopCalls[WorkshopCallName]["result"] }
  | { readonly error: ErrorBody };
