import type { StoredModel } from "@ingle/engine";

import { button, el, openDialog } from "../dom.js";
import { bytes, nameShown } from "../format.js";
import { t } from "../i18n/index.js";
import type { Judgings } from "./judgings.js";
import { type Amount, AMOUNTS, baselines } from "./wish.js";
import "./judge.css";

/** Asks what a model shall be compared with, and how much it shall read. */
export function openJudge(
  model: StoredModel,
  stored: readonly StoredModel[],
  judgings: Judgings,
): void {
  const name = nameShown(model.name);
  const others = baselines(model, stored);
  let baseline = others[0] ?? null;
  let amount: Amount = "usual";
  const start = () => {
    dialog.close();
    void judgings.start({ model, baseline, chunks: AMOUNTS[amount] });
  };
  const rows = others.map((other) =>
    choice("judge-with", nameShown(other.name), bytes(other.size), other === baseline, () => {
      baseline = other;
    }),
  );
  const alone = choice("judge-with", t("judge.alone"), t("judge.alone.text"), !baseline, () => {
    baseline = null;
  });
  const amounts = (Object.keys(AMOUNTS) as Amount[]).map((key) => {
    const [title, text] = [t(`judge.amount.${key}`), t(`judge.amount.${key}.text`)];
    return choice("judge-amount", title, text, key === amount, () => {
      amount = key;
    });
  });
  const body = el(
    "div",
    { class: "smaller judge", "data-ui": "judge" },
    el("p", { class: "facts" }, t("judge.lead", { name })),
    el("fieldset", { class: "choices" }, el("legend", {}, t("judge.with")), ...rows, alone),
    el("fieldset", { class: "choices" }, el("legend", {}, t("judge.amount")), ...amounts),
    el("div", { class: "do" }, button(t("judge.start"), start, "b-main", "judge.start")),
  );
  const dialog = openDialog(t("judge.of", { name }), body);
}

function choice(
  group: string,
  title: string,
  text: string,
  checked: boolean,
  onchange: () => void,
): HTMLElement {
  const box = el("input", { type: "radio", name: group, checked, onchange });
  const small = el("small", { class: "num" }, text);
  return el("label", {}, box, el("span", {}, el("b", {}, title), el("br"), small));
}
