import type { StoredModel } from "@ingle/engine";

import { nameShown } from "../format.js";

/** What is to be measured. */
export interface Wish {
  readonly model: StoredModel;
  /** What it is compared with; null: it is measured by itself. */
  readonly baseline: StoredModel | null;
  /** Windows of 512 tokens; default: the engine's. */
  readonly chunks?: number;
}

/** How much is read: windows of 512 tokens, of which ingle's own text has some 20. */
export const AMOUNTS = { short: 2, usual: 8, all: 1000 } as const;
export type Amount = keyof typeof AMOUNTS;

/** A type at the end of a name: "-Q4_K_M", ":fp16". */
const TYPE = /[-.:](?:I?Q\d\w*|MXFP4|B?FP?(?:16|32))$/i;

/** The name without what differs between a model and one made from it. */
const stem = (name: string) => nameShown(name).replace(TYPE, "").toLowerCase();

/**
 * What a model can be compared with: others of its family and size. First the ones it was made
 * from by their names, the most exact one before all; a manifest does not say it.
 */
export function baselines(
  model: StoredModel,
  stored: readonly StoredModel[],
): readonly StoredModel[] {
  const { family, parameterSize } = model.details;
  const isKin = ({ name, details }: StoredModel) =>
    name !== model.name &&
    details.family === family &&
    details.parameterSize === parameterSize;
  const isSource = ({ name, size }: StoredModel) =>
    stem(name) === stem(model.name) && size > model.size;
  return stored
    .filter(isKin)
    .sort((a, b) => Number(isSource(b)) - Number(isSource(a)) || b.size - a.size);
}
