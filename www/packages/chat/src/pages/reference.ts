import { entryAt } from "../catalogue.js";
import { hostOf } from "../hosts.js";
import { sourceName } from "../loader.js";
import type { Choices } from "../models.js";

/**
 * Where a model of this name comes from. A page that an `ingle serve` sent asks that server first,
 * which is a registry for what it has; other names go to the registry that they mean.
 */
export function referenceFor(name: string, { served }: Choices): string {
  const isShort = /^[\w.-]+(\/[\w.-]+)?(:[\w.-]+)?$/.test(name) && !/^[^/]*\.[^/]*\//.test(name);
  if (!isShort) return name;
  const whole = name.includes(":") ? name : `${name}:latest`;
  if (!served?.models?.some((model) => model.name === whole)) return name;
  const path = name.includes("/") ? whole : `library/${whole}`;
  return `${location.host}/${path}`;
}

/** What a card calls a model that is got from `ref`, and where that is; names say it themselves. */
export function namesOf(ref: string): { readonly title: string; readonly host: string | null } {
  const known = entryAt(ref);
  if (!known && !/^https?:/.test(ref)) return { title: ref, host: null };
  const title = known ? `${known.title} (${known.type})` : sourceName({ url: ref });
  return { title, host: hostOf(ref) };
}
