import { el, icon, openDialog } from "./dom.js";
import type { History } from "./history/history.js";
import { t, type Key } from "./i18n/index.js";

/** Time after the last key before texts are searched. */
const SEARCH_MS = 80;
const HITS_MAX = 30;

export interface Command {
  readonly label: string;
  /** Keys that do the same. */
  readonly keys?: string;
  readonly icon: string;
  readonly run: () => void;
}

interface Sources {
  readonly history: History;
  readonly commands: readonly Command[];
  readonly models: readonly Command[];
  openChat(chat: string, message: string | null): void;
}

interface Row {
  readonly node: HTMLElement;
  readonly run: () => void;
}

/** Ctrl K: chats by their titles and texts, models, pages and commands, in one list. */
export function openPalette(sources: Sources): void {
  const input = el("input", {
    type: "text",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "found",
    "aria-label": t("search"),
    placeholder: t("search.hint"),
    autocomplete: "off",
  });
  const list = el("div", { id: "found", role: "listbox", "aria-label": t("search.found") });
  const status = el("p", { class: "facts", role: "status" });
  const dialog = openDialog(t("search"), input, list, status);
  dialog.classList.add("palette");
  let rows: Row[] = [];
  let at = 0;
  const mark = (to: number) => {
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows.forEach(({ node }, i) => node.setAttribute("aria-selected", String(i === at)));
    const node = rows[at]?.node;
    if (node) input.setAttribute("aria-activedescendant", node.id);
    node?.scrollIntoView({ block: "nearest" });
  };
  const run = (row: Row | undefined) => {
    if (!row) return;
    dialog.close();
    row.run();
  };
  let asked = 0;
  const show = async () => {
    const query = input.value.trim();
    const number = (asked += 1);
    const groups = await found(sources, query);
    if (number !== asked) return; // a newer question is on its way
    rows = groups.flatMap(({ rows }) => rows);
    rows.forEach((row, i) => {
      row.node.id = `found-${i}`;
      row.node.onclick = () => run(row);
    });
    list.replaceChildren(
      ...groups.map(({ title, rows }) =>
        el(
          "div",
          { role: "group", "aria-label": t(title) },
          el("h3", { "aria-hidden": "true" }, t(title)),
          ...rows.map(({ node }) => node),
        ),
      ),
    );
    status.textContent = rows.length === 0 ? t("search.none", { q: query }) : "";
    mark(0);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void show(), SEARCH_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter") {
      clearTimeout(timer);
      void show().then(() => run(rows[at]));
    } else return;
    event.preventDefault();
  });
  input.focus();
  // The keeper reads all texts while the first word is typed.
  void sources.history.search("");
  void show();
}

interface Group {
  readonly title: Key;
  readonly rows: Row[];
}

async function found(sources: Sources, query: string): Promise<Group[]> {
  const groups: Group[] = [
    { title: "search.chats", rows: await chatRows(sources, query) },
    { title: "search.models", rows: commandRows(sources.models, query) },
    { title: "search.commands", rows: commandRows(sources.commands, query) },
  ];
  return groups.filter(({ rows }) => rows.length > 0);
}

async function chatRows({ history, openChat }: Sources, query: string): Promise<Row[]> {
  if (query === "")
    return history.chats.slice(0, 6).map(({ id, title }) => ({
      node: option("speech", [title || t("chat.untitled")]),
      run: () => openChat(id, null),
    }));
  const hits = await history.search(query, HITS_MAX);
  return hits.map(({ chat, message, title, around: [before, hit, after] }) => {
    const words = [before, el("mark", {}, hit), after];
    const parts =
      message === null
        ? [el("span", {}, ...words)]
        : [title, el("small", { dir: "auto" }, ...words)];
    return { node: option("speech", parts), run: () => openChat(chat, message) };
  });
}

function commandRows(commands: readonly Command[], query: string): Row[] {
  const low = query.toLowerCase();
  return commands
    .filter(({ label }) => label.toLowerCase().includes(low))
    .map(({ label, keys, icon, run }) => ({
      node: option(icon, [label, ...(keys ? [el("kbd", {}, keys)] : [])]),
      run,
    }));
}

function option(name: string, parts: (Node | string)[]): HTMLElement {
  return el("div", { role: "option", class: "option" }, icon(name), el("span", {}, ...parts));
}
