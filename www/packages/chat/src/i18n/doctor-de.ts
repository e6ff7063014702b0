import type { DoctorKey, DoctorRow } from "@ingle/engine";

type Words = Readonly<Record<DoctorKey, readonly [string] | readonly [string, string]>>;

/** The doctor's sentences in German, by the names that the engine has for them. */
export const doctorDe: Words = {
  "summary.gpu": ["Auf diesem Gerät laufen Modelle auf dem Grafikchip, in Stücken bis {most}."],
  "summary.cpu": ["Auf diesem Gerät laufen Modelle auf dem Prozessor."],
  "webgpu.works": ["Geht: {chip}, über {browser}."],
  "webgpu.no-chip": [
    "Dieser Browser hat WebGPU, aber keinen Grafikchip dafür. Modelle laufen langsamer, auf dem " +
      "Prozessor.",
    "Schalte in den Einstellungen des Browsers die Grafikbeschleunigung ein und erneuere den " +
      "Treiber.",
  ],
  "webgpu.missing": [
    "Dieser Browser hat kein WebGPU. Modelle laufen langsamer, auf dem Prozessor.",
    "Erneuere den Browser oder nimm Chrome, Edge oder einen anderen mit WebGPU. In Firefox unter " +
      "Linux steckt es hinter dom.webgpu.enabled.",
  ],
  "chip.software": [
    "Der Prozessor spielt den Grafikchip.",
    "Schalte in den Einstellungen des Browsers die Grafikbeschleunigung ein.",
  ],
  "chip.used": ["Verwendet den Grafikchip, den der Browser vorzieht."],
  "half.used": ["Wird unterstützt."],
  "half.unused": ["Hier nicht verwendet; volle Genauigkeit braucht mehr Arbeitsplatz."],
  "numbers.right": ["{n} von {n} Kernels rechnen richtig."],
  "numbers.right-so-far": [
    "{n} von {n} Kernels rechnen richtig; {left} weitere wurden nicht geprüft, weil es lange " +
      "dauerte.",
  ],
  "numbers.wrong": [
    "{wrong} von {n} Kernels rechneten falsch: {reasons}. Antworten bleiben richtig und werden " +
      "vielleicht langsamer.",
    "Ein neuerer Grafiktreiber oder Browser hilft vielleicht. Lade die Seite neu, um das " +
      "Gefundene zu verwenden.",
  ],
  "numbers.useless": [
    "{wrong} von {n} Kernels rechneten falsch: {reasons}. Modelle laufen auf dem Prozessor.",
    "Ein neuerer Grafiktreiber oder Browser hilft vielleicht. Lade die Seite neu, um das " +
      "Gefundene zu verwenden.",
  ],
  "numbers.none": ["Es gibt keinen Grafikchip, der zu prüfen wäre."],
  "numbers.failed": [
    "Die Prüfung kam zu keinem Ende: {why}",
    "Modelle laufen auf dem Prozessor. Ein neuerer Grafiktreiber hilft vielleicht.",
  ],
  "graphicsMemory.most": ["Stücke bis {most} sind möglich."],
  "storage.none": [
    "Dieser Browser behält keine Modelle für diese Seite.",
    "Private Fenster behalten nichts. Nimm ein gewöhnliches Fenster.",
  ],
  "storage.kept": ["{free} frei für ingle, dauerhaft behalten."],
  "storage.maybe": [
    "{free} frei für ingle. Wird vielleicht gelöscht, wenn der Platz knapp ist.",
    "Den Browser bitten, die Daten zu behalten.",
  ],
  "threads.many": ["{n} Threads."],
  "threads.one": [
    "1 Thread, weil diese Seite ohne Isolations-Header kommt.",
    "Für den, der die Seite ausliefert: Cross-Origin-Opener-Policy same-origin und " +
      "Cross-Origin-Embedder-Policy require-corp machen Antworten auf dem Prozessor schneller.",
  ],
  "offline.stored": ["Seite und Engine sind gespeichert."],
  "offline.not-yet": ["Noch nicht gespeichert: Die Seite hat sich noch nicht gespeichert."],
  "offline.refused": ["Noch nicht gespeichert: Dieser Browser erlaubt es hier nicht."],
  "tab.front": ["Der Tab ist vorn."],
  "tab.back": ["Der Tab ist im Hintergrund.", "Browser bremsen verborgene Tabs."],
  "speed.measured": ["Liest {reads}, schreibt {writes} Tokens/s mit dem Modell in Gebrauch."],
  "speed.slow": ["Hier zu messen dauerte zu lange."],
  "speed.no-model": ["Kein Modell ist geladen.", "Lade eines und lass noch einmal prüfen."],
  "speed.failed": ["{why}"],
};

/** Names of the rows in German; English ones come with the engine. */
export const doctorNamesDe: Readonly<Record<DoctorRow["id"], string>> = {
  webgpu: "WebGPU",
  chip: "Welcher Chip",
  half: "Halbe Genauigkeit",
  numbers: "Selbstprüfung",
  graphicsMemory: "Grafikspeicher",
  storage: "Speicher",
  threads: "Threads",
  offline: "Ohne Netz",
  speed: "Tempo",
  tab: "Hintergrund",
};
