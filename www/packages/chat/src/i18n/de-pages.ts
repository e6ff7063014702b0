import type { pagesEn } from "./en-pages.js";

/** The German words of pages and problems. */
export const pagesDe: Record<keyof typeof pagesEn, string> = {
  "bench": "Messung",
  "doctor": "Diagnose",
  "doctor.lead":
    "Sieht nach, was Modelle auf diesem Gerät brauchen. Einige Sekunden; nichts wird gesendet.",
  "doctor.list": "Was angesehen wurde",
  "doctor.again": "Noch einmal prüfen",
  "doctor.copy": "Bericht kopieren",
  "doctor.looking": "Sieht nach",
  "doctor.mark.pass": "Geht",
  "doctor.mark.note": "Könnte besser sein",
  "doctor.mark.problem": "Problem",
  "doctor.mark.untested": "Nicht geprüft",
  "doctor.improve.one": "{n} Sache wäre zu verbessern.",
  "doctor.improve.many": "{n} Dinge wären zu verbessern.",
  "doctor.details.one": "Einzelheiten zu {n} Kernel",
  "doctor.details.many": "Einzelheiten zu {n} Kernels",
  "doctor.kernels": "Kernels",
  "doctor.kernel": "Kernel",
  "doctor.error": "Fehler",
  "doctor.allowed": "Erlaubt",
  "doctor.result": "Ergebnis",
  "doctor.right": "richtig",
  "doctor.wrong": "falsch",
  "doctor.not-run": "lief nicht",
  "doctor.kept": "Der Browser behält die Daten.",
  "doctor.not-kept": "Der Browser will die Daten nicht dauerhaft behalten.",
  "doctor.report": "Bericht der Diagnose",
  "doctor.report.text":
    "Das ist der ganze Bericht, auf Englisch: keine Chats, keine Namen von Dateien, keine " +
    "Adressen.",
  "privacy": "Privatsphäre",
  "settings": "Einstellungen",
  "keys": "Tastatur",
  "where.tab": "Auf diesem Gerät",
  "where.computer": "Auf diesem Computer",
  "where.at": "Bei {host}",
  "where.using": "Über {host}",
  "start.promise": "Frag etwas. Es bleibt auf diesem Gerät.",
  "start.lead":
    "ingle lässt ein Sprachmodell in diesem Tab laufen. Was du schreibst, wird " +
    "nirgendwohin gesendet, und es geht ohne Verbindung.",
  "start.promise.computer": "Frag etwas. Es bleibt auf diesem Computer.",
  "start.lead.computer":
    "Der Server unter {host} lässt das Modell auf diesem Computer laufen. Was du " +
    "schreibst, bekommt nur er.",
  "start.promise.elsewhere": "Frag etwas. {host} antwortet.",
  "start.lead.elsewhere":
    "Nachrichten an dieses Modell gehen an {host} und werden dort beantwortet, und nirgends sonst.",
  "start.promise.both": "Frag etwas.",
  "start.lead.both":
    "Ein Modell des Servers antwortet dort, und was du schreibst, wird dorthin gesendet. " +
    "Ein Modell in diesem Browser läuft in diesem Tab, und nichts wird gesendet.",
  "start.failed": "ingle konnte nicht starten",
  "try": "Zum Ausprobieren",
  "try.1": "Erzähl eine kurze Geschichte über einen Leuchtturm",
  "try.2": "Erklär einem Kind von zehn Jahren den Regenbogen",
  "try.3": "Schreib drei Namen für eine kleine Bäckerei",
  "device.cpu": "Prozessor",
  "device.none": "In diesem Tab laufen keine Modelle",
  "held": "{size} belegt",
  "storage": "{used} von {all} belegt",
  "use.cpu": "Den Prozessor verwenden",
  "copy.details": "Einzelheiten kopieren",
  "go.on.context.one": "Mit {n} Token weiterschreiben",
  "go.on.context.many": "Mit {n} Tokens weiterschreiben",
  "lost.gpu": "Der Grafikchip wurde zurückgesetzt.",
  "lost.memory": "Dem Grafikchip ging der Speicher aus.",
  "lost.crash": "Das Modell hat unerwartet angehalten.",
  "lost.killed": "Der Browser hat das Modell beendet.",
  "lost.leader": "Der Tab mit dem Modell wurde geschlossen. Die Antwort geht hier weiter.",
  "lost.frozen": "Der Tab mit dem Modell wurde angehalten. Die Antwort geht hier weiter.",
  "recover.text":
    "Dein Chat ist sicher. ingle lädt das Modell neu und schreibt nach dem letzten Wort weiter.",
  "recover.takes.moment": "Das dauert einen Moment.",
  "recover.takes.one": "Das dauert etwa {n} Sekunde.",
  "recover.takes.many": "Das dauert etwa {n} Sekunden.",
  "recover.status": "Lädt das Modell neu",
  "after.gpu": "Ging weiter, nachdem der Grafikchip zurückgesetzt wurde.",
  "after.memory": "Ging weiter, nachdem dem Grafikchip der Speicher ausging.",
  "after.crash": "Ging weiter, nachdem das Modell unerwartet anhielt.",
  "after.killed": "Ging weiter, nachdem der Browser das Modell beendet hat.",
  "after.leader": "Ging weiter, nachdem der Tab mit dem Modell geschlossen wurde.",
  "after.frozen": "Ging weiter, nachdem der Tab mit dem Modell angehalten wurde.",
  "paused.phone":
    "Dein Telefon hat diesen Tab angehalten. Die Antwort geht weiter, wo sie aufhörte.",
  "paused.browser":
    "Der Browser hat diesen Tab angehalten. Die Antwort geht weiter, wo sie aufhörte.",
  "gpu.given.up":
    "Antworten kommen jetzt vom Prozessor und sind langsamer. Lade die Seite neu, um den " +
    "Grafikchip wieder zu versuchen.",
  "store.locked": "ingle ist in einem anderen Tab offen; das Modell läuft dort.",
  "answer.failed": "Die Antwort konnte nicht geschrieben werden",
  "remove.failed": "Das Modell wurde nicht gelöscht",
  "store.chat": "Der Speicher ist voll, neue Nachrichten werden nicht gespeichert",
  "store.chat.text": "Sie bleiben, solange dieser Tab offen ist.",
  "store.newer": "Diese Chats hat ein neueres ingle gespeichert",
  "store.newer.text": "Sie sind unverändert und nach einem Update zu lesen.",
  "store.evicted": "Dieser Browser hat Daten von ingle gelöscht",
  "store.evicted.text": "Weg: {what}. Das geschieht, wenn der Platz knapp ist.",
  "private.window": "Das ist ein privates Fenster",
  "private.text":
    "Chats und Modelle bleiben im Arbeitsspeicher und sind weg, wenn du es schließt.",
  "rebuilt.one":
    "Die Liste der Chats wurde aus dem Journal wiederhergestellt. {n} Chat gefunden.",
  "rebuilt.many":
    "Die Liste der Chats wurde aus dem Journal wiederhergestellt. {n} Chats gefunden.",
  "n.chats.one": "{n} Chat",
  "n.chats.many": "{n} Chats",
  "n.models.one": "{n} Modell",
  "n.models.many": "{n} Modelle",
  "requests.one": "{n} Anfrage",
  "requests.many": "{n} Anfragen",
  "requests.download": "1 Download",
  "requests.sealed": "der Browser sperrt alle Anfragen",
  "requests.uncounted": "Anfragen nicht gezählt",
  "reason.model": "Modelldatei",
  "reason.demo": "Demo-Modell",
  "reason.list": "Liste der Modelle",
  "reason.load": "Laden eines Modells",
  "reason.answer": "Antwort",
  "reason.pull": "Holen eines Modells",
  "reason.delete": "Löschen eines Modells",
  "reason.page": "Datei dieser Seite",
  "ledger": "Anfragen",
  "ledger.time": "Zeit",
  "ledger.host": "Host",
  "ledger.size": "Größe",
  "ledger.reason": "Grund",
  "ledger.save": "Liste speichern",
  "ledger.tab":
    "Das Modell läuft in diesem Tab. Nachrichten, Dateien und Antworten sind in keiner " +
    "dieser Anfragen.",
  "ledger.tab.server":
    "Modelle in diesem Browser laufen in diesem Tab: Ihre Nachrichten und Antworten sind " +
    "in keiner Anfrage.",
  "ledger.sent":
    "Nachrichten an Modelle des Servers gehen an {host}, woher diese Seite kam. Einige " +
    "wurden gesendet, wie unten steht.",
  "ledger.unsent":
    "Nachrichten an Modelle des Servers gehen an {host}, woher diese Seite kam. Keine " +
    "wurde gesendet.",
  "ledger.since": "Seit ihrem Start machte diese Seite {requests}{start}.",
  "ledger.start": ", und {n} an den Server beim Start",
  "ledger.shared":
    "Wer dieses Browserprofil benutzen kann, kann diese Chats lesen. Der Hersteller des " +
    "Browsers und Erweiterungen können diese Seite sehen.",
  "privacy.more": "Mehr zur Privatsphäre, und das Siegel",
  "privacy.lead":
    "Jede Anfrage dieser Seite wird gezählt und aufgelistet. Die Nachfrage des Browsers " +
    "nach einer neuen Version ist von hier nicht zu sehen.",
  "seal": "Diese Seite versiegeln",
  "unseal": "Siegel öffnen",
  "seal.text":
    "Lädt die Seite neu, ohne das Recht, irgendetwas zu erreichen. Modelle zu holen geht " +
    "erst wieder ohne Siegel.",
  "seal.cannot":
    "Diese Seite kann noch nicht versiegelt werden: Der Browser muss erst ihre Dateien " +
    "behalten, und das braucht HTTPS.",
  "sealed": "Versiegelt",
  "sealed.text":
    "Der Browser sperrt jede Anfrage dieser Seite an andere Hosts, und nur ihre " +
    "gespeicherten Dateien werden verwendet.",
  "limit": "Hosts, die du gewählt hast",
  "limit.on": "Nur diese Hosts erlauben",
  "limit.off": "Jeden Host erlauben",
  "limit.text":
    "Modelle kommen von Hosts, die du wählst; sie stehen hier. Die Regeln, die diese Seite " +
    "mitbringt, können sie nicht kennen und erlauben deshalb jeden. Du kannst den Browser alle " +
    "anderen sperren lassen: Das braucht die gespeicherte Seite und ein Neuladen.",
  "limit.text.on":
    "Der Browser sperrt jede Anfrage dieser Seite an einen Host, der hier nicht steht und nicht " +
    "ihr eigener ist. Ein weiterer lässt sich erlauben, wenn du ein Modell von dort holst.",
  "limit.none": "Noch kein Modell kam von einem anderen Host.",
  "limit.drop": "Entfernen",
  "limit.drop.name": "{host} entfernen",
  "limit.blocked": "Diese Seite darf {host} nicht erreichen",
  "limit.blocked.text":
    "Du hast nur Hosts erlaubt, die du gewählt hast. Um diesen zu erlauben, wird die Seite neu " +
    "geladen; Chats und Geholtes bleiben.",
  "limit.allow": "{host} erlauben und neu laden",
  "kept": "Hier gespeichert",
  "wipe": "Alles löschen",
  "wipe.type": "Zum Bestätigen „löschen“ eintippen",
  "wipe.word": "löschen",
  "settings.find": "Einstellungen durchsuchen",
  "settings.look": "Aussehen",
  "settings.chat": "Chat",
  "settings.models": "Modelle und Speicher",
  "settings.chats": "Chats",
  "as.browser": "wie der Browser",
  "theme.system": "wie das System",
  "theme.light": "hell",
  "theme.dark": "dunkel",
  "set.theme": "Farben",
  "set.language": "Sprache",
  "set.size": "Textgröße",
  "set.follow": "Neuem Text folgen",
  "set.figures": "Zahlen unter Antworten",
  "figures.all": "alle",
  "figures.speed": "Tempo",
  "figures.none": "keine",
  "set.calm": "Bewegung verringern",
  "set.enter": "Enter-Taste",
  "enter.sends": "sendet",
  "enter.newline": "beginnt eine neue Zeile",
  "set.reading": "Bildschirmleser",
  "reading.done": "liest Antworten, wenn sie fertig sind",
  "reading.written": "liest Antworten beim Schreiben",
  "reading.short": "sagt nur, dass eine Antwort fertig ist",
  "set.instructions": "Anweisungen für neue Chats",
  "set.reload": "Mit dem zuletzt verwendeten Modell beginnen",
  "set.remember": "Lange Chats für einen schnelleren Start merken",
  "remember.none": "Dafür ist auf diesem Gerät nichts gespeichert.",
  "remember.room.one": "{n} Chat belegt {size} auf diesem Gerät.",
  "remember.room.many": "{n} Chats belegen {size} auf diesem Gerät.",
  "remember.free": "Löschen",
  "set.device": "Gerät",
  "offline": "Ohne Netz",
  "offline.ready": "Diese Seite und ihre Engine sind gespeichert",
  "offline.waiting": "Wird gespeichert",
  "offline.none": "Nicht gespeichert: Das braucht HTTPS",
  "persist": "Den Browser bitten, Daten zu behalten",
  "persist.yes": "Dieser Browser behält die Daten von ingle.",
  "persist.no":
    "Dieser Browser löscht Daten vielleicht, wenn der Platz knapp ist. Auf dem " +
    "Startbildschirm bleibt ingle erhalten.",
  "export.all": "Alle Chats speichern",
  "export.texts": "Alle Chats ohne Dateien speichern",
  "import": "Chats importieren",
  "import.about": "Chats werden als eine JSON-Datei gespeichert. Ein Import überschreibt nichts.",
  "import.added.one": "{n} Chat importiert.",
  "import.added.many": "{n} Chats importiert.",
  "import.skipped.one": "{n} war schon da.",
  "import.skipped.many": "{n} waren schon da.",
  "import.large": "Diese Datei hat {size}. Dateien bis {max} können importiert werden.",
  "import.not-json":
    "Diese Datei ist kein JSON. Wähle eine hier gespeicherte Datei oder eine Liste von " +
    "Nachrichten.",
  "import.newer": "Diese Datei hat ein neueres ingle gespeichert. Lade diese Seite neu.",
  "import.no-chats":
    "Diese Datei enthält keine Chats. Wähle eine hier gespeicherte Datei oder eine Liste " +
    "von Nachrichten.",
  "import.failed": "Die Chats konnten nicht gespeichert werden. Nichts wurde geändert.",
  "update.ready": "Eine neue Version ist bereit. Sie beginnt beim nächsten Öffnen von ingle.",
  "update.now": "Jetzt verwenden",
  "key.ctrl": "Strg",
  "key.shift": "Umschalt",
  "key.delete": "Entf",
  "key.home": "Pos1",
  "key.end": "Ende",
  "keys.lead": "Alles geht ohne Maus. Auf Apple-Systemen ist Strg die Taste ⌘.",
  "keys.send": "Senden",
  "keys.line": "Neue Zeile",
  "keys.send.always": "Senden, immer",
  "keys.esc": "Oberste Ebene schließen, sonst Schreiben anhalten",
  "keys.up": "Im leeren Feld: letzte Nachricht bearbeiten",
  "keys.search": "Suche und Befehle",
  "keys.new": "Neuer Chat",
  "keys.help": "Diese Seite",
  "keys.region": "Nächster und voriger Bereich",
  "keys.message": "Vorige und nächste Nachricht",
  "keys.ends": "Erste Nachricht, und das Ende",
  "keys.letters": "Auf einer Nachricht: kopieren, bearbeiten, neue Version, abzweigen",
  "keys.versions": "Auf einer Nachricht: frühere und spätere Version",
  "keys.delete": "Auf einer Nachricht oder einem Chat der Liste: löschen",
  "keys.rename": "Auf einem Chat der Liste: umbenennen",
  "keys.undo": "Rückgängig, solange es angeboten wird",
  "keys.commands": "Am Anfang des Feldes: Befehle",
};
