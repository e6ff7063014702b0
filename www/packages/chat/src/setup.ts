import { el, openDialog } from "./dom.js";
import type { Setup } from "./history/types.js";
import { number, t, tn, type Key } from "./i18n/index.js";
import { presetRow } from "./presets.js";
import { defaultSetup, saveDefaultSetup, SETUP } from "./settings.js";

const LENGTHS = [256, 512, 1024, 4096, 0];
/** Named stops of the slider. */
const STOPS: readonly [number, Key][] = [
  [0.2, "setup.exact"],
  [0.7, "setup.normal"],
  [1.1, "setup.varied"],
];

type NumberName =
  "topP" | "topK" | "minP" | "repeatPenalty" | "presencePenalty" | "frequencyPenalty" | "seed";

interface NumberField {
  readonly name: NumberName;
  readonly label: Key;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

const NUMBERS: readonly NumberField[] = [
  { name: "topP", label: "setup.topP", min: 0, max: 1, step: 0.01 },
  { name: "topK", label: "setup.topK", min: 0, max: 1000, step: 1 },
  { name: "minP", label: "setup.minP", min: 0, max: 1, step: 0.01 },
  { name: "repeatPenalty", label: "setup.repeat", min: 0.5, max: 2, step: 0.05 },
  { name: "presencePenalty", label: "setup.presence", min: -2, max: 2, step: 0.1 },
  { name: "frequencyPenalty", label: "setup.frequency", min: -2, max: 2, step: 0.1 },
  { name: "seed", label: "setup.seed", min: 0, max: 4294967295, step: 1 },
];

interface Sheet {
  readonly setup: Setup;
  /** Called with every change; it holds from the next message on and never reloads the model. */
  change(setup: Setup): void;
  count(text: string): Promise<number | null>;
  /** Context sizes that the model could be loaded with, and the one it has. */
  readonly contexts: readonly number[];
  readonly context: number;
  reload(context: number): void;
  /** What the model takes by itself. */
  readonly creativity: number;
}

/** The sheet of one chat: instructions, creativity and length; the rest under "Details". */
export function openSetup(sheet: Sheet): void {
  let setup = sheet.setup;
  const rows: (() => void)[] = [];
  const set = (change: Partial<Setup>) => {
    setup = { ...setup, ...change };
    sheet.change(setup);
    rows.forEach((show) => show());
  };
  /** A row with a dot where it differs from the defaults, and a way back. */
  const row = (names: readonly (keyof Setup)[], node: HTMLElement, show: () => void) => {
    const back = Object.fromEntries(names.map((name) => [name, SETUP[name]]));
    const reset = el(
      "button",
      { class: "b b-bare b-sm reset", type: "button", onclick: () => set(back) },
      t("setup.reset"),
    );
    const update = () => {
      const differs = names.some((n) => JSON.stringify(setup[n]) !== JSON.stringify(SETUP[n]));
      node.classList.toggle("changed", differs);
      reset.hidden = !differs;
      show();
    };
    rows.push(update);
    return el("div", { class: "setting" }, node, reset);
  };
  const context = { sheet, set, get: () => setup, row };
  openDialog(
    t("setup.title"),
    instructionsRow(context),
    presetRow({ get: () => setup.instructions, set: (instructions) => set({ instructions }) }),
    creativityRow(context),
    lengthRow(context),
    el("details", { class: "more-fields" }, el("summary", {}, t("details")), ...details(context)),
    defaultsButton(context),
  ).classList.add("sheet");
  rows.forEach((show) => show());
}

interface Context {
  readonly sheet: Sheet;
  readonly set: (change: Partial<Setup>) => void;
  readonly get: () => Setup;
  readonly row: (
    names: readonly (keyof Setup)[],
    node: HTMLElement,
    show: () => void,
  ) => HTMLElement;
}

function instructionsRow({ sheet, set, get, row }: Context): HTMLElement {
  const box = el("textarea", {
    rows: 4,
    placeholder: t("setup.instructions.example"),
    dir: "auto",
  });
  const tokens = el("output", { class: "num" });
  box.addEventListener("input", () => set({ instructions: box.value }));
  const show = () => {
    const { instructions } = get();
    if (box.value !== instructions) box.value = instructions;
    void sheet.count(instructions).then((n) => {
      tokens.textContent = n === null || n === 0 ? "" : tn("tokens", n);
    });
  };
  const label = el("span", {}, t("setup.instructions"), " ", tokens);
  const about = el("small", {}, t("setup.instructions.about"));
  return row(["instructions"], el("label", { class: "field" }, label, about, box), show);
}

function creativityRow({ sheet, set, get, row }: Context): HTMLElement {
  const value = el("output", { class: "num" });
  const slider = el("input", { type: "range", min: 0, max: 1.5, step: 0.1 });
  slider.addEventListener("input", () => set({ creativity: Number(slider.value) }));
  const stops = STOPS.map(([at, name]) =>
    el(
      "button",
      { class: "b b-sm", type: "button", onclick: () => set({ creativity: at }) },
      t(name),
    ),
  );
  const show = () => {
    const at = get().creativity ?? sheet.creativity;
    slider.value = String(at);
    value.textContent = number(at, 1);
  };
  const label = el("span", {}, t("setup.creativity"), " ", value);
  const about = el("small", {}, t("setup.creativity.about"));
  const field = el("label", { class: "field" }, label, about, slider);
  return row(
    ["creativity"],
    el("div", { class: "field" }, field, el("div", { class: "do" }, ...stops)),
    show,
  );
}

function lengthRow({ set, get, row }: Context): HTMLElement {
  const select = el(
    "select",
    { "data-ui": "setup.length" },
    ...LENGTHS.map((n) =>
      el("option", { value: n }, n === 0 ? t("setup.endless") : tn("tokens", n)),
    ),
  );
  select.addEventListener("change", () => set({ maxTokens: Number(select.value) }));
  const show = () => (select.value = String(get().maxTokens));
  return row(["maxTokens"], el("label", { class: "field" }, t("setup.length"), select), show);
}

function details(context: Context): HTMLElement[] {
  const { sheet } = context;
  const numbers = NUMBERS.map((field) => numberRow(context, field));
  const reload = sheet.contexts.length > 1 ? [contextRow(sheet)] : [];
  return [...numbers, stopRow(context), schemaRow(context), thinkRow(context), ...reload];
}

function numberRow({ set, get, row }: Context, { name, label, ...limits }: NumberField) {
  const input = el("input", { type: "number", inputmode: "decimal", ...limits });
  input.placeholder = t("setup.auto");
  input.addEventListener("change", () => {
    const value = input.value === "" || !input.validity.valid ? null : Number(input.value);
    set({ [name]: value });
  });
  const show = () => (input.value = get()[name] === null ? "" : String(get()[name]));
  return row([name], el("label", { class: "field" }, t(label), input), show);
}

function stopRow({ set, get, row }: Context): HTMLElement {
  const box = el("textarea", { rows: 2, spellcheck: "false" });
  box.addEventListener("change", () => set({ stop: box.value.split("\n").filter(Boolean) }));
  const show = () => (box.value = get().stop.join("\n"));
  const about = el("small", {}, t("setup.stop.about"));
  return row(["stop"], el("label", { class: "field" }, t("setup.stop"), about, box), show);
}

function schemaRow({ set, get, row }: Context): HTMLElement {
  const box = el("textarea", { rows: 4, class: "mono", spellcheck: "false", dir: "ltr" });
  const problem = el("small", { role: "status" });
  box.addEventListener("change", () => {
    problem.textContent = isSchema(box.value) ? "" : t("setup.schema.bad");
    if (isSchema(box.value)) set({ schema: box.value.trim() });
  });
  const show = () => (box.value = get().schema);
  const about = el("small", {}, t("setup.schema.about"));
  box.dataset["ui"] = "setup.schema";
  const field = el("label", { class: "field" }, t("setup.schema"), about, box, problem);
  return row(["schema"], field, show);
}

function isSchema(text: string): boolean {
  try {
    return text.trim() === "" || typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

function thinkRow({ set, get, row }: Context): HTMLElement {
  const box = el("input", { type: "checkbox" });
  box.addEventListener("change", () => set({ think: box.checked }));
  const show = () => (box.checked = get().think);
  return row(["think"], el("label", { class: "check" }, box, t("setup.think")), show);
}

function contextRow({ contexts, context, reload }: Sheet): HTMLElement {
  const options = contexts.map((n) =>
    el("option", { value: n, selected: n === context }, tn("tokens", n)),
  );
  const select = el("select", {}, ...options);
  select.addEventListener("change", () => reload(Number(select.value)));
  const about = el("small", {}, t("setup.context.about"));
  return el("label", { class: "field" }, t("setup.context"), about, select);
}

/** What this chat has becomes what new chats begin with. */
function defaultsButton({ get }: Context): HTMLElement {
  const said = el("span", { class: "facts", role: "status" });
  const keep = () => {
    const { schema: _schema, ...rest } = get();
    saveDefaultSetup({ ...defaultSetup(), ...rest });
    said.textContent = t("setup.default.done");
  };
  const button = el("button", { class: "b b-sm", type: "button", onclick: keep });
  button.textContent = t("setup.default");
  return el("div", { class: "do" }, button, said);
}
