import css from "./sheet.css?raw";

/** The look of the panel; tokens as in the chat page. */
export const SHEET = new CSSStyleSheet();
// A constructed sheet needs no leave of the page's policy for styles.
SHEET.replaceSync(css);
