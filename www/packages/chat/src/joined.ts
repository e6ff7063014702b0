interface Said {
  readonly role: string;
  readonly content: string;
}

/**
 * Neighbors of one role as one turn. A question whose answer was stopped before its first word, or
 * deleted, has another one behind it, and some models' templates refuse two in a row.
 */
export function joined<T extends Said>(turns: readonly T[]): T[] {
  const out: T[] = [];
  for (const turn of turns) {
    const last = out.at(-1);
    if (last?.role !== turn.role) out.push(turn);
    else out[out.length - 1] = { ...last, content: `${last.content}\n\n${turn.content}` };
  }
  return out;
}
