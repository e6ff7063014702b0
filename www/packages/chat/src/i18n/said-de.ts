/**
 * The engine's sentences in German, by their codes: what the English one looks like, and the words
 * for it, with the pattern's groups as values. The first that matches is taken.
 */
type Said = readonly (readonly [RegExp, string])[];

const ROOM = "Lösche ein Modell, das du nicht brauchst, oder mach auf dem Gerät Platz.";

export const saidDe: Readonly<Record<string, Said>> = {
  "net.http": [
    [
      /^(?<host>\S+) answered 404: there is no (?<name>.+); check the address\.$/,
      "{host} antwortete mit 404: {name} gibt es dort nicht. Prüfe die Adresse.",
    ],
    [
      /(?:^|: )(?<host>\S+) answered (?<status>\d{3})\b.*; it asks for a new try in (?<s>\d+) s\.$/,
      "{host} antwortete mit {status} und will erst in {s} s wieder gefragt werden.",
    ],
    [
      /(?:^|: )(?<host>\S+) answered (?<status>\d{3})(?::.*)?\.$/,
      "{host} antwortete mit {status}.",
    ],
  ],
  "net.auth": [
    [
      /^(?<host>\S+) refuses access: /,
      "{host} will eine Anmeldung, und ingle meldet sich nirgends an. Lade die Datei selbst " +
        "herunter und wähle sie hier.",
    ],
  ],
  "net.cut": [
    [
      /^(?:The connection to (?<host>\S+) broke; |(?<from>\S+): the connection )/,
      "Die Verbindung brach ab. Was da ist, bleibt.",
    ],
  ],
  "net.stalled": [[/: nothing came for (?<s>\d+) s/, "Seit {s} s kam nichts mehr."]],
  "net.refused": [
    [
      /^Cannot reach (?<host>\S+): /,
      "Unter {host} antwortet niemand, oder die Adresse ist falsch.",
    ],
  ],
  "net.changed": [
    [
      /^The file at (?<host>\S+) changed/,
      "Das geschah während des Downloads. Was von der alten Datei da war, ist gelöscht.",
    ],
  ],
  "net.protocol": [
    [/^(?<host>\S+) sent something/, "{host} schickte etwas, das ingle nicht versteht."],
    [
      /^Refused to follow (?<host>\S+): /,
      "{host} verwies auf eine Adresse, der zu folgen nicht sicher ist.",
    ],
  ],
  "store.full": [
    [
      /^Not enough storage: (?<need>[\d.]+ \w+) more needed, and this browser gives/,
      `Es fehlen {need}, und mehr gibt der Browser ingle nicht. ${ROOM}`,
    ],
    [
      /^Not enough storage: (?<need>[\d.]+ \w+) needed, and this browser has (?<have>[\d.]+ \w+) /,
      `Es braucht {need}, und dieser Browser hat noch {have} für ingle. ${ROOM}`,
    ],
  ],
  "store.locked": [
    [
      /^A model (?<name>.+) is being made already/,
      "{name} entsteht schon, hier oder in einem anderen Tab. Warte darauf.",
    ],
  ],
  "model.exists": [
    [
      /^A model (?<name>.+) is here already/,
      "{name} ist schon da. Lösche es vorher, oder nimm einen anderen Namen.",
    ],
  ],
  "model.missing": [
    [
      /^(?<name>.+) is not in this browser; /,
      "{name} fehlt hier. Hol es, oder lade es aus einer Datei.",
    ],
  ],
  "model.unsupported": [
    [
      /^Unsupported model architecture '(?<name>[^']*)'; supported are (?<known>.+)\.$/,
      "Es ist von der Art „{name}“. Es gehen {known}.",
    ],
  ],
  "model.damaged": [
    [
      /^The file ends too early: |ends at byte \d+, the file has/,
      "Sie hört zu früh auf. Wahrscheinlich wurde sie nicht ganz heruntergeladen oder kopiert: " +
        "Hol sie noch einmal.",
    ],
    [/[Tt]he file (?:is|has|declares) /, "Sie ist beschädigt. Hol sie noch einmal."],
  ],
  "model.nan": [
    [/./, "Vielleicht ist die Datei beschädigt. Vergleiche sie mit der Quelle, oder hol sie neu."],
  ],
  "model.template": [
    [
      /^The chat template refuses this conversation: (?<why>.+)$/,
      "Sie lehnt dieses Gespräch ab: {why}",
    ],
    [
      /^The chat template is not valid Jinja \(line (?<n>\d+): (?<why>.+)\); /,
      "Die Vorlage ist kein gültiges Jinja (Zeile {n}: {why}).",
    ],
  ],
  "file.type": [
    [/^(?<name>.+) is empty; /, "{name} ist leer."],
    [/^(?<name>.+) is not a model file; /, "ingle liest GGUF-Dateien, und {name} ist keine."],
  ],
  "gpu.lost": [
    [/^The graphics chip went away again and again\./, "Was geschrieben ist, bleibt."],
  ],
  "gpu.missing": [
    [
      /^WebGPU found no graphics chip/,
      "WebGPU fand keinen Grafikchip. Antworten kommen vom Prozessor und sind langsamer.",
    ],
    [
      /^This browser has no WebGPU/,
      "Dieser Browser hat kein WebGPU. Antworten kommen vom Prozessor und sind langsamer.",
    ],
  ],
  "gpu.tuning": [[/./, "Mit dem nächsten Modell wird es neu herausgefunden."]],
  "store.memory": [
    [/./, "Dieser Browser behält für diese Seite keine Dateien. Sie gehen mit diesem Tab."],
  ],
  "store.adopted": [
    [/^The model (?<name>.+) of an/, "{name} ist in den neuen Speicher gezogen."],
    [/^(?<n>\d+) models/, "{n} Modelle sind in den neuen Speicher gezogen."],
  ],
  "engine.killed": [
    [
      /^The browser ended the engine/,
      "Das geschah mehrmals, oft weil der Arbeitsspeicher nicht reicht. Was geschrieben ist, " +
        "bleibt. Nimm ein kleineres Modell, oder schließe andere Tabs.",
    ],
  ],
  "engine.crash": [
    [
      /^The engine stopped unexpectedly, again and again\./,
      "Das geschah mehrmals. Was geschrieben ist, bleibt.",
    ],
    [/^The engine stopped unexpectedly\./, "Starte es noch einmal."],
  ],
  "engine.insecure": [
    [
      /^This page came without HTTPS/,
      "Sie kam ohne HTTPS, und solchen Seiten lassen Browser keine Modelle. Öffne sie über " +
        "HTTPS oder auf dem Computer, der sie ausliefert.",
    ],
  ],
  "engine.old": [
    [
      /It needs WebAssembly with SIMD: (?<known>.+), or newer\.$/,
      "Es braucht WebAssembly mit SIMD: {known} oder neuer.",
    ],
  ],
  "engine.module": [
    [
      /^The engine's WebAssembly module/,
      "Lade die Seite neu. Bleibt es so, fehlt dem Server eine Datei.",
    ],
  ],
  "engine.interrupted": [
    [/^The engine had to start again/, "Die Engine musste neu starten. Frag noch einmal."],
  ],
  "bench.note": [
    [/^Interrupted after (?<n>\d+) runs\.$/, "Nach {n} Läufen abgebrochen."],
    [/^Spread (?<n>\d+)%: /, "Streuung {n} %: Etwas anderes hat das Gerät beschäftigt."],
    [
      /own peaks moved by (?<n>\d+)%/,
      "Das Gerät selbst wurde um {n} % schneller oder langsamer: nicht vergleichen.",
    ],
    [
      /^Above the limit of main memory: /,
      "Schneller, als der Arbeitsspeicher erlaubt: Ein Teil der Gewichte liegt näher.",
    ],
  ],
};
