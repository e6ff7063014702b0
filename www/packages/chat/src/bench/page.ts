import type { BenchProgress, BenchRow, BenchTest, EngineError, StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { errorCard } from "../cards.js";
import { byId, el } from "../dom.js";
import { saveFile } from "../exporting.js";
import { bytes, percent, timeLeft } from "../format.js";
import type { Host } from "../host.js";
import { type Key, t, tn } from "../i18n/index.js";
import { Conditions, headline } from "./conditions.js";
import { earlierPart } from "./earlier.js";
import { changes, isComparable, keepReport, secondsOf } from "./history.js";
import { label } from "./plots.js";
import { asHtml, asText, type Report, reportNodes, what } from "./report.js";
import "./plots.css";

/** Timed runs of each test; the engine adds one warm-up. */
const RUNS = 5;

/** What can be measured; the longer one shows how speed changes in a long conversation. */
interface Plan {
  readonly label: Key;
  readonly what: Key;
  readonly tests: readonly BenchTest[];
}

const SHORT: Plan = {
  label: "bench.short",
  what: "bench.short.text",
  tests: [{ prompt: 128 }, { output: 32 }],
};

const PLANS: Readonly<Record<string, Plan>> = {
  short: SHORT,
  long: {
    label: "bench.long",
    what: "bench.long.text",
    tests: [
      { prompt: 128 },
      { prompt: 512 },
      { output: 32 },
      { output: 32, depth: 512 },
      { output: 32, depth: 2048 },
    ],
  },
};

/** The page at `#/bench`: choose, run, look, save. One bench runs at a time. */
export class BenchPage {
  readonly #host: Host;
  readonly #lead = el("p", { class: "lead num", id: "bench-lead" }, t("bench.lead"));
  readonly #models = el("fieldset", { class: "choices" });
  readonly #plan = el("select", { id: "bench-plan" });
  readonly #run = el("button", { class: "b b-main", type: "button", "data-ui": "bench.run" });
  readonly #save = el("button", { class: "b", type: "button", "data-ui": "bench.save" });
  readonly #copy = el("button", { class: "b b-bare", type: "button", "data-ui": "bench.copy" });
  readonly #bar = el("progress", { class: "bar bar-live", max: 1, value: 0 });
  readonly #status = el("p", { class: "facts num", "data-ui": "bench.status" });
  readonly #results = el("div", { id: "bench-results" });
  readonly #earlier = el("section", { "aria-label": t("bench.history") });
  readonly #says = el("small");
  #stop: AbortController | null = null;
  #report: Report | null = null;

  constructor(host: Host) {
    this.#host = host;
    this.#save.textContent = t("bench.save");
    this.#copy.textContent = t("bench.copy");
    this.#bar.setAttribute("aria-label", t("bench.progress"));
    for (const [value, { label }] of Object.entries(PLANS))
      this.#plan.append(el("option", { value }, t(label)));
    this.#run.addEventListener("click", () => {
      if (this.#stop) this.stop();
      else void this.#start();
    });
    this.#save.addEventListener("click", () => this.#download());
    this.#copy.addEventListener("click", () => void this.#toClipboard());
    byId("bench").replaceChildren(
      el(
        "div",
        { class: "col" },
        el("h1", {}, t("bench")),
        this.#lead,
        el(
          "section",
          { class: "card", "aria-label": t("bench.what") },
          this.#models,
          this.#size(),
        ),
        el("div", { class: "do" }, this.#run, this.#save, this.#copy),
        this.#bar,
        this.#status,
        this.#results,
        this.#earlier,
      ),
    );
    this.#show();
    this.#fillEarlier();
  }

  #size(): HTMLElement {
    this.#plan.addEventListener("change", () => this.#say());
    this.#models.addEventListener("change", () => this.#say());
    return el("label", { class: "field" }, t("bench.size"), this.#plan, this.#says);
  }

  /** What the plan does, and how long it took before, where these models were measured here. */
  #say(): void {
    const { what, tests } = this.#chosenPlan();
    const names = tests.map(nameOf);
    const files = this.#chosen();
    const seconds = files.length > 0 ? secondsOf(files, names, RUNS) : null;
    const time = seconds === null ? "" : t("bench.takes", { time: spoken(seconds) });
    this.#says.textContent = [t(what), t("bench.runs", { n: RUNS }), time].join(" ").trim();
  }

  #chosenPlan(): Plan {
    return PLANS[this.#plan.value] ?? SHORT;
  }

  #fillEarlier(): void {
    const changed = () => this.#fillEarlier();
    this.#earlier.replaceChildren(...earlierPart((report) => this.#draw(report), changed));
  }

  get isRunning(): boolean {
    return this.#stop !== null;
  }

  stop(): void {
    this.#stop?.abort();
  }

  /** Lists the models that can be chosen; choices that were made stay. */
  offer(models: readonly StoredModel[]): void {
    const chosen = new Set(this.#chosen());
    const inUse = this.#host.model?.info.name;
    const likely = models.find(({ name }) => name === inUse) ?? models[0];
    if (chosen.size === 0 && likely) chosen.add(likely.name);
    const legend = el("legend", {}, t("bench.models"));
    const none = el("p", { class: "facts" }, `${t("bench.models.none")} `);
    none.append(el("a", { href: "#/models" }, t("bench.models.bring")));
    const rows = models.map(({ name, size: n }) =>
      el(
        "label",
        {},
        el("input", { type: "checkbox", value: name, checked: chosen.has(name) }),
        el(
          "span",
          {},
          name.replace(/\.gguf$|:latest$/i, ""),
          el("small", { class: "num" }, ` ${bytes(n)}`),
        ),
      ),
    );
    this.#models.replaceChildren(legend, ...(rows.length > 0 ? rows : [none]));
    this.#show();
    this.#say();
  }

  #chosen(): string[] {
    const boxes = this.#models.querySelectorAll<HTMLInputElement>("input:checked");
    return [...boxes].map((box) => box.value);
  }

  /** Buttons and figures as they should be now. */
  #show(status = ""): void {
    const running = this.isRunning;
    const hasModels = this.#models.querySelector("input") !== null;
    this.#run.textContent = t(running ? "bench.stop" : this.#report ? "bench.again" : "bench.run");
    this.#run.hidden = !hasModels && !running;
    this.#bar.hidden = !running;
    this.#status.hidden = status === "";
    this.#status.textContent = status;
    const hasRows = !running && (this.#report?.rows.length ?? 0) > 0;
    this.#save.hidden = this.#copy.hidden = !hasRows;
    this.#models.disabled = this.#plan.disabled = running;
  }

  async #start(): Promise<void> {
    const names = this.#chosen();
    if (names.length === 0) return this.#show(t("bench.choose"));
    const stop = new AbortController();
    this.#stop = stop;
    this.#results.replaceChildren();
    this.#lead.textContent = t("bench.lead");
    this.#show(t("bench.starting"));
    announce(t("bench.started"));
    const before = this.#host.model?.info.name ?? null;
    const answering = this.#host.current;
    const conditions = await Conditions.start();
    const rows: BenchRow[] = [];
    let failure: EngineError | null = null;
    try {
      for (const [i, name] of names.entries()) {
        if (stop.signal.aborted) break;
        await this.#one(name, i / names.length, 1 / names.length, stop.signal, (row) => {
          rows.push(row);
          this.#draw(this.#reported(rows, conditions));
        });
      }
    } catch (error) {
      failure = error as EngineError;
    }
    await conditions.stop();
    await this.#restore(before);
    if (answering?.where.kind !== "tab") this.#host.current = answering;
    this.#stop = null;
    if (rows.length > 0) this.#finish(this.#reported(rows, conditions));
    this.#show(stop.signal.aborted ? t("bench.stopped.kept") : "");
    if (failure && failure.code !== "aborted")
      this.#results.prepend(errorCard(failure, t("bench.failed"), []));
    else announce(t(stop.signal.aborted ? "bench.stopped" : "bench.done"));
  }

  /** Measures one model; `from` and `share` are its part of the bar. */
  async #one(
    name: string,
    from: number,
    share: number,
    signal: AbortSignal,
    onRow: (row: BenchRow) => void,
  ): Promise<void> {
    const title = name.replace(/\.gguf$/i, "");
    if (this.#host.model?.info.name !== name) {
      const cancel = () => this.#host.cancelLoad();
      signal.addEventListener("abort", cancel, { once: true });
      await this.#host.load({ name }, ({ loaded, total }) =>
        this.#show(
          t("bench.loading", {
            name: title,
            share: total === null ? bytes(loaded) : percent(loaded, total),
          }),
        ),
      );
      signal.removeEventListener("abort", cancel);
    }
    const engine = await this.#host.engine();
    const { tests } = this.#chosenPlan();
    const onProgress = (progress: BenchProgress) => {
      this.#bar.value = from + share * done(progress);
      this.#show(`${title}: ${words(progress)}`);
    };
    await engine.bench({ tests, runs: RUNS, onProgress, onRow, signal });
  }

  /** The model that was in use is in use again. */
  async #restore(name: string | null): Promise<void> {
    if (name === null || this.#host.model?.info.name === name) return;
    this.#show(t("bench.restoring", { name }));
    // A model that cannot be loaded again is missing in the header; nothing else depends on it.
    await this.#host.load({ name }, () => undefined).catch(() => undefined);
  }

  #reported(rows: readonly BenchRow[], conditions: Conditions): Report {
    const now = new Date();
    return {
      rows: [...rows],
      headline: headline(rows, RUNS, conditions, this.#host.info),
      problems: conditions.problems,
      changes: changes(rows).map(({ row, ratio }) => {
        const share = Math.round(Math.abs(ratio - 1) * 100);
        const values = { name: label(row), test: what(row), share };
        return t(ratio > 1 ? "bench.faster" : "bench.slower", values);
      }),
      date: now.toISOString().slice(0, 16).replace("T", " "),
      at: now.getTime(),
    };
  }

  /** A bench that has ended is kept. */
  #finish(report: Report): void {
    this.#draw(report);
    keepReport(report);
    this.#fillEarlier();
    this.#say();
  }

  #draw(report: Report): void {
    this.#report = report;
    this.#lead.textContent = report.headline;
    const verdict = t(isComparable(report) ? "bench.comparable" : "bench.disturbed");
    const said = el("p", { class: "facts", "data-ui": "bench.verdict" }, verdict);
    this.#results.replaceChildren(el("h2", {}, t("bench.results")), said, ...reportNodes(report));
    if (!this.isRunning) this.#show();
  }

  #download(): void {
    if (!this.#report) return;
    const name = `bench-${this.#report.date.slice(0, 10)}.html`;
    saveFile(name, "text/html", asHtml(this.#report));
    announce(t("bench.saved"));
  }

  async #toClipboard(): Promise<void> {
    if (!this.#report) return;
    const copied = await navigator.clipboard.writeText(asText(this.#report)).then(
      () => true,
      () => false,
    );
    const words = t(copied ? "bench.copied" : "bench.copy.failed");
    this.#show(words);
    announce(words);
  }
}

/** Share of a model's tests that is over. */
function done({ index, nTests, run, nRuns }: BenchProgress): number {
  return (index + Math.max(0, run - 1) / Math.max(1, nRuns)) / Math.max(1, nTests);
}

/** "pp128", "tg32@d512": as the engine names a test. */
function nameOf({ prompt = 0, output = 0, depth = 0 }: BenchTest): string {
  const name = prompt > 0 ? `pp${prompt}` : `tg${output}`;
  return depth > 0 ? `${name}@d${depth}` : name;
}

/** "about 2 minutes". */
function spoken(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes > 0 ? tn("smaller.time.minutes", minutes) : t("smaller.time.short");
}

function words({ test, step, run, nRuns, secondsLeft }: BenchProgress): string {
  const where = t(`bench.step.${step}`, { n: run, m: nRuns });
  const left = secondsLeft === null ? "" : ` · ${timeLeft(secondsLeft)}`;
  return `${test}, ${where}${left}`;
}
