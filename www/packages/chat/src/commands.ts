import type { ChatDesk } from "./desk.js";
import { t } from "./i18n/index.js";
import type { Command } from "./palette.js";
import type { Shelf } from "./shelf.js";

interface Parts {
  readonly desk: ChatDesk;
  readonly shelf: Shelf;
  newChat(): void;
}

const go = (page: string) => () => {
  location.hash = `#/${page}`;
};

/** What Ctrl K offers besides chats and models. */
export function commands({ desk, shelf, newChat }: Parts): Command[] {
  return [
    { label: t("chat.new"), keys: "Ctrl Shift O", icon: "plus", run: newChat },
    { label: t("model.choose"), icon: "cube", run: () => shelf.openSwitcher() },
    { label: t("setup.title"), icon: "tune", run: () => desk.openSetup() },
    { label: t("copy.last"), icon: "copy", run: () => desk.copyLast() },
    { label: t("models"), icon: "cube", run: go("models") },
    { label: t("bench"), icon: "bars", run: go("bench") },
    { label: t("doctor"), icon: "ok", run: go("doctor") },
    { label: t("privacy"), icon: "safe", run: go("privacy") },
    { label: t("settings"), icon: "gear", run: go("settings") },
    { label: t("keys"), keys: "Ctrl /", icon: "tune", run: go("keys") },
  ];
}

/** The box's own commands, with the names of the command line. True if `line` was one. */
export function runTyped(line: string, { desk, shelf, newChat }: Parts): boolean {
  const known: Readonly<Record<string, () => void>> = {
    "/new": newChat,
    "/bye": newChat,
    "/model": () => shelf.openSwitcher(),
    "/set": () => desk.openSetup(),
    "/save": () => void desk.saveCurrent("markdown"),
    "/?": go("keys"),
  };
  const run = known[line.split(/\s/, 1)[0] ?? ""];
  run?.();
  return run !== undefined;
}
