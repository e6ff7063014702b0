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
import "./doctor.css";

/** Each mark as a drawn icon and as a word, because color alone tells nobody anything. */
const MARKS: Readonly<Record<DoctorMark, readonly [string, string]>> = {
  pass: ["ok", "Works"],
  note: ["warn", "Could be better"],
  problem: ["warn", "Problem"],
  untested: ["more", "Not tested"],
};

const LEAD = "Looks at what models need on this device. A few seconds; nothing is sent anywhere.";
const PRIVACY = "This is the whole report: no chats, no names of files, no addresses.";

/** What the page needs of the app. */
interface EngineHost {
  engine(): Promise<Engine>;
}

/** The page at `#/doctor`: will it work here, and if it is slow, why? Looks when it is opened. */
export class DoctorPage {
  readonly title = "doctor";
  readonly #host: EngineHost;
  readonly #lead = el("p", { class: "lead num", "data-ui": "doctor.summary" }, LEAD);
  readonly #list = el("ul", { class: "checks", "aria-label": "What was looked at" });
  readonly #again = button("Run again", "doctor.again", "b-main");
  readonly #copy = button("Copy report", "doctor.copy", "");
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
      const parts = [el("h1", {}, "Doctor"), this.#lead, this.#list, buttons, this.#kernels];
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
    this.#lead.textContent = LEAD;
    this.#kernels.hidden = true;
    this.#list.replaceChildren(...DOCTOR_ROWS.map(([id, name]) => waiting(id, name)));
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

  #finish({ summary, kernels }: DoctorReport): void {
    for (const row of this.#list.querySelectorAll(".is-waiting")) row.remove();
    this.#lead.textContent = summary;
    this.#copy.disabled = false;
    announce(summary);
    const lines = kernels.map(({ form, error, tolerance, right }) =>
      el(
        "tr",
        { class: right ? "" : "is-wrong" },
        el("td", {}, form),
        el("td", {}, error === null ? "did not run" : error.toExponential(1)),
        el("td", {}, tolerance.toExponential(1)),
        el("td", {}, right ? "right" : "wrong"),
      ),
    );
    const head = ["Kernel", "Error", "Allowed", "Result"].map((name) => el("th", {}, name));
    this.#kernels.hidden = kernels.length === 0;
    this.#kernels.replaceChildren(
      el("summary", {}, `Details of ${kernels.length} kernels`),
      el(
        "div",
        { class: "table", tabindex: 0, role: "group", "aria-label": "Kernels" },
        el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...lines)),
      ),
    );
  }

  async #keep(): Promise<void> {
    const kept = await navigator.storage.persist().catch(() => false);
    announce(kept ? "The browser keeps the data." : "The browser did not agree to keep the data.");
    void this.#run();
  }
}

function button(text: string, ui: string, more: string): HTMLButtonElement {
  return el("button", { class: `b ${more}`.trim(), type: "button", "data-ui": ui }, text);
}

function waiting(id: string, name: string): HTMLElement {
  return el(
    "li",
    { class: "check is-waiting", "data-ui": `doctor.${id}` },
    icon("more"),
    el("b", {}, name),
    el("span", { class: "finding" }, "Looking"),
  );
}

/** A row with its answer; `act` does what the row advises, where a button can. */
function answered({ id, mark, finding, help }: DoctorRow, act: (() => void) | null): HTMLElement {
  const [drawn, word] = MARKS[mark];
  const name = DOCTOR_ROWS.find(([known]) => known === id)?.[1] ?? id;
  const row = el(
    "li",
    { class: `check is-${mark}`, "data-ui": `doctor.${id}` },
    icon(drawn),
    el("b", {}, name),
    el("span", { class: "sr" }, `: ${word}. `),
    el("span", { class: "finding num" }, finding),
  );
  if (help && act)
    row.append(el("button", { class: "b b-sm help", type: "button", onclick: act }, help));
  else if (help) row.append(el("span", { class: "help" }, help));
  return row;
}

/** The exact text first, then the button that copies it. */
function showReport(text: string): void {
  const label = el("span", {}, "Copy");
  const copy = el("button", { class: "b b-main", type: "button", "data-ui": "doctor.copy-now" });
  copy.append(icon("copy"), label);
  copy.addEventListener("click", () => void copyText(text, label));
  const pre = el("pre", { class: "report", tabindex: 0, "aria-label": "The report" }, text);
  openDialog("Doctor's report", el("p", {}, PRIVACY), pre, el("div", { class: "do" }, copy));
}
