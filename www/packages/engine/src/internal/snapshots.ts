/**
 * The worker's side of snapshots: opens a conversation's file for the module, and keeps all of them
 * within their bounds. Nothing here may cost an answer: whatever fails is a snapshot that is not
 * there, and the prompt is read.
 */

import type { SnapshotWish, Timings } from "../public/types.js";
import {
  fileName,
  listSnapshots,
  modelMark,
  removeSnapshots,
  snapshotFolder,
  withFile,
} from "./snapshot-folder.js";

/** Bytes of all snapshots together, where a page says nothing. */
const MAX_BYTES = 1024 * 1024 * 1024;
/** A shorter conversation is read again about as fast. */
const MIN_TOKENS = 256;
/** Models come first: with less of the quota left than this share, nothing is kept. */
const SPARE_SHARE = 0.1;

/** `FileSystemSyncAccessHandle`: exclusive, so that no other tab writes the same file. */
export interface SnapshotFile {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

export class Snapshots {
  #isPruned = false;

  /** Runs `work` with a conversation's file; with nothing if there is none to be had now. */
  async with<T>(
    wish: SnapshotWish | undefined,
    model: string,
    work: (file: SnapshotFile | undefined) => Promise<T>,
  ): Promise<T> {
    if (!wish) return work(undefined);
    const file = fileName(wish.name, model);
    let begun = false;
    const read = async () => {
      const handle = await open(file, false);
      try {
        begun = true;
        return { value: await work(handle ?? undefined) };
      } finally {
        handle?.close();
      }
    };
    const done = await withFile(file, true, read).catch((error: unknown) => {
      if (begun) throw error;
      return null;
    });
    return done ? done.value : work(undefined);
  }

  /** Has `keep` write what the engine has, when nobody else has the file. */
  async save(
    { name, maxBytes = MAX_BYTES }: SnapshotWish,
    model: string,
    { promptTokens, outputTokens }: Timings,
    tokenBytes: number,
    keep: (file: SnapshotFile) => Promise<unknown>,
  ): Promise<void> {
    const tokens = promptTokens + outputTokens;
    if (tokens < MIN_TOKENS) return;
    const file = fileName(name, model);
    const write = async () => {
      if (!(await hasRoom(tokens * tokenBytes, maxBytes))) return;
      const handle = await open(file, true);
      try {
        if (handle) await keep(handle);
        handle?.flush();
      } finally {
        handle?.close();
      }
    };
    try {
      await withFile(file, false, write);
      await bound(file, name, maxBytes);
    } catch {
      // The model was unloaded, or the disk is full: there is no snapshot then.
    }
  }

  /** Once: those of models that are gone go too, by whatever way these were deleted. */
  async prune(stored: () => Promise<string[][]>): Promise<void> {
    if (this.#isPruned) return;
    this.#isPruned = true;
    const digests = await stored().catch(() => null);
    if (!digests) return;
    const marks = new Set(digests.map(modelMark));
    await removeSnapshots(({ model }) => !marks.has(model), { ifFree: true });
  }
}

async function open(file: string, create: boolean): Promise<SnapshotFile | null> {
  try {
    const folder = await snapshotFolder(create);
    const entry = await folder?.getFileHandle(file, { create });
    const handle = entry as unknown as
      | { createSyncAccessHandle?(): Promise<SnapshotFile> }
      | undefined;
    return (await handle?.createSyncAccessHandle?.()) ?? null;
  } catch {
    return null; // there is none, another tab has it, or this browser has no such files
  }
}

/** False if so many bytes are more than all may have, or than the browser has to spare. */
async function hasRoom(bytes: number, maxBytes: number): Promise<boolean> {
  if (bytes > maxBytes) return false;
  const { usage, quota } = await navigator.storage.estimate().catch(() => ({}) as StorageEstimate);
  if (usage === undefined || quota === undefined) return true;
  return usage + bytes <= quota * (1 - SPARE_SHARE);
}

/**
 * One of each conversation, and all together within their bound: those go that were not used for
 * longest. Empty ones are of savings that found no room.
 */
async function bound(file: string, name: string, maxBytes: number): Promise<void> {
  let total = 0;
  const gone = new Set<string>();
  for (const entry of await listSnapshots()) {
    const isOther = entry.name === name && entry.file !== file;
    const isOver = total + entry.bytes > maxBytes;
    if (isOther || isOver || entry.bytes === 0) gone.add(entry.file);
    else total += entry.bytes;
  }
  if (gone.size > 0) await removeSnapshots((entry) => gone.has(entry.file), { ifFree: true });
}
