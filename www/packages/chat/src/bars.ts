import type { StoredModel } from "@ingle/engine";

import { choiceCard, noteCard } from "./cards.js";
import { byId } from "./dom.js";
import type { Opened } from "./history/protocol.js";
import { t, tn } from "./i18n/index.js";
import { iconButton } from "./message.js";
import { tallyLoss } from "./tally.js";

/** Notes above the box about what is kept here: they stay until they are closed. */

/** What there is to say about the chats that were found, and those that were not. */
export function sayOpened(opened: Opened, chats: number, models: readonly StoredModel[]): void {
  if (opened.newer) bar(noteCard(t("store.newer"), t("store.newer.text")));
  else if (opened.rebuilt !== null) bar(noteCard(tn("rebuilt", opened.rebuilt), ""));
  else if (opened.kind === "memory") bar(noteCard(t("private.window"), t("private.text")));
  const lost = tallyLoss(chats, models);
  if (lost) bar(noteCard(t("store.evicted"), lost));
}

/** Nothing more can be kept; `save` writes the chat into a file. */
export function sayFull(save: () => void): void {
  const free = { label: t("free.space"), run: () => (location.hash = "#/models") };
  const ways = [free, { label: t("chat.save.md"), run: save }];
  byId("over").replaceChildren(
    choiceCard("store.chat", t("store.chat"), t("store.chat.text"), ways),
  );
}

function bar(card: HTMLElement): void {
  const close = iconButton("x", t("close"), () => card.remove());
  close.classList.add("bar-close");
  card.append(close);
  byId("bars").append(card);
}
