import {
  doctor,
  DOCTOR_ROWS,
  type DoctorMark,
  type DoctorReport,
  type DoctorRow,
  type Engine,
  EngineError,
} from "@ingle/engine";

import { announce } from "../announce.js";
import { el, icon, openDialog } from "../dom.js";
import { copyText } from "../clipboard.js";
import { markWord, rowName, rowWords, summaryWords } from "../i18n/doctor.js";
import { type Key, t, tn } from "../i18n/index.js";
import "./doctor.css";

/** Each mark as a drawn icon. */
const MARKS: Readonly<Record<DoctorMark, string>> = {
  pass: "ok",
  note: "warn",
  problem: "warn",
  untested: "more",
};

/** What the page needs of the app. */
interface EngineHost {
  engine(): Promise<Engine>;
}

/** The page at `#/doctor`: will it work here, and if it is slow, why? Looks when it is opened. */
export class DoctorPage {
  readonly title = "doctor";
  readonly #host: EngineHost;
  readonly #lead = el("p", { class: "lead num", "data-ui": "doctor.summary" });
  readonly #list = el("ul", { class: "checks", "aria-label": t("doctor.list") });
  readonly #again = button(t("doctor.again"), "doctor.again", "b-main");
  readonly #copy = button(t("doctor.copy"), "doctor.copy", "");
  readonly #kernels = el("details", { class: "card", "data-ui": "doctor.kernels", hidden: true });
  #stop: AbortController | null = null;
  #report: DoctorReport | null = null;

  constructor(host: EngineHost) {
    this.#host = host;
    this.#again.addEventListener("click", () => void this.#run());
    this.#copy.addEventListener("click", () => this.#report && showReport(this.#report.text));
  }

  show(node: HTMLElement): void {
    if (!node.contains(this.#list)) {
      const buttons = el("div", { class: "do" }, this.#again, this.#copy);
      const parts = [el("h1", {}, t("doctor")), this.#lead, this.#list, buttons, this.#kernels];
      node.replaceChildren(el("div", { class: "col" }, ...parts));
    }
    if (!this.#report && !this.#stop) void this.#run();
  }

  hide(): void {
    this.#stop?.abort();
  }

  async #run(): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#report = null;
    this.#again.disabled = this.#copy.disabled = true;
    this.#lead.textContent = t("doctor.lead");
    this.#kernels.hidden = true;
    this.#list.replaceChildren(...DOCTOR_ROWS.map(([id]) => waiting(id)));
    try {
      // An engine that cannot start is what the other rows explain.
      const engine = await this.#host.engine().catch(() => null);
      const onRow = (row: DoctorRow) => this.#fill(row);
      this.#report = await doctor(engine, { onRow, signal: stop.signal });
      this.#finish(this.#report);
    } catch (error) {
      const { code, message } = EngineError.from(error);
      if (code !== "aborted") this.#lead.textContent = message;
    } finally {
      if (this.#stop === stop) this.#stop = null;
      this.#again.disabled = false;
    }
  }

  #fill(row: DoctorRow): void {
    const at = this.#list.querySelector(`[data-ui="doctor.${row.id}"]`);
    at?.replaceWith(answered(row, row.id === "storage" ? () => void this.#keep() : null));
  }

  #finish(report: DoctorReport): void {
    const { kernels } = report;
    const summary = summaryWords(report);
    for (const row of this.#list.querySelectorAll(".is-waiting")) row.remove();
    this.#lead.textContent = summary;
    this.#copy.disabled = false;
    announce(summary);
    const lines = kernels.map(({ form, error, tolerance, right }) =>
      el(
        "tr",
        { class: right ? "" : "is-wrong" },
        el("td", {}, form),
        el("td", {}, error === null ? t("doctor.not-run") : error.toExponential(1)),
        el("td", {}, tolerance.toExponential(1)),
        el("td", {}, t(right ? "doctor.right" : "doctor.wrong")),
      ),
    );
    const columns: Key[] = ["doctor.kernel", "doctor.error", "doctor.allowed", "doctor.result"];
    const head = columns.map((name) => el("th", {}, t(name)));
    this.#kernels.hidden = kernels.length === 0;
    this.#kernels.replaceChildren(
      el("summary", {}, tn("doctor.details", kernels.length)),
      el(
        "div",
        { class: "table", tabindex: 0, role: "group", "aria-label": t("doctor.kernels") },
        el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...lines)),
      ),
    );
  }

  async #keep(): Promise<void> {
    const kept = await navigator.storage.persist().catch(() => false);
    announce(t(kept ? "doctor.kept" : "doctor.not-kept"));
    void this.#run();
  }
}

function button(text: string, ui: string, more: string): HTMLButtonElement {
  return el("button", { class: `b ${more}`.trim(), type: "button", "data-ui": ui }, text);
}

function waiting(id: DoctorRow["id"]): HTMLElement {
  return el(
    "li",
    { class: "probe is-waiting", "data-ui": `doctor.${id}` },
    icon("more"),
    el("b", {}, rowName(id)),
    el("span", { class: "finding" }, t("doctor.looking")),
  );
}

/** A row with its answer; `act` does what the row advises, where a button can. */
function answered(found: DoctorRow, act: (() => void) | null): HTMLElement {
  const { id, mark } = found;
  const [finding, help] = rowWords(found);
  const row = el(
    "li",
    { class: `probe is-${mark}`, "data-ui": `doctor.${id}` },
    icon(MARKS[mark]),
    el("b", {}, rowName(id)),
    el("span", { class: "sr" }, `: ${markWord(mark)}. `),
    el("span", { class: "finding num" }, finding),
  );
  if (help && act)
    row.append(el("button", { class: "b b-sm help", type: "button", onclick: act }, help));
  else if (help) row.append(el("span", { class: "help" }, help));
  return row;
}

/** The exact text first, then the button that copies it. */
function showReport(text: string): void {
  const label = el("span", {}, t("copy"));
  const copy = el("button", { class: "b b-main", type: "button", "data-ui": "doctor.copy-now" });
  copy.append(icon("copy"), label);
  copy.addEventListener("click", () => void copyText(text, label));
  const pre = el("pre", { class: "report", tabindex: 0, "aria-label": t("doctor.report") }, text);
  openDialog(
    t("doctor.report"),
    el("p", {}, t("doctor.report.text")),
    pre,
    el("div", { class: "do" }, copy),
  );
}
