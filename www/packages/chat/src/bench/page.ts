import type { BenchProgress, BenchRow, BenchTest, EngineError, StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { errorCard } from "../cards.js";
import { byId, el } from "../dom.js";
import { bytes, percent, timeLeft } from "../format.js";
import type { Host } from "../host.js";
import { Conditions, headline } from "./conditions.js";
import { asHtml, asText, type Report, reportNodes } from "./report.js";
import "./plots.css";

/** Timed runs of each test; the engine adds one warm-up. */
const RUNS = 5;

/** What can be measured; the longer one shows how speed changes in a long conversation. */
interface Plan {
  readonly label: string;
  readonly what: string;
  readonly tests: readonly BenchTest[];
}

const PLANS: Readonly<Record<string, Plan>> = {
  short: {
    label: "Short, 2 tests",
    what: "Reads 128 tokens, and writes 32.",
    tests: [{ prompt: 128 }, { output: 32 }],
  },
  long: {
    label: "Long, 5 tests",
    what: "Reads 128 and 512 tokens, and writes 32: at the start, after 512 and after 2,048.",
    tests: [
      { prompt: 128 },
      { prompt: 512 },
      { output: 32 },
      { output: 32, depth: 512 },
      { output: 32, depth: 2048 },
    ],
  },
};

const LEAD =
  "Measures how fast models read and write on this device. Keep this tab in front. The device " +
  "will get warm.";

/** The page at `#/bench`: choose, run, look, save. One bench runs at a time. */
export class BenchPage {
  readonly #host: Host;
  readonly #lead = el("p", { class: "lead num", id: "bench-lead" }, LEAD);
  readonly #models = el("fieldset", { class: "choices" });
  readonly #plan = el("select", { id: "bench-plan" });
  readonly #run = el("button", { class: "b b-main", type: "button", "data-ui": "bench.run" });
  readonly #save = el("button", { class: "b", type: "button", "data-ui": "bench.save" });
  readonly #copy = el("button", { class: "b b-bare", type: "button", "data-ui": "bench.copy" });
  readonly #bar = el("progress", { class: "bar bar-live", max: 1, value: 0 });
  readonly #status = el("p", { class: "facts num", "data-ui": "bench.status" });
  readonly #results = el("div", { id: "bench-results" });
  #stop: AbortController | null = null;
  #report: Report | null = null;

  constructor(host: Host) {
    this.#host = host;
    this.#save.textContent = "Save as HTML";
    this.#copy.textContent = "Copy as text";
    this.#bar.setAttribute("aria-label", "Progress of the bench");
    for (const [value, { label }] of Object.entries(PLANS))
      this.#plan.append(el("option", { value }, label));
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
        el("h1", {}, "Bench"),
        this.#lead,
        el(
          "section",
          { class: "card", "aria-label": "What to measure" },
          this.#models,
          this.#size(),
        ),
        el("div", { class: "do" }, this.#run, this.#save, this.#copy),
        this.#bar,
        this.#status,
        this.#results,
      ),
    );
    this.#show();
  }

  #size(): HTMLElement {
    const what = el("small");
    const say = () => {
      what.textContent = `${PLANS[this.#plan.value]?.what ?? ""} Each test runs ${RUNS} times.`;
    };
    this.#plan.addEventListener("change", say);
    say();
    return el("label", { class: "field" }, "How much", this.#plan, what);
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
    if (chosen.size === 0) chosen.add(inUse ?? models[0]?.name ?? "");
    const legend = el("legend", {}, "Models");
    const none = el("p", { class: "facts" }, "There is no model in this browser yet. ");
    none.append(el("a", { href: "#/" }, "Bring one"), " first.");
    const rows = models.map(({ name, size: n }) =>
      el(
        "label",
        {},
        el("input", { type: "checkbox", value: name, checked: chosen.has(name) }),
        el("span", {}, name.replace(/\.gguf$/i, ""), el("small", { class: "num" }, ` ${bytes(n)}`)),
      ),
    );
    this.#models.replaceChildren(legend, ...(rows.length > 0 ? rows : [none]));
    this.#show();
  }

  #chosen(): string[] {
    const boxes = this.#models.querySelectorAll<HTMLInputElement>("input:checked");
    return [...boxes].map((box) => box.value);
  }

  /** Buttons and figures as they should be now. */
  #show(status = ""): void {
    const running = this.isRunning;
    const hasModels = this.#models.querySelector("input") !== null;
    this.#run.textContent = running ? "Stop" : this.#report ? "Run again" : "Run";
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
    if (names.length === 0) return this.#show("Choose at least one model.");
    const stop = new AbortController();
    this.#stop = stop;
    this.#results.replaceChildren();
    this.#lead.textContent = LEAD;
    this.#show("Starting");
    announce("The bench has started.");
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
          this.#draw(rows, conditions);
        });
      }
    } catch (error) {
      failure = error as EngineError;
    }
    await conditions.stop();
    await this.#restore(before);
    if (answering?.where.kind !== "tab") this.#host.current = answering;
    this.#stop = null;
    if (rows.length > 0) this.#draw(rows, conditions);
    this.#show(stop.signal.aborted ? "Stopped. What was measured until then is kept." : "");
    if (failure && failure.code !== "aborted")
      this.#results.prepend(errorCard(failure, "The bench could not be run", []));
    else announce(stop.signal.aborted ? "The bench was stopped." : "The bench is done.");
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
        this.#show(`Loading ${title}: ${total === null ? bytes(loaded) : percent(loaded, total)}`),
      );
      signal.removeEventListener("abort", cancel);
    }
    const engine = await this.#host.engine();
    const { tests } = PLANS[this.#plan.value] ?? { tests: [] };
    const onProgress = (progress: BenchProgress) => {
      this.#bar.value = from + share * done(progress);
      this.#show(`${title}: ${words(progress)}`);
    };
    await engine.bench({ tests, runs: RUNS, onProgress, onRow, signal });
  }

  /** The model that was in use is in use again. */
  async #restore(name: string | null): Promise<void> {
    if (name === null || this.#host.model?.info.name === name) return;
    this.#show(`Loading ${name} again`);
    // A model that cannot be loaded again is missing in the header; nothing else depends on it.
    await this.#host.load({ name }, () => undefined).catch(() => undefined);
  }

  #draw(rows: readonly BenchRow[], conditions: Conditions): void {
    const { info } = this.#host;
    this.#report = {
      rows: [...rows],
      headline: headline(rows, RUNS, conditions, info),
      problems: conditions.problems,
      date: new Date().toISOString().slice(0, 16).replace("T", " "),
    };
    this.#lead.textContent = this.#report.headline;
    this.#results.replaceChildren(el("h2", {}, "Results"), ...reportNodes(this.#report));
  }

  #download(): void {
    if (!this.#report) return;
    const address = URL.createObjectURL(new Blob([asHtml(this.#report)], { type: "text/html" }));
    const name = `bench-${this.#report.date.slice(0, 10)}.html`;
    el("a", { href: address, download: name }).click();
    // The browser has taken the address by the next task; a second is generous.
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    announce("Saved.");
  }

  async #toClipboard(): Promise<void> {
    if (!this.#report) return;
    const copied = await navigator.clipboard.writeText(asText(this.#report)).then(
      () => true,
      () => false,
    );
    const words = copied ? "Copied." : "The browser did not allow copying. Save as HTML instead.";
    this.#show(words);
    announce(words);
  }
}

/** Share of a model's tests that is over. */
function done({ index, nTests, run, nRuns }: BenchProgress): number {
  return (index + Math.max(0, run - 1) / Math.max(1, nRuns)) / Math.max(1, nTests);
}

const STEPS: Readonly<Record<BenchProgress["step"], string>> = {
  fill: "filling the context",
  "warm-up": "warming up",
  peaks: "measuring the device itself",
  run: "run",
  profile: "timing each kernel",
};

function words({ test, step, run, nRuns, secondsLeft }: BenchProgress): string {
  const where = step === "run" ? `run ${run} of ${nRuns}` : STEPS[step];
  const left = secondsLeft === null ? "" : ` · ${timeLeft(secondsLeft)}`;
  return `${test}, ${where}${left}`;
}
