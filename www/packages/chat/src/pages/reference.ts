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
