import { App } from "./app.js";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

// The page's policy forbids scripts from strings. The one address it makes itself is the worker's,
// and that must come from where the page came from; HTML from strings has no rule and is refused.
(globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("default", {
  createScriptURL(url) {
    if (new URL(url, document.baseURI).origin === location.origin) return url;
    throw new TypeError(`refused to run a script from ${url}`);
  },
});

new App().start();
