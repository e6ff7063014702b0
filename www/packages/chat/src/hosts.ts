/** The hosts a person has got models from: what a limited page may contact. */

const KEY = "ingle.hosts";
/** Where names without a host lead. */
const REGISTRY = "registry.ollama.ai";

/** Hosts that answer with an address of another one, and where that leads. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  "huggingface.co": ["*.huggingface.co", "hf.co", "*.hf.co"],
  "hf.co": ["*.hf.co", "huggingface.co", "*.huggingface.co"],
  [REGISTRY]: ["*.r2.cloudflarestorage.com"],
};

export function chosenHosts(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((host) => typeof host === "string") : [];
  } catch {
    return [];
  }
}

/** The host that a name or an address leads to. */
export function hostOf(ref: string): string {
  if (/^(\.{0,2}\/|https?:)/.test(ref)) return new URL(ref, document.baseURI).host;
  const [first = "", ...rest] = ref.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first : REGISTRY;
}

/** Remembers where a person gets a model from. */
export function chooseHost(ref: string): void {
  const host = hostOf(ref);
  if (host === location.host || chosenHosts().includes(host)) return;
  keepHosts([...chosenHosts(), host]);
}

export function keepHosts(hosts: readonly string[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(hosts));
  } catch {
    // A private window: the page is limited to itself when it is limited.
  }
}

/** The same hosts as a policy has to name them. */
export function sourcesOf(hosts: readonly string[]): string[] {
  return [...new Set(hosts.flatMap((host) => [host, ...(FAMILIES[host] ?? [])]))];
}

/** Whether a page limited to `allowed` may get this. */
export function isAllowed(ref: string, allowed: readonly string[]): boolean {
  const host = hostOf(ref);
  return (
    host === location.host ||
    allowed.some((one) => one === host || (one.startsWith("*.") && host.endsWith(one.slice(1))))
  );
}
