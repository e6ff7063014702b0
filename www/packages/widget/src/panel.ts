/** The panel's script: loaded at the first click, by the page or by the frame. */

import { Talk } from "./panel/talk.js";
import { SHEET } from "./panel/sheet.js";
import { paint } from "./panel/theme.js";
import { View } from "./panel/view.js";
import { speak } from "./panel/words.js";
import type { Command, Config, Panel, Report } from "./types.js";

/** Puts a panel into `box`, whose document or shadow root is `root`. */
export function mount(
  box: HTMLElement,
  root: Document | ShadowRoot,
  config: Config,
  report: (report: Report) => void,
): Panel {
  speak(config.lang);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, SHEET];
  if (root instanceof Document) {
    root.documentElement.lang = config.lang;
    root.title = config.heading || root.title;
  }
  const view = new View(config);
  paint(view.node, config);
  box.replaceChildren(view.node);
  const talk = new Talk(config, view, report);
  report({ is: "state", state: "idle" });
  return { command: (command) => obey(command, talk, view, report) };
}

function obey(command: Command, talk: Talk, view: View, report: (report: Report) => void): void {
  switch (command.do) {
    case "open":
      talk.opened();
      return view.focus(command.touch);
    case "close":
      return talk.closed();
    case "prepare":
      return void talk.prepare();
    case "ask":
      return talk.say(command.text);
    case "stop":
      return talk.stop();
    case "clear":
      return talk.clear();
    case "export":
      return report({ is: "exported", id: command.id, text: talk.text() });
    case "config":
      return; // known since the panel stands
  }
}
