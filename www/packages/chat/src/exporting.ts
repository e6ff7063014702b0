import type { History } from "./history/history.js";
import { Tree } from "./history/tree.js";
import { type Chat, EXPORT_VERSION, type Export, type Message } from "./history/types.js";
import { t } from "./i18n/index.js";

/** A browser begins to read what is saved after the click, and may ask where to put it first. */
const READ_MS = 60_000;

/** Hands a text to the browser to save. */
export function saveFile(name: string, type: string, text: string): void {
  saveBlob(name, new Blob([text], { type }));
}

/** Hands bytes to the browser to save. */
export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
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
