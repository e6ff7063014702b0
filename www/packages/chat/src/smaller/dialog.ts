import type { Fit, Models, QuantizeChoices, StoredModel } from "@ingle/engine";

import { button, el, openDialog } from "../dom.js";
import { bytes, nameShown } from "../format.js";
import { number, t, tn } from "../i18n/index.js";
import { saidOf } from "../i18n/said.js";
import { fitPart } from "../pages/fit-card.js";
import type { Makings } from "./makings.js";
import { FIRST, qualityText, qualityWord, USUAL } from "./quality.js";
import { rate } from "./rate.js";
import "./smaller.css";

type Choice = QuantizeChoices["choices"][number];

/**
 * Asks how small a model shall be: each type with its size before anything is made, and for the
 * chosen one whether it fits here and whether there is room for it.
 */
export async function openSmaller(
  model: StoredModel,
  library: Models,
  makings: Makings,
  getExact: () => void,
): Promise<void> {
  const name = nameShown(model.name);
  const looking = el("p", { class: "facts", role: "status" }, t("smaller.looking"));
  const body = el("div", { class: "smaller", "data-ui": "smaller" }, looking);
  const dialog = openDialog(t("smaller.of", { name }), body);
  try {
    const choices = await library.quantizeChoices(model.name);
    const asking = new Asking(model, choices, library, (type) => {
      dialog.close();
      const { elements, quantized: requantize } = choices;
      void makings.start({ source: model, type, requantize, elements });
    });
    if (!choices.quantized) return body.replaceChildren(...asking.nodes);
    const exact = () => {
      dialog.close();
      getExact();
    };
    const anyway = () => body.replaceChildren(...asking.nodes);
    const main = button(t("smaller.exact"), exact, "b-main", "smaller.exact");
    body.replaceChildren(
      el("p", { class: "facts" }, t("smaller.quantized", { type: choices.type })),
      el("div", { class: "do" }, main, button(t("smaller.anyway"), anyway, "", "smaller.anyway")),
    );
    main.focus();
  } catch (thrown) {
    looking.textContent = saidOf(thrown);
  }
}

/** The types to choose from, and what is said about the chosen one. */
class Asking {
  readonly nodes: HTMLElement[];
  readonly #model: StoredModel;
  readonly #choices: QuantizeChoices;
  readonly #library: Models;
  readonly #verdict = el("div", { class: "verdict", "aria-live": "polite" });
  readonly #make: HTMLButtonElement;
  #chosen: Choice | null = null;

  constructor(
    model: StoredModel,
    choices: QuantizeChoices,
    library: Models,
    make: (type: string) => void,
  ) {
    [this.#model, this.#choices, this.#library] = [model, choices, library];
    this.#make = el("button", {
      class: "b b-main",
      type: "button",
      disabled: true,
      "data-ui": "smaller.make",
      onclick: () => this.#chosen && make(this.#chosen.type),
    });
    const usual = USUAL.flatMap((type) => choices.choices.filter((one) => one.type === type));
    const rest = choices.choices.filter(({ type }) => !USUAL.includes(type));
    const { type, bytes: size } = choices;
    const values = { name: nameShown(model.name), type, size: bytes(size) };
    this.nodes = [
      el("p", { class: "facts num" }, t("smaller.lead", values)),
      el(
        "fieldset",
        { class: "choices" },
        el("legend", {}, t("smaller.types")),
        ...usual.map((choice) => this.#row(choice)),
        el(
          "details",
          {},
          el("summary", {}, t("smaller.all")),
          ...rest.map((choice) => this.#row(choice)),
        ),
      ),
      this.#verdict,
      el("div", { class: "do" }, this.#make),
    ];
    const first = usual.find((one) => one.type === FIRST && canBeMade(one, choices));
    if (first) this.#choose(first);
  }

  #row(choice: Choice): HTMLElement {
    const { type, fileBytes, bitsPerWeight, problem } = choice;
    const facts = [
      t(qualityText(type)),
      fileBytes === null ? "" : bytes(fileBytes),
      bitsPerWeight === null ? "" : t("smaller.bits", { bits: number(bitsPerWeight, 1) }),
      type === this.#choices.type ? t("smaller.current") : "",
      problem ?? "",
    ];
    const isPossible = canBeMade(choice, this.#choices);
    const box = el("input", {
      type: "radio",
      name: "smaller-type",
      value: type,
      disabled: !isPossible,
      checked: isPossible && type === FIRST,
      onchange: () => this.#choose(choice),
    });
    const words = el("b", {}, `${t(qualityWord(type))} · ${type}`);
    const small = el("small", { class: "num" }, facts.filter(Boolean).join(" · "));
    return el("label", {}, box, el("span", {}, words, el("br"), small));
  }

  #choose(choice: Choice): void {
    this.#chosen = choice;
    const size = choice.fileBytes ?? 0;
    const time = this.#time();
    this.#make.textContent = t("smaller.make", { type: choice.type, size: bytes(size) }) + time;
    this.#make.disabled = false;
    this.#verdict.replaceChildren();
    void this.#judge(choice, size);
  }

  /** ", takes about 2 minutes", where an earlier time tells. */
  #time(): string {
    const perSecond = rate();
    if (perSecond === null) return "";
    const minutes = Math.round(this.#choices.elements / perSecond / 60);
    const time = minutes > 0 ? tn("smaller.time.minutes", minutes) : t("smaller.time.short");
    return ` · ${t("smaller.takes", { time })}`;
  }

  /** Whether it would fit here, and whether there is room. */
  async #judge(choice: Choice, weightBytes: number): Promise<void> {
    // Of a model that no player runs nothing is said here; its load says it.
    const fit = await this.#library.fit(this.#model.name, { weightBytes }).catch(() => null);
    if (!fit || this.#chosen !== choice) return;
    this.#verdict.replaceChildren(...fitPart(fit), room(fit));
    this.#make.disabled = fit.verdict === "storage";
  }
}

function room({ needs, has }: Fit): HTMLElement {
  const values = { need: bytes(needs.storage), free: bytes(has.storage ?? 0) };
  return el("p", { class: "facts num" }, has.storage === null ? "" : t("smaller.room", values));
}

/** The type it has is marked, and cannot be chosen; nor what needs more than this page has. */
function canBeMade({ type, problem }: Choice, choices: QuantizeChoices): boolean {
  return problem === null && type !== choices.type;
}
