import type { judgeEn } from "./en-judge.js";

/** German: measuring how good a model is. */
export const judgeDe: Readonly<Record<keyof typeof judgeEn, string>> = {
  "judge": "Qualität messen",
  "judge.of": "Qualität von {name} messen",
  "judge.lead":
    "{name} liest einen Text von ingle. Gemessen wird, wie gut es jedes Wort voraussieht. Das " +
    "läuft auf dem Prozessor; du kannst weiter chatten.",
  "judge.with": "Vergleichen mit",
  "judge.alone": "Nichts",
  "judge.alone.text": "nur, wie gut es den Text voraussieht",
  "judge.amount": "Wie viel gelesen wird",
  "judge.amount.short": "Kurz",
  "judge.amount.short.text": "1.024 Tokens, ein erster Blick",
  "judge.amount.usual": "Üblich",
  "judge.amount.usual.text": "4.096 Tokens",
  "judge.amount.all": "Alles",
  "judge.amount.all.text": "etwa 12.000 Tokens, am sichersten",
  "judge.start": "Messen",
  "judge.starting": "Beginnt",
  "judge.stop": "Anhalten",
  "judge.load": "{name} wird geladen: {share}",
  "judge.read": "{name} liest: {n} von {m} Stücken",
  "judge.weights": "Gewichte von {name} werden verglichen: {share}",
  "judge.with.of": "{name} verglichen mit {baseline}",
  "judge.alone.of": "Qualität von {name}",
  "judge.compare": "Mit {name} vergleichen",
  "judge.ready": "{title}: gemessen.",
  "judge.failed": "Die Qualität konnte nicht gemessen werden",
  "judge.save": "Als JSON speichern",
  "judge.nearly": "Kein Unterschied zu bemerken",
  "judge.very": "Kaum zu unterscheiden",
  "judge.balanced": "Kleine Unterschiede",
  "judge.small": "Sichtbar anders",
  "judge.tiny": "Ganz anders",
  "judge.says": "Beide würden an {share} von {n} Stellen mit demselben Wort weitermachen.",
  "judge.means":
    "Die Abweichung sagt, wie weit die Antworten auseinanderliegen: 0 ist gleich. Die " +
    "Perplexität sagt, zwischen wie vielen Wörtern ein Modell schwankt: weniger ist besser.",
  "judge.alone.says":
    "Es schwankt an jeder Stelle zwischen etwa {n} Wörtern. Weniger ist besser.",
  "judge.alone.means":
    "Vergleiche Perplexitäten nur zwischen Modellen mit demselben Vokabular. Was das Verkleinern " +
    "mit einem Modell gemacht hat, zeigt der Vergleich beider.",
  "judge.row.same": "Gleiches nächstes Wort",
  "judge.row.kl": "Abweichung, Nat",
  "judge.row.perplexity": "Perplexität",
  "judge.row.before": "Perplexität des anderen",
  "judge.row.ratio": "Verhältnis beider",
  "judge.row.layer": "Größter Fehler hinter einer Schicht",
  "judge.row.nats": "Überraschung je Token, Nat",
  "judge.row.size": "Gewichte",
  "judge.row.read": "Gemessen an",
  "judge.sizes": "{size} statt {before}",
  "judge.read.all": "{n} Stücken zu {m} Tokens, in {s} s",
};
