import css from "./shell.css?raw";

/** The look of what stands in the page: the button, and the box of the panel. */
export const SHEET = new CSSStyleSheet();
// A constructed sheet needs no leave of the page's policy for styles.
SHEET.replaceSync(css);
