import { announce } from "../announce.js";
import { button, el } from "../dom.js";
import { bytes, bytesOf, percent, Rate } from "../format.js";
import { t } from "../i18n/index.js";
import type { Pull, Pulls } from "../pulls.js";
import { retryWords } from "../retry.js";
import { isWasted, pullTrouble } from "./pull-trouble.js";
import { namesOf } from "./reference.js";

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
  /** Why it stands still, and the ways on. */
  readonly #trouble = el("div", { class: "trouble" });
  readonly #rate = new Rate();
  readonly #timer: ReturnType<typeof setInterval>;
  #state: Pull["state"] | "ask" | null = null;
  #spoken = 0;
  #spokenAt = 0;
  /** The try that was spoken of, while there is one. */
  #spokenTry = 0;

  constructor(pulls: Pulls, ref: string) {
    this.#pulls = pulls;
    this.#ref = ref;
    const { title, host } = namesOf(ref);
    this.#bar.setAttribute("aria-label", t("load.getting", { name: title }));
    const heading = el("h3", { title: ref }, title);
    const from = host === null ? [] : [el("p", { class: "muted from" }, host)];
    this.node = el(
      "section",
      { class: "card", "aria-label": title, "data-ui": "pull.card" },
      el("div", { class: "head" }, heading, el("span", { class: "grow" }), this.#share),
      ...from,
      this.#bar,
      this.#facts,
      this.#do,
      this.#trouble,
    );
    this.#timer = setInterval(() => this.#show(), TICK_MS);
    this.#show();
  }

  #show(): void {
    const pull = this.#pulls.all.find(({ ref }) => ref === this.#ref);
    if (!pull) return clearInterval(this.#timer);
    const { step, state } = pull;
    this.#sayTry(pull);
    if (step?.total) {
      this.#bar.value = step.loaded / step.total;
      this.#share.textContent = percent(step.loaded, step.total);
      if (state === "running") this.#say(step.loaded / step.total);
    } else this.#bar.removeAttribute("value");
    this.#facts.textContent = this.#words(pull);
    if (state !== this.#state && this.#state !== "ask") this.#buttons(pull);
    const isComing = state === "running" || state === "elsewhere";
    this.#state = this.#state === "ask" && isComing ? "ask" : state;
  }

  #words(pull: Pull): string {
    const { step, state } = pull;
    if (isTroubled(state)) return ""; // its card says it
    const isKnown = step !== null && (step.loaded > 0 || step.total !== null);
    const so = isKnown ? done(step.loaded, step.total) : "";
    if (state === "paused") return [so, t("pull.paused")].filter(Boolean).join(" · ");
    if (step === null) return t("pull.starting");
    if (step.phase === "check")
      return t("pull.checking", { share: percent(step.loaded, step.total ?? 0) });
    const silence = silenceWords(pull);
    if (silence !== null) return [so, silence].filter(Boolean).join(" · ");
    this.#rate.add(performance.now(), step.loaded);
    const rate = this.#rate.perSecond();
    const left = step.total === null ? null : this.#rate.wordsLeft(step.total);
    const words = [so, ...(rate ? [`${bytes(rate)}/s`] : []), ...(left ? [left] : [])];
    return [...words, ...(state === "elsewhere" ? [t("pull.elsewhere")] : [])].join(" · ");
  }

  #buttons(pull: Pull): void {
    const { state, step } = pull;
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
    const halt = button(t("pull.pause"), pause, "", "pull.pause");
    const nodes = {
      running: [halt, stop, hint],
      paused: [button(t("go.on"), start, "", "pull.go-on"), stop],
      waiting: [],
      failed: [],
      elsewhere: [halt, stop],
    }[state];
    this.#do.replaceChildren(...nodes);
    this.#facts.hidden = isTroubled(state);
    const isNothing = step === null || step.loaded === 0 || isWasted(pull);
    this.#bar.hidden = this.#share.hidden = isTroubled(state) && isNothing;
    const so = step === null ? "" : done(step.loaded, step.total);
    const drop = () => this.#pulls.drop(this.#ref);
    this.#trouble.replaceChildren(
      ...(isTroubled(state) ? [pullTrouble(pull, so, { start, drop })] : []),
    );
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

  /** Each try is spoken of once. */
  #sayTry({ step, state, retryAt }: Pull): void {
    const retry = state === "running" || state === "elsewhere" ? step?.retry : undefined;
    if (retry && retry.attempt !== this.#spokenTry) announce(retryWords(retry, retryAt));
    this.#spokenTry = retry?.attempt ?? 0;
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

/** What is said of a server that sends nothing; null while it does. */
function silenceWords({ step, movedAt, retryAt }: Pull): string | null {
  if (step?.retry) return retryWords(step.retry, retryAt);
  const silent = performance.now() - movedAt;
  if (silent > STALLED_MS) return t("pull.stalled");
  return silent > WAITING_MS ? t("pull.waiting") : null;
}

function isTroubled(state: Pull["state"]): boolean {
  return state === "failed" || state === "waiting";
}

function done(loaded: number, total: number | null): string {
  return total === null ? bytes(loaded) : bytesOf(loaded, total);
}
