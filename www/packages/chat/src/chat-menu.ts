import type { ChatDesk } from "./desk.js";
import { asMarkdown, saveChat } from "./exporting.js";
import { t } from "./i18n/index.js";
import type { MenuItem } from "./menu.js";

/** What can be done with the chat on the screen. */
export function chatItems(desk: ChatDesk): MenuItem[] {
  const { session, history } = desk;
  const { chat, path } = session;
  const setup = { label: t("setup.title"), run: () => desk.openSetup() };
  if (!chat) return [setup];
  const copy = () => void navigator.clipboard.writeText(asMarkdown(chat, path));
  return [
    { label: t("chat.copy"), run: copy },
    { label: t("chat.save.md"), run: () => void saveChat(history, chat, "markdown") },
    { label: t("chat.save.json"), run: () => void saveChat(history, chat, "json") },
    setup,
    { label: t("chat.delete"), run: () => desk.removeChat(chat), danger: true },
  ];
}
