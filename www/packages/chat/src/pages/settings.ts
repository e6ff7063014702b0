import { snapshots } from "@ingle/engine";

import type { ChatDesk } from "../desk.js";
import { byId, el } from "../dom.js";
import { saveFile } from "../exporting.js";
import type { Host } from "../host.js";
import { IMPORT_BYTES_MAX } from "../history/exchange.js";
import { bytes } from "../format.js";
import { type Key, LANGUAGES, language, t, tn } from "../i18n/index.js";
import { offlineState } from "../offline/register.js";
import type { Page } from "../router.js";
import { defaultSetup, type Prefs, prefs, saveDefaultSetup, savePrefs } from "../settings.js";

type Choice = readonly (readonly [string, string])[];

/** The page at `#/settings`: groups of lines, each with its current value. */
export class SettingsPage implements Page {
  readonly title = "settings";
  readonly #host: Host;
  readonly #desk: ChatDesk;

  constructor(host: Host, desk: ChatDesk) {
    this.#host = host;
    this.#desk = desk;
    byId<HTMLInputElement>("chats-file").addEventListener("change", (event) => {
      const input = event.target as HTMLInputElement;
      const file = input.files?.[0];
      input.value = "";
      if (file) void this.#import(file);
    });
  }

  show(node: HTMLElement): void {
    const find = el("input", {
      type: "search",
      placeholder: t("settings.find"),
      "aria-label": t("settings.find"),
    });
    const groups = [
      group("settings.look", ...this.#look()),
      group("settings.chat", ...this.#chat()),
      group("settings.models", ...this.#models()),
      group("settings.chats", ...this.#chats()),
    ];
    find.addEventListener("input", () => filter(groups, find.value));
    node.replaceChildren(
      el(
        "div",
        { class: "col settings" },
        el("h1", {}, t("settings")),
        el("div", { class: "field" }, find),
        ...groups,
      ),
    );
  }

  #look(): HTMLElement[] {
    const languages: Choice = [["", t("as.browser")], ...Object.entries(LANGUAGES)];
    const change = (value: string) => {
      prefs.language = value === "" ? null : value;
      savePrefs();
      location.reload(); // every word on the page is another one
    };
    const chosen = prefs.language === null ? "" : language();
    return [
      select("theme", [
        ["system", t("theme.system")],
        ["light", t("theme.light")],
        ["dark", t("theme.dark")],
      ]),
      choice("set.language", languages, chosen, change),
      choice(
        "set.size",
        [90, 100, 110, 125, 150].map((n) => [String(n), `${n}%`] as const),
        String(prefs.textSize),
        (value) => {
          prefs.textSize = Number(value);
          savePrefs();
        },
      ),
      toggle("follow"),
      select("figures", [
        ["all", t("figures.all")],
        ["speed", t("figures.speed")],
        ["none", t("figures.none")],
      ]),
      toggle("calm"),
    ];
  }

  #chat(): HTMLElement[] {
    const box = el("textarea", { rows: 3, dir: "auto" });
    box.value = defaultSetup().instructions;
    box.addEventListener("change", () =>
      saveDefaultSetup({ ...defaultSetup(), instructions: box.value }),
    );
    return [
      select("enter", [
        ["sends", t("enter.sends")],
        ["newline", t("enter.newline")],
      ]),
      select("reading", [
        ["done", t("reading.done")],
        ["written", t("reading.written")],
        ["short", t("reading.short")],
      ]),
      el("label", { class: "field" }, t("set.instructions"), box),
    ];
  }

  #models(): HTMLElement[] {
    const offline = { ready: "offline.ready", waiting: "offline.waiting", none: "offline.none" };
    const keep = el("button", { class: "b b-sm", type: "button" }, t("persist"));
    const said = el("span", { class: "facts", role: "status" });
    keep.addEventListener("click", () => {
      void navigator.storage.persist().then((kept) => {
        said.textContent = t(kept ? "persist.yes" : "persist.no");
      });
    });
    return [
      toggle("reload"),
      ...this.#remember(),
      line("offline", t(offline[offlineState()] as Key)),
      line("set.device", this.#host.info?.adapter || this.#host.info?.device || "–"),
      el("div", { class: "do" }, keep, said),
    ];
  }

  /** With its room on disk, which may be given back at any time. */
  #remember(): HTMLElement[] {
    const room = el("span", { class: "facts grow", role: "status" });
    const free = el("button", { class: "b b-sm", type: "button" }, t("remember.free"));
    const show = async () => {
      const { count, bytes: n } = await snapshots.use();
      free.disabled = count === 0;
      room.textContent =
        count === 0 ? t("remember.none") : tn("remember.room", count, { size: bytes(n) });
    };
    free.addEventListener("click", () => void snapshots.clear().then(show));
    void show();
    return [
      toggle("remember"),
      el("p", { class: "setting-line", "data-ui": "settings.remember" }, room, free),
    ];
  }

  #chats(): HTMLElement[] {
    const save = (files: boolean) => async () => {
      const text = await this.#desk.history.export(files);
      saveFile("ingle-chats.json", "application/json", text);
    };
    const button = (key: Key, run: () => void) =>
      el("button", { class: "b b-sm", type: "button", onclick: run }, t(key));
    return [
      el(
        "div",
        { class: "do" },
        button("export.all", () => void save(true)()),
        button("export.texts", () => void save(false)()),
        button("import", () => byId("chats-file").click()),
      ),
      el("p", { class: "facts", id: "import-said", role: "status" }, t("import.about")),
    ];
  }

  async #import(file: File): Promise<void> {
    const said = byId("import-said");
    if (file.size > IMPORT_BYTES_MAX) {
      const sizes = { size: bytes(file.size), max: bytes(IMPORT_BYTES_MAX) };
      said.textContent = t("import.large", sizes);
      return;
    }
    try {
      const { added, skipped } = await this.#desk.history.import(await file.text());
      said.textContent = [
        tn("import.added", added),
        ...(skipped > 0 ? [tn("import.skipped", skipped)] : []),
      ].join(" ");
    } catch (error) {
      const known = ["not-json", "newer", "no-chats"];
      const { message } = error as Error;
      said.textContent = t(
        known.includes(message) ? (`import.${message}` as Key) : "import.failed",
      );
    }
  }
}

function group(title: Key, ...rows: HTMLElement[]): HTMLElement {
  return el(
    "section",
    { class: "card", "aria-label": t(title) },
    el("h2", {}, t(title)),
    ...rows,
  );
}

function line(label: Key, value: string): HTMLElement {
  const name = el("span", { class: "grow" }, t(label));
  return el("p", { class: "setting-line" }, name, el("span", { class: "facts" }, value));
}

function choice(
  label: Key,
  options: Choice,
  value: string,
  change: (value: string) => void,
): HTMLElement {
  const box = el(
    "select",
    {},
    ...options.map(([value, words]) => el("option", { value }, words)),
  );
  box.value = value;
  box.addEventListener("change", () => change(box.value));
  return el("label", { class: "setting-line" }, el("span", { class: "grow" }, t(label)), box);
}

/** A preference with some values. */
function select(name: "theme" | "figures" | "enter" | "reading", options: Choice): HTMLElement {
  return choice(`set.${name}`, options, prefs[name], (value) => {
    (prefs as unknown as Record<string, string>)[name] = value;
    savePrefs();
  });
}

/** A preference that is on or off. */
function toggle(name: keyof Prefs & ("follow" | "calm" | "reload" | "remember")): HTMLElement {
  const box = el("input", { type: "checkbox", checked: prefs[name] });
  box.addEventListener("change", () => {
    prefs[name] = box.checked;
    savePrefs();
  });
  return el("label", { class: "check" }, box, t(`set.${name}`));
}

function filter(groups: readonly HTMLElement[], query: string): void {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  for (const node of groups) {
    const rows = [...node.children].slice(1) as HTMLElement[];
    for (const row of rows) {
      const text = row.textContent?.toLowerCase() ?? "";
      row.hidden = !words.every((word) => text.includes(word));
    }
    node.hidden = rows.every(({ hidden }) => hidden);
  }
}
