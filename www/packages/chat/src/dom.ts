/** Small helpers: every node of this page is made by `createElement` and `textContent`. */

import { t } from "./i18n/index.js";

type Child = Node | string;

interface Attributes {
  readonly [name: string]: string | number | boolean | ((event: Event) => void) | undefined;
}

/** `el("button", { class: "b", onclick }, "Send")`; `false` and `undefined` leave one out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** A small button of a card. */
export function button(label: string, onclick: () => void, kind = "", ui?: string): HTMLElement {
  return el("button", { class: `b b-sm ${kind}`, type: "button", onclick, "data-ui": ui }, label);
}

/** A drawn icon; hidden from assistive technology, because the text or name beside it says it. */
export function icon(name: string): HTMLSpanElement {
  return el("span", { class: `i i-${name}`, "aria-hidden": "true" });
}

/** Puts `nodes` into `place` where that changes its looks: a press on what is redrawn is lost. */
export function refill(place: Element, nodes: readonly HTMLElement[]): void {
  const html = nodes.map((node) => node.outerHTML).join("");
  if (place.innerHTML !== html) place.replaceChildren(...nodes);
}

/** An element of the static page. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no element #${id}`);
  return node as T;
}

/** Puts `content` into a modal dialog and opens it; the opener gets the focus back. */
export function openDialog(title: string, ...content: Child[]): HTMLDialogElement {
  const close = () => dialog.close();
  const dialog = el(
    "dialog",
    { "aria-label": title, onclose: () => dialog.remove() },
    el(
      "div",
      { class: "inside" },
      el(
        "div",
        { class: "head" },
        el("h2", { class: "grow" }, title),
        el(
          "button",
          { class: "b b-bare b-icon", type: "button", "aria-label": t("close"), onclick: close },
          icon("x"),
        ),
      ),
      ...content,
    ),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(); // outside its content
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** On narrow windows the sidebar opens as a drawer: the same element, lent to a dialog. */
export function openDrawer(): void {
  const side = byId("side");
  const home = document.createComment("the sidebar's place");
  side.replaceWith(home);
  const close = () => dialog.close();
  const dialog = el("dialog", { class: "drawer", "aria-label": t("side") }, side);
  dialog.addEventListener("close", () => {
    home.replaceWith(side);
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => {
    // Outside, or on something that acts: the drawer has done its work.
    const target = event.target as Element;
    const acts = target.closest("button, a") && !target.closest("[aria-haspopup=menu], .menu");
    if (target === dialog || acts) close();
  });
  document.body.append(dialog);
  dialog.showModal();
}
