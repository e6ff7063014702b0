interface Said {
  readonly role: string;
  readonly content: string;
}

/**
 * Neighbors of one role as one turn. Behind a question whose answer failed or was deleted there is
 * another one, and some models' templates refuse two in a row.
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
