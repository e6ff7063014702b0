import { announce } from "./announce.js";
import { t } from "./i18n/index.js";

const COPIED_MS = 1_500;

/**
 * Copies and says so in place, without changing a button's width; where the clipboard is refused it
 * says what to press instead.
 */
export async function copyText(
  value: string,
  label: HTMLElement,
  button?: HTMLElement,
): Promise<void> {
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(value);
    label.textContent = t("copied");
    announce(t("say.copied"));
  } catch {
    label.textContent = t("copy.refused");
    if (button) button.title = t("copy.refused");
  }
  button?.firstElementChild?.classList.replace("i-copy", "i-ok");
  setTimeout(() => {
    label.textContent = before;
    button?.firstElementChild?.classList.replace("i-ok", "i-copy");
  }, COPIED_MS);
}
