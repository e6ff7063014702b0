import type { StoredModel } from "@ingle/engine";

import { type Action, choiceCard, noteCard, toPage } from "./cards.js";
import { byId } from "./dom.js";
import type { Opened } from "./history/protocol.js";
import { t, tn } from "./i18n/index.js";
import { iconButton } from "./message.js";
import { tallyLoss } from "./tally.js";

/** Notes above the box about what is kept here: they stay until they are closed. */

/**
 * What there is to say about the chats that were found, and those that were not. `save` writes the
 * chat on the screen into a file.
 */
export function sayOpened(
  opened: Opened,
  chats: number,
  models: readonly StoredModel[],
  save: () => void,
): void {
  const say = (code: string, title: string, text: string, actions: readonly Action[]) =>
    void bar(noteCard(title, text, { code, actions }));
  if (opened.newer) {
    const update = { label: t("way.update"), run: () => location.reload() };
    say("store.newer", t("store.newer"), t("store.newer.text"), [update]);
  } else if (opened.rebuilt !== null) bar(noteCard(tn("rebuilt", opened.rebuilt), ""));
  else if (opened.kind === "memory") {
    const ways = [{ label: t("way.save"), run: save }];
    say("store.memory", t("private.window"), t("private.text"), ways);
  }
  const lost = tallyLoss(chats, models);
  if (lost) say("store.evicted", t("store.evicted"), lost, afterEviction());
}

function afterEviction(): Action[] {
  return [
    toPage(t("way.models"), "models"),
    toPage(t("way.import"), "settings"),
    toPage(t("way.prevent"), "settings"),
  ];
}

/** Whether it was said that nothing outlives this window. */
export function isMemorySaid(): boolean {
  return byId("bars").querySelector('[data-ui="alert.store.memory"]') !== null;
}

/** Nothing more can be kept; `save` writes the chat into a file. */
export function sayFull(save: () => void): void {
  const ways = [toPage(t("free.space"), "models"), { label: t("way.save"), run: save }];
  byId("over").replaceChildren(
    choiceCard("store.chat", t("store.chat"), t("store.chat.text"), ways),
  );
}

/** Shows a note above the box until it is closed; what it returns closes it. */
export function bar(card: HTMLElement): () => void {
  const away = () => card.remove();
  const close = iconButton("x", t("close"), away);
  close.classList.add("bar-close");
  card.append(close);
  byId("bars").append(card);
  return away;
}
