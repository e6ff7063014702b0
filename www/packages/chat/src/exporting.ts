import type { History } from "./history/history.js";
import { Tree } from "./history/tree.js";
import { type Chat, EXPORT_VERSION, type Export, type Message } from "./history/types.js";
import { t } from "./i18n/index.js";

/** Hands a file to the browser to save. */
export function saveFile(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the blob after the click.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** One branch as Markdown: a heading for the chat, and who said what. */
export function asMarkdown(chat: Chat, path: readonly Message[]): string {
  const parts = path.map(({ role, text, model, files }) => {
    const who = role === "user" ? t("you") : (model ?? t("answer"));
    const list = files.map(({ name }) => `> ${name}\n`).join("");
    return `## ${who}\n\n${list ? `${list}\n` : ""}${text.trim()}\n`;
  });
  return `# ${chat.title}\n\n${parts.join("\n")}`;
}

/** Saves one chat: the branch that is shown to read, or all of it to import again. */
export async function saveChat(
  history: History,
  chat: Chat,
  form: "markdown" | "json",
): Promise<void> {
  const messages = await history.messages(chat.id);
  if (form === "markdown") {
    const path = new Tree(messages, chat.leaf).path();
    return saveFile(fileName(chat.title, "md"), "text/markdown", asMarkdown(chat, path));
  }
  const refs = messages.flatMap((message) => message.files);
  const found = await Promise.all(refs.map(({ id }) => history.file(id)));
  const files = found.filter((file) => file !== null);
  const version = EXPORT_VERSION;
  const data: Export = { ingle: "chats", version, chats: [chat], messages, files };
  saveFile(fileName(chat.title, "json"), "application/json", JSON.stringify(data));
}

/** A name for a file, from a title that may hold anything. */
export function fileName(title: string, ending: string): string {
  const safe = title
    .replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ")
    .replace(/\s+/g, " ")
    .replace(/^\.+/, "")
    .trim();
  return `${safe.slice(0, 60) || "chat"}.${ending}`;
}
