import { announce } from "../announce.js";
import { el } from "../dom.js";
import { bytes, bytesOf, percent, Rate } from "../format.js";
import { t } from "../i18n/index.js";
import type { Pull, Pulls } from "../pulls.js";

/** The figures on the card change this often. */
const TICK_MS = 500;
/** No byte for this long is said. */
const WAITING_MS = 10_000;
const STALLED_MS = 30_000;
/** Stopping asks first if this much would be thrown away. */
const ASK_BYTES = 100e6;
/** Progress is spoken at most this often, and only when a quarter is reached. */
const SAY_EVERY_MS = 60_000;

/** The card of one download: the same place for every state, so the eye does not search. */
export class PullCard {
  readonly node: HTMLElement;
  readonly #pulls: Pulls;
  readonly #ref: string;
  readonly #share = el("span", { class: "num muted" });
  readonly #bar = el("progress", { class: "bar bar-live", max: 1, "data-ui": "pull.bar" });
  readonly #facts = el("p", { class: "facts num", "data-ui": "pull.eta" });
  readonly #do = el("div", { class: "do" });
  readonly #rate = new Rate();
  readonly #timer: ReturnType<typeof setInterval>;
  #state: Pull["state"] | "ask" | null = null;
  #spoken = 0;
  #spokenAt = 0;

  constructor(pulls: Pulls, ref: string) {
    this.#pulls = pulls;
    this.#ref = ref;
    this.#bar.setAttribute("aria-label", t("load.getting", { name: ref }));
    this.node = el(
      "section",
      { class: "card", "aria-label": ref, "data-ui": "pull.card" },
      el("div", { class: "head" }, el("h3", {}, ref), el("span", { class: "grow" }), this.#share),
      this.#bar,
      this.#facts,
      this.#do,
    );
    this.#timer = setInterval(() => this.#show(), TICK_MS);
    this.#show();
  }

  #show(): void {
    const pull = this.#pulls.all.find(({ ref }) => ref === this.#ref);
    if (!pull) return clearInterval(this.#timer);
    const { step, state } = pull;
    if (step?.total) {
      this.#bar.value = step.loaded / step.total;
      this.#share.textContent = percent(step.loaded, step.total);
      if (state === "running") this.#say(step.loaded / step.total);
    } else this.#bar.removeAttribute("value");
    this.#facts.textContent = this.#words(pull);
    if (state !== this.#state && this.#state !== "ask") this.#buttons(pull);
    this.#state = this.#state === "ask" && state === "running" ? "ask" : state;
  }

  #words({ step, state, movedAt, error }: Pull): string {
    const so = step === null ? "" : done(step.loaded, step.total);
    if (state === "failed") return error?.message ?? "";
    if (state === "paused") return [so, t("pull.paused")].filter(Boolean).join(" · ");
    if (step === null) return t("pull.starting");
    if (step.phase === "check")
      return t("pull.checking", { share: percent(step.loaded, step.total ?? 0) });
    const silent = performance.now() - movedAt;
    if (silent > STALLED_MS) return `${so} · ${t("pull.stalled")}`;
    if (silent > WAITING_MS) return `${so} · ${t("pull.waiting")}`;
    this.#rate.add(performance.now(), step.loaded);
    const rate = this.#rate.perSecond();
    const left = step.total === null ? null : this.#rate.wordsLeft(step.total);
    const words = [so, ...(rate ? [`${bytes(rate)}/s`] : []), ...(left ? [left] : [])];
    return [...words, ...(state === "elsewhere" ? [t("pull.elsewhere")] : [])].join(" · ");
  }

  #buttons({ state, step }: Pull): void {
    const { start, pause } = {
      start: () => void this.#pulls.start(this.#ref),
      pause: () => this.#pulls.pause(this.#ref),
    };
    const cancel = () => {
      if ((step?.loaded ?? 0) > ASK_BYTES) this.#ask();
      else this.#pulls.drop(this.#ref);
    };
    const stop = button(t("cancel"), cancel, "b-bare", "pull.cancel");
    const hint = el("span", { class: "muted" }, t("pull.hint"));
    const nodes = {
      running: [button(t("pull.pause"), pause, "", "pull.pause"), stop, hint],
      paused: [button(t("go.on"), start, "", "pull.go-on"), stop],
      failed: [button(t("again"), start, "", "pull.go-on"), stop],
      elsewhere: [],
    }[state];
    this.#do.replaceChildren(...nodes);
  }

  /** Much would be thrown away: a second question, in place. */
  #ask(): void {
    const pull = this.#pulls.all.find(({ ref }) => ref === this.#ref);
    this.#state = "ask";
    const size = bytes(pull?.step?.loaded ?? 0);
    const later = button(t("pull.later"), () => {
      this.#state = null;
      this.#pulls.pause(this.#ref);
    });
    const away = button(t("pull.away"), () => this.#pulls.drop(this.#ref), "danger");
    this.#do.replaceChildren(t("pull.ask", { size }), later, away);
    later.focus();
  }

  #say(share: number): void {
    const quarter = Math.floor(share * 4);
    const now = performance.now();
    if (quarter <= this.#spoken || quarter === 4) return;
    this.#spoken = quarter;
    if (this.#spokenAt > 0 && now - this.#spokenAt < SAY_EVERY_MS) return;
    this.#spokenAt = now;
    announce(t("say.percent", { n: quarter * 25 }));
  }
}

function done(loaded: number, total: number | null): string {
  return total === null ? bytes(loaded) : bytesOf(loaded, total);
}

function button(label: string, onclick: () => void, kind = "", ui?: string): HTMLElement {
  return el("button", { class: `b b-sm ${kind}`, type: "button", onclick, "data-ui": ui }, label);
}
