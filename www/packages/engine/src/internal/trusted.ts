/**
 * Workers in pages that demand trusted types (`require-trusted-types-for 'script'`). Such a page
 * refuses every address that is a plain string, and only a policy can make others; but bundlers
 * find a worker only where it says `new Worker(new URL(…))`. So the address stays as it is, and a
 * default policy is made, once, that knows the engine's own scripts and nothing else. Not only
 * after a refusal: that would be a report of the page's policy. A page with a default policy of its
 * own, made before, decides by that; one that demands nothing is not asked about it by the browser.
 */

interface Factory {
  readonly defaultPolicy: unknown;
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string | null },
  ): unknown;
}

/** Where this script lies, and the workers with it, bundled or not. */
const FOLDER = new URL("./", import.meta.url).href;
/** Addresses that the page itself gave for the engine's workers. */
const given = new Set<string>();

/** Makes a worker; `address` is the page's own one, if it gave one. */
export function makeWorker(make: () => Worker, address?: string | URL): Worker {
  const { trustedTypes } = globalThis as { trustedTypes?: Factory };
  if (address !== undefined) given.add(absolute(address));
  if (trustedTypes && !trustedTypes.defaultPolicy) trust(trustedTypes);
  return make();
}

function trust(types: Factory): void {
  const createScriptURL = (url: string) => {
    const href = absolute(url);
    return href.startsWith(FOLDER) || given.has(href) ? url : null;
  };
  try {
    types.createPolicy("default", { createScriptURL });
  } catch {
    // The page allows no such policy: what it says to the worker's address is told as any refusal.
  }
}

function absolute(url: string | URL): string {
  return new URL(url, globalThis.location.href).href;
}
