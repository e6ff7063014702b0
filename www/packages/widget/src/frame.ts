/**
 * The panel in a frame of its own origin. The page above it sends one greeting with a port; from
 * then on only that port is listened to, so no other window can say anything, and nothing twice.
 */

import { asCommand } from "./messages.js";
import { mount } from "./panel.js";
import type { Panel, Report } from "./types.js";

/** Sites that whoever serves this frame lets it be shown by; empty is any. */
function sites(): readonly string[] {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="ingle-sites"]');
  return (meta?.content ?? "").split(/\s+/).filter(Boolean);
}

/** True for the one greeting of the page above, from an origin that may show this. */
export function isGreeting(event: MessageEvent<unknown>): boolean {
  const { data, origin, source, ports } = event;
  const above = (location as { ancestorOrigins?: DOMStringList }).ancestorOrigins?.[0];
  const known = sites();
  return (
    source === parent &&
    parent !== window &&
    (above === undefined || above === origin) &&
    (known.length === 0 || known.includes(origin)) &&
    ports.length === 1 &&
    typeof data === "object" &&
    data !== null &&
    Object.keys(data).join() === "ingle" &&
    (data as { ingle: unknown }).ingle === 1
  );
}

function serve(port: MessagePort): void {
  let panel: Panel | null = null;
  const report = (said: Report) => port.postMessage(said);
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    const command = asCommand(data);
    if (!command) return;
    if (command.do !== "config") panel?.command(command);
    else
      panel ??= mount(document.body, document, { ...command.config, isolation: "frame" }, report);
  };
}

function greet(event: MessageEvent<unknown>): void {
  const port = event.ports[0];
  if (!isGreeting(event) || !port) return;
  removeEventListener("message", greet);
  serve(port);
}

addEventListener("message", greet);
