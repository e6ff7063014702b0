/** What the element, the frame and the panel say to each other: plain data only. */

export type State = "idle" | "asking" | "loading" | "ready" | "writing" | "trouble" | "unsupported";

/** All a panel has to know; read from attributes by the element, checked where it arrives. */
export interface Config {
  /** Address of a GGUF file, or the name of a stored model. */
  readonly model: string;
  readonly sha256: string;
  /** Bytes; 0 if the site did not say. */
  readonly size: number;
  readonly heading: string;
  readonly greeting: string;
  readonly placeholder: string;
  readonly system: string;
  readonly context: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly keep: "tab" | "none" | "device";
  readonly share: "none" | "text";
  readonly isolation: "frame" | "shadow";
  readonly inline: boolean;
  readonly keepLoaded: boolean;
  readonly lang: "en" | "de";
  readonly scheme: "auto" | "light" | "dark";
  readonly askOver: number;
  /** Custom properties without their `--ingle-`, as the page has them. */
  readonly theme: Readonly<Record<string, string>>;
}

/** Page to panel. */
export type Command =
  | { readonly do: "config"; readonly config: Config }
  | { readonly do: "open"; readonly touch: boolean }
  | { readonly do: "close" }
  | { readonly do: "prepare" }
  | { readonly do: "ask"; readonly text: string }
  | { readonly do: "stop" }
  | { readonly do: "clear" }
  | { readonly do: "export"; readonly id: number };

/** Panel to page. `exported` has a text only where the site shares text. */
export type Report =
  | { readonly is: "state"; readonly state: State }
  | { readonly is: "close" }
  | { readonly is: "event"; readonly name: EventName; readonly detail: Detail }
  | { readonly is: "exported"; readonly id: number; readonly text: string | null };

export type EventName = "progress" | "ready" | "turn" | "error";
export type Detail = Readonly<Record<string, string | number | boolean | null>>;

/** A panel, wherever it is. */
export interface Panel {
  command(command: Command): void;
}
