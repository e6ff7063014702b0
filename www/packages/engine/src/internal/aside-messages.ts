/** The messages between a page and a worker that does one piece of work and ends. */

import type { ErrorBody } from "./protocol.js";

/** What a worker can be asked: what it is given, how far it says it is, and what it gives. */
export type AsideCalls<Calls> = {
  [K in keyof Calls]: { body: object; progress: unknown; result: unknown };
};

/** How far some work is. */
export type AsideProgress<Calls extends AsideCalls<Calls>> = Calls[keyof Calls]["progress"];
/** What some work gives. */
export type AsideResult<Calls extends AsideCalls<Calls>> = Calls[keyof Calls]["result"];

export type AsideCall<Calls extends AsideCalls<Calls>> = {
  [K in keyof Calls]: { readonly type: K } & Calls[K]["body"];
}[keyof Calls];

/** A call comes once. `lock` is held until the worker ends, in whatever way. */
export type AsideRequest<Calls extends AsideCalls<Calls>> =
  | { readonly call: AsideCall<Calls>; readonly lock: string }
  | { readonly cancel: true };

export type AsideReply<Calls extends AsideCalls<Calls>> =
  /** The lock is held: a page that gets it knows that the worker is gone. */
  | { readonly held: true }
  | { readonly progress: AsideProgress<Calls> }
  | { readonly result: AsideResult<Calls> }
  | { readonly error: ErrorBody };
