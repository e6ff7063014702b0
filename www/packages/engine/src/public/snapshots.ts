import { listSnapshots, removeSnapshots } from "../internal/snapshot-folder.js";

/** What is kept of conversations for a faster start, see `GenerateSettings.snapshot`. */
export interface SnapshotUse {
  /** Conversations. */
  readonly count: number;
  readonly bytes: number;
}

/**
 * The snapshots of this origin. They need no engine, and deleting them harms none: a conversation
 * without one is read from its beginning.
 */
export const snapshots = {
  /** How many there are, and their room. */
  async use(): Promise<SnapshotUse> {
    const all = await listSnapshots();
    return { count: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
  },

  /** The names of these conversations. */
  async names(): Promise<string[]> {
    return (await listSnapshots()).map(({ name }) => name);
  },

  /** Deletes that of a conversation. */
  rm(name: string): Promise<void> {
    return removeSnapshots((entry) => entry.name === name);
  },

  /** Deletes all of them. */
  clear(): Promise<void> {
    return removeSnapshots(() => true);
  },
};
