import { el } from "../dom.js";
import { type Key, t } from "../i18n/index.js";
import type { Page } from "../router.js";

/** Keys, and what they do; the same as in `keys.ts`, `composer.ts` and `sidebar.ts`. */
const KEYS: readonly (readonly [string, Key])[] = [
  ["Enter", "keys.send"],
  ["Shift Enter", "keys.line"],
  ["Ctrl Enter", "keys.send.always"],
  ["Esc", "keys.esc"],
  ["↑", "keys.up"],
  ["Ctrl K", "keys.search"],
  ["Ctrl Shift O", "keys.new"],
  ["Ctrl /", "keys.help"],
  ["F6 / Shift F6", "keys.region"],
  ["Alt ↑ / Alt ↓", "keys.message"],
  ["Home / End", "keys.ends"],
  ["C, E, R, B", "keys.letters"],
  ["[ / ]", "keys.versions"],
  ["Delete", "keys.delete"],
  ["F2", "keys.rename"],
  ["Ctrl Z", "keys.undo"],
  ["/new /model /set /save /bye", "keys.commands"],
];

/** The page at `#/keys`. */
export class KeysPage implements Page {
  readonly title = "keys";

  show(node: HTMLElement): void {
    const rows = KEYS.map(([keys, what]) =>
      el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, named(keys))), el("td", {}, t(what))),
    );
    node.replaceChildren(
      el(
        "div",
        { class: "col" },
        el("h1", {}, t("keys")),
        el("p", { class: "lead" }, t("keys.lead")),
        el("table", { class: "ledger keys" }, el("tbody", {}, ...rows)),
      ),
    );
  }
}

/** As they are called on the keyboards of this language. */
function named(keys: string): string {
  return keys.replace(/\b(Ctrl|Shift|Delete|Home|End)\b/g, (key) =>
    t(`key.${key.toLowerCase()}` as Key),
  );
}
