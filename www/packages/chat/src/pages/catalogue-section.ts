import { addressOf, type Choice, type Entry } from "../catalogue.js";
import { el, icon } from "../dom.js";
import { bytes } from "../format.js";
import type { Host } from "../host.js";
import { type Key, number, t } from "../i18n/index.js";
import { saidOf } from "../i18n/said.js";
import { type Offer, offerFor } from "../recommend.js";
import { fitPart } from "./fit-card.js";

/** Words for how a type of weights is, by how its name begins. */
const QUALITY: readonly (readonly [RegExp, Key])[] = [
  [/^(F16|BF16|F32)/, "quality.exact"],
  [/^Q8/, "quality.nearly"],
  [/^(Q6|Q5)/, "quality.good"],
  [/^(Q4|IQ4)/, "quality.balanced"],
  [/^(Q3|IQ3)/, "quality.small"],
];

/** "For this device": the catalogue with the planner's verdict, worked out without a request. */
export class CatalogueSection {
  readonly node = el("section", { id: "catalogue", "aria-labelledby": "catalogue-title" });
  readonly #host: Host;
  readonly #get: (address: string) => void;
  readonly #lead = el("p", { class: "facts" }, t("catalogue.lead"));
  readonly #list = el("ul", { class: "cards", "aria-labelledby": "catalogue-title" });

  constructor(host: Host, get: (address: string) => void) {
    this.#host = host;
    this.#get = get;
    const title = el("h2", { id: "catalogue-title" }, t("catalogue"));
    this.node.append(title, this.#lead, this.#list);
  }

  async fill(): Promise<void> {
    try {
      this.#show(await offerFor(this.#host));
    } catch (error) {
      this.#lead.textContent = saidOf(error);
    }
  }

  #show({ choices, best, least }: Offer): void {
    const none = least
      ? t("catalogue.none", { name: least.entry.title })
      : t("catalogue.nothing");
    this.#lead.textContent = best ? t("catalogue.lead") : `${t("catalogue.lead")} ${none}`;
    // What fits comes first, the recommended one at the top; within each the larger one knows more.
    const rank = (choice: Choice) =>
      choice.entry === best?.entry
        ? 0
        : choice.fit.verdict === "well"
          ? 1
          : canRun(choice)
            ? 2
            : 3;
    const ordered = [...choices].sort(
      (a, b) => rank(a) - rank(b) || b.entry.facts.bytes - a.entry.facts.bytes,
    );
    this.#list.replaceChildren(
      ...ordered.map((choice) => this.#card(choice, choice.entry === best?.entry)),
    );
  }

  #card(choice: Choice, isBest: boolean): HTMLElement {
    const { entry, fit } = choice;
    const address = addressOf(entry);
    const [chip, ...rest] = fitPart(fit);
    const mark = isBest ? [el("span", { class: "chip note" }, t("catalogue.best"))] : [];
    const size = bytes(entry.facts.bytes);
    const get = el(
      "button",
      {
        class: isBest ? "b b-sm b-main" : "b b-sm",
        type: "button",
        "data-ui": "catalogue.get",
        // The words that are seen come first, so that they can be said to a computer.
        "aria-label": `${t("model.get.size", { size })}: ${entry.title}`,
        onclick: () => this.#get(address),
      },
      t("model.get.size", { size }),
    );
    return el(
      "li",
      { class: "card", "aria-label": entry.title, "data-ui": "catalogue.card" },
      el("div", { class: "head" }, el("h3", {}, entry.title), ...(chip ? [chip] : []), ...mark),
      el("p", { class: "facts num" }, factsOf(entry)),
      ...rest,
      ...(canRun(choice) ? [el("div", { class: "do" }, get, page(entry))] : []),
    );
  }
}

/** The model's page, which has its license; a link that a person follows, and nothing is asked. */
function page({ repository }: Entry): HTMLElement {
  const href = `https://huggingface.co/${repository}`;
  const link = el("a", { class: "b b-sm b-bare", href, target: "_blank", rel: "noreferrer" });
  link.append(icon("file"), t("catalogue.page"));
  return link;
}

function canRun({ fit }: Choice): boolean {
  return fit.verdict === "well" || fit.verdict === "tight";
}

function factsOf({ parameters, type, license, facts }: Entry): string {
  const quality = QUALITY.find(([pattern]) => pattern.test(type))?.[1];
  return [
    parameters,
    quality ? `${t(quality)} (${type})` : type,
    t("catalogue.context", { n: number(facts.contextLength) }),
    license,
  ].join(" · ");
}
