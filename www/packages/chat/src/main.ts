import { App } from "./app.js";
import { pickLanguage, setLanguage } from "./i18n/index.js";
import { prefs, showPrefs } from "./settings.js";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

// The page's policy forbids scripts from strings. The addresses it makes itself are those of its
// workers, and they must come from where the page came from; HTML from strings has no rule and is
// refused.
(globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("default", {
  createScriptURL(url) {
    if (new URL(url, document.baseURI).origin === location.origin) return url;
    throw new TypeError(`refused to run a script from ${url}`);
  },
});

showPrefs();
setLanguage(pickLanguage(prefs.language));
new App().start();
