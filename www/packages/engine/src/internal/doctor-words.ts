/**
 * What the doctor can say: each finding with its advice, under a name by which a page can say the
 * same in its own words. Values stand in braces.
 */

/** The English sentences by name: a finding, and advice where there is some. */
export const DOCTOR_WORDS = {
  "summary.gpu": ["This device runs models on its graphics chip, in pieces up to {most}."],
  "summary.cpu": ["This device runs models on its processor."],
  "webgpu.works": ["Works: {chip}, through {browser}."],
  "webgpu.no-chip": [
    "This browser has WebGPU but no graphics chip for it. Models run on the processor, slower.",
    "Turn on graphics acceleration in the browser's settings, and update the driver.",
  ],
  "webgpu.missing": [
    "This browser has no WebGPU. Models run on the processor, slower.",
    "Update the browser, or use Chrome, Edge or another one with WebGPU. In Firefox on Linux it " +
      "is behind dom.webgpu.enabled.",
  ],
  "chip.software": [
    "The processor plays the graphics chip.",
    "Turn on graphics acceleration in the browser's settings.",
  ],
  "chip.used": ["Using the graphics chip that the browser prefers."],
  "half.used": ["Supported."],
  "half.unused": ["Not used here; full precision takes more memory for working space."],
  "numbers.right": ["{n} of {n} kernels give the right numbers."],
  "numbers.right-so-far": [
    "{n} of {n} kernels give the right numbers; {left} more were not tried, because this took " +
      "long.",
  ],
  "numbers.wrong": [
    "{wrong} of {n} kernels gave wrong numbers: {reasons}. Answers stay right and may be slower.",
    "A newer graphics driver or browser may help. Reload the page to use what was found.",
  ],
  "numbers.useless": [
    "{wrong} of {n} kernels gave wrong numbers: {reasons}. Models run on the processor.",
    "A newer graphics driver or browser may help. Reload the page to use what was found.",
  ],
  "numbers.none": ["There is no graphics chip to check."],
  "numbers.failed": [
    "The check did not end: {why}",
    "Models run on the processor. A newer graphics driver may help.",
  ],
  "graphicsMemory.most": ["Pieces up to {most} can be used."],
  "storage.none": [
    "This browser keeps no models for this page.",
    "Private windows keep nothing. Use a usual window.",
  ],
  "storage.kept": ["{free} free for ingle, kept permanently."],
  "storage.maybe": [
    "{free} free for ingle. It may be deleted when space is short.",
    "Ask the browser to keep the data.",
  ],
  "threads.many": ["{n} threads."],
  "threads.one": [
    "1 thread, because this page is served without isolation headers.",
    "For whoever serves the page: Cross-Origin-Opener-Policy same-origin and " +
      "Cross-Origin-Embedder-Policy require-corp make answers on the processor faster.",
  ],
  "offline.stored": ["Page and engine are stored."],
  "offline.not-yet": ["Not stored yet: this page has not stored itself."],
  "offline.refused": ["Not stored yet: this browser does not allow it here."],
  "tab.front": ["Tab is in front."],
  "tab.back": ["Tab is in the background.", "Browsers slow hidden tabs down."],
  "speed.measured": ["Reads {reads}, writes {writes} tokens/s with the model in use."],
  "speed.slow": ["It took too long to measure here."],
  "speed.no-model": ["No model is loaded.", "Load one and run again."],
  "speed.failed": ["{why}"],
} as const satisfies Readonly<Record<string, readonly [string] | readonly [string, string]>>;

export type DoctorKey = keyof typeof DOCTOR_WORDS;
/** What stands in a sentence in place of its braces. */
export type DoctorValues = Readonly<Record<string, string | number>>;

/** Finding and advice of a name, with their values. */
export function doctorWords(key: DoctorKey, values: DoctorValues): [string, string | null] {
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  const [finding, help]: readonly string[] = DOCTOR_WORDS[key];
  return [fill(finding ?? ""), help === undefined ? null : fill(help)];
}
