/** What the service worker and a page with an engine say to each other. */

/** The service worker asks a page; the answer comes over the port that is sent along. */
export interface Asked {
  readonly type: "ingle:fetch";
  readonly method: string;
  /** From the root of the service worker's scope, with the query. */
  readonly path: string;
  readonly headers: [string, string][];
  readonly payload: Blob | null;
  /**
   * So many chunks may come unread; a service worker of an earlier version, which says nothing of
   * it, takes all.
   */
  readonly window?: number;
}

/** Over the port, from the page: one `head`, any number of `chunk`s, one `end` or `error`. */
export type Answer =
  | { readonly type: "head"; readonly status: number; readonly headers: [string, string][] }
  | { readonly type: "chunk"; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly type: "end" }
  | { readonly type: "error"; readonly message: string };

/** Over the port, to the page: nobody reads the answer any more. */
export type Cancel = "cancel";

/** Over the port, to the page: so many chunks were taken. */
export interface More {
  readonly more: number;
}

/** A page asks the service worker for its own id, over a port. */
export interface Who {
  readonly type: "ingle:who";
}
