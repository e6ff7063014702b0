/**
 * A way to a running engine, as the client sees it: the same whether the worker is this page's own
 * or stands behind another tab. A link ends once: by `close`, or by `onLost` when the engine at its
 * other end is gone. What was asked and not answered by then is the client's to ask again.
 */

import type { LossReason } from "../public/types.js";
import type { ErrorBody, Reply, Request } from "./protocol.js";

/** Why an engine is gone. */
export interface Loss {
  readonly reason: LossReason;
  /** For a report. */
  readonly detail: string;
  /** The request that brought the engine down, where that is known, and the error it had. */
  readonly culprit?: { readonly id: number; readonly error: ErrorBody };
  /** It is known to be another client's. */
  readonly isOthers?: boolean;
}

/** What comes out of a link. */
export interface LinkEvents {
  onReply(reply: Reply): void;
  onLost(loss: Loss): void;
}

export interface Link {
  /** Throws what the browser throws if the message holds something that cannot be sent. */
  post(message: Request): void;
  close(): void;
}

/** Where links come from. */
export interface Way {
  /** Another tab may load another model: a handle that became stale is then loaded again. */
  readonly isShared: boolean;
  /** A link to a running engine; starts one if there is none. */
  open(events: LinkEvents): Promise<Link>;
  /** Ends this page's part in it. */
  close(): void;
}
