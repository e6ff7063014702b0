import { announce } from "./announce.js";
import { t, tn } from "./i18n/index.js";
import { words } from "./line.js";
import { prefs } from "./settings.js";

/** An answer up to this long is said whole. */
const WHOLE_CHARACTERS = 600;
const AT_ONCE_CHARACTERS = 300;
const GAP_MS = 2_000;
/** Farther behind than this, speech skips ahead. */
const BEHIND_CHARACTERS = 1_200;

/** Tells a screen reader about one answer as a person has chosen: when done, or while written. */
export class Speaker {
  #said = 0;
  #saidAt = 0;

  /** The answer has grown to `text`. */
  grown(text: string): void {
    const now = performance.now();
    if (prefs.reading !== "written" || now - this.#saidAt < GAP_MS) return;
    if (text.length - this.#said > BEHIND_CHARACTERS)
      this.#said = text.length - AT_ONCE_CHARACTERS;
    const rest = text.slice(this.#said, this.#said + AT_ONCE_CHARACTERS);
    const end = Math.max(...[". ", "! ", "? ", "\n", "。"].map((mark) => rest.lastIndexOf(mark)));
    if (end < 0) return;
    const skipped = this.#said > 0 && this.#saidAt === 0 ? "… " : "";
    announce(skipped + spoken(rest.slice(0, end + 1)));
    this.#said += end + 1;
    this.#saidAt = now;
  }

  done(text: string): void {
    if (prefs.reading === "short") return announce(tn("say.ready", words(text)));
    if (prefs.reading === "written") return announce(spoken(text.slice(this.#said)));
    const plain = spoken(text);
    if (plain.length <= WHOLE_CHARACTERS) return announce(plain || t("gen.empty"));
    const first = plain.split(/\n\s*\n/, 1)[0] ?? "";
    announce(`${first} ${tn("say.more", words(plain.slice(first.length)))}`);
  }
}

/** Code is not read out: "code box, Python, 12 lines". */
function spoken(text: string): string {
  return text
    .replace(
      /^```([\w+-]*)[^\n]*\n([\s\S]*?)(^```|$(?![\s\S]))/gm,
      (_, name: string, code: string) =>
        t("say.code", { name: name || t("code"), n: code.split("\n").length - 1 }),
    )
    .trim();
}
