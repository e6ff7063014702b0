import type { ModelDetails, Models, StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { button, el, icon, openDialog } from "../dom.js";
import { saveBlob } from "../exporting.js";
import { bytes, nameShown, percent } from "../format.js";
import { number, t, when } from "../i18n/index.js";
import { saidOf } from "../i18n/said.js";
import { menuButton, type MenuItem } from "../menu.js";
import { openTemplates } from "../templates/dialog.js";

interface CardActions {
  chat(model: StoredModel): void;
  remove(model: StoredModel): void;
  /** Asks how much smaller a copy shall be. */
  smaller(model: StoredModel, library: Models): void;
  /** Asks how its quality shall be measured. */
  judge(model: StoredModel): void;
  /** Gets a damaged model again, from `ref`. */
  repair(model: StoredModel, ref: string): void;
}

/** A stored model: what it is, what it takes, and what can be done with it. */
export function modelCard(
  model: StoredModel,
  inUse: boolean,
  library: Models | null,
  actions: CardActions,
): HTMLElement {
  const title = nameShown(model.name.replace(/\.gguf$/i, ""));
  const facts = el("p", { class: "facts num" }, summary(model));
  const state = el("p", { class: "facts num", role: "status" });
  const chat = el(
    "button",
    {
      class: "b b-sm use",
      type: "button",
      title: model.name,
      onclick: () => actions.chat(model),
    },
    t("chat.with"),
  );
  if (inUse) chat.setAttribute("aria-current", "true");
  const remove = el(
    "button",
    {
      class: "b b-bare b-sm",
      type: "button",
      "aria-label": t("model.delete.name", { name: model.name, size: bytes(model.size) }),
      onclick: () => actions.remove(model),
    },
    icon("trash"),
    t("model.delete", { size: bytes(model.size) }),
  );
  const more = library
    ? [menuButton(t("more.model", { name: title }), () => items(model, library, state, actions))]
    : [];
  const used = inUse ? [el("span", { class: "chip note" }, t("model.inuse"))] : [];
  return el(
    "li",
    { class: "card", "data-ui": "model.card", "aria-label": title },
    el("div", { class: "head" }, el("h3", {}, title), ...used),
    facts,
    state,
    el("div", { class: "do" }, chat, remove, ...more),
  );
}

function summary({ size, details, usedAt }: StoredModel): string {
  const parts = [
    bytes(size),
    details?.parameterSize ?? "",
    details?.quantizationLevel ?? "",
    usedAt ? t("model.used", { when: when(usedAt, { dateStyle: "medium" }) }) : "",
  ];
  return parts.filter((part) => part !== "" && part !== "unknown").join(" · ");
}

function items(
  model: StoredModel,
  library: Models,
  state: HTMLElement,
  actions: CardActions,
): MenuItem[] {
  return [
    { label: t("details"), run: () => void showDetails(model, library) },
    { label: t("smaller"), run: () => actions.smaller(model, library) },
    { label: t("judge"), run: () => actions.judge(model) },
    { label: t("model.check"), run: () => void check(model, library, state, actions) },
    { label: t("model.save"), run: () => void save(model, library, state) },
  ];
}

/** Reads every byte again; says what it found, and offers a repair. */
async function check(
  model: StoredModel,
  library: Models,
  state: HTMLElement,
  actions: CardActions,
): Promise<void> {
  const onProgress = ({ loaded, total }: { loaded: number; total: number | null }) => {
    state.textContent = t("pull.checking", { share: percent(loaded, total ?? model.size) });
  };
  try {
    const { good, files } = await library.verify(model.name, { onProgress });
    const bad = files.filter((file) => !file.good);
    const size = bytes(bad.reduce((sum, file) => sum + file.size, 0));
    const words = good
      ? t("model.checked", { size: bytes(model.size) })
      : t("model.damaged", { n: bad.length, m: files.length, size });
    state.textContent = words;
    announce(words, good ? "polite" : "urgent");
    const ref = referenceOf(model);
    if (good || ref === null) return;
    const onclick = () => actions.repair(model, ref);
    const repair = el("button", { class: "b b-sm b-main", type: "button", onclick });
    repair.textContent = t("model.repair");
    state.append(" ", repair);
  } catch (error) {
    state.textContent = saidOf(error);
  }
}

/** Where it can be got again; null for a file that a person chose. */
function referenceOf({ name, sources }: StoredModel): string | null {
  if (sources.length === 0) return name; // of a registry
  return sources.find((source) => /^https?:/.test(source)) ?? null;
}

async function save(model: StoredModel, library: Models, state: HTMLElement): Promise<void> {
  try {
    const file = await library.file(model.name);
    saveBlob(file instanceof File ? file.name : `${model.name}.gguf`, file);
  } catch (error) {
    state.textContent = saidOf(error);
  }
}

async function showDetails(model: StoredModel, library: Models): Promise<void> {
  const about = await library.show(model.name);
  const rows = detailRows(about).map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, el("bdi", {}, value))),
  );
  const parts = [el("table", { class: "ledger" }, el("tbody", {}, ...rows))];
  const texts: [string, string | null][] = [
    [t("model.template"), about.template],
    [t("model.license"), about.license],
  ];
  for (const [name, text] of texts) if (text) parts.push(folded(name, text) as never);
  const choose = () => {
    dialog.close();
    void openTemplates(library, model.name);
  };
  const words = t(about.template ? "template.other.choose" : "template.choose");
  const dialog = openDialog(
    nameShown(model.name),
    ...parts,
    el("div", { class: "do" }, button(words, choose, "", "template.choose")),
  );
}

function folded(name: string, text: string): HTMLElement {
  const pre = el("pre", { tabindex: 0, class: "raw", "aria-label": name }, text);
  return el("details", {}, el("summary", {}, name), pre);
}

function detailRows(about: ModelDetails): [string, string][] {
  const { metadata, details, digest, modifiedAt, files, sources } = about;
  const arch = String(metadata["general.architecture"] ?? details?.family ?? "");
  const context = metadata[`${arch}.context_length`];
  const rows: [string, string][] = [
    [t("model.family"), arch],
    [t("model.parameters"), details?.parameterSize ?? ""],
    [t("model.type"), details?.quantizationLevel ?? ""],
    [t("model.context"), typeof context === "number" ? number(context) : ""],
    [t("model.size"), bytes(about.size)],
    [t("model.fingerprint"), (digest ?? "").replace("sha256:", "").slice(0, 12)],
    [t("model.added"), modifiedAt ? when(modifiedAt, { dateStyle: "medium" }) : ""],
    [t("model.files"), files.length > 1 ? String(files.length) : ""],
    [t("model.source"), sources?.join(", ") ?? ""],
  ];
  return rows.filter(([, value]) => value !== "" && value !== "unknown");
}
