import { el, icon } from "./dom.js";

export interface MenuItem {
  readonly label: string;
  readonly run: () => void;
  /** What the item does cannot be seen any more afterwards. */
  readonly danger?: boolean;
}

/** Distance between a button and its menu. */
const GAP_PX = 4;

/**
 * A "⋯" button with a menu: arrow keys inside, Esc and a press outside close it, and the button
 * gets the focus back. The items are made when it opens, so they say what holds then.
 */
export function menuButton(label: string, items: () => MenuItem[], small = true): HTMLElement {
  const button = el(
    "button",
    {
      class: `b b-bare b-icon${small ? " b-sm" : ""}`,
      type: "button",
      "aria-label": label,
      title: label,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: () => openMenu(button, label, items()),
    },
    icon("more"),
  );
  return button;
}

export function openMenu(opener: HTMLElement, label: string, items: MenuItem[]): void {
  const buttons = items.map(({ label, run, danger }) =>
    el(
      "button",
      {
        class: `b b-bare${danger ? " danger" : ""}`,
        type: "button",
        role: "menuitem",
        tabindex: -1,
        onclick: () => {
          close(true);
          run();
        },
      },
      label,
    ),
  );
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" });
  menu.append(...buttons);
  const close = (refocus: boolean) => {
    if (!menu.isConnected) return;
    menu.remove();
    opener.setAttribute("aria-expanded", "false");
    if (refocus && opener.isConnected) opener.focus();
  };
  menu.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState === "closed")
      close(menu.contains(document.activeElement));
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Tab") return close(false);
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape") close(true);
    else if (next === undefined) return;
    else buttons.at(next % buttons.length)?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  // Inside the dialog that is open, if there is one: what is outside of it cannot be reached.
  (opener.closest("dialog") ?? document.body).append(menu);
  opener.setAttribute("aria-expanded", "true");
  menu.showPopover();
  place(menu, opener);
  buttons[0]?.focus();
}

/** Below the button, or above it where there is no room; never outside of the window. */
function place(menu: HTMLElement, opener: HTMLElement): void {
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP_PX;
  const top = below + height <= innerHeight ? below : Math.max(GAP_PX, at.top - GAP_PX - height);
  const rtl = getComputedStyle(opener).direction === "rtl";
  const left = rtl ? at.right - width : at.left;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.min(Math.max(GAP_PX, left), innerWidth - width - GAP_PX)}px`;
}
