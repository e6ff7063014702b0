/**
 * The folder of private storage in which conversations' snapshots are: one file of each, named
 * after the conversation and the model. What is in a file is the module's business; here they are
 * found, counted and deleted, from the page and from the worker alike.
 */

const FOLDER = "ingle-snapshots";

export interface SnapshotEntry {
  readonly file: string;
  /** Of the conversation, as the page calls it. */
  readonly name: string;
  /** The model's mark, see `modelMark`. */
  readonly model: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

/** The folder; null where this browser has none, or it was never made. */
export async function snapshotFolder(
  create: boolean,
): Promise<FileSystemDirectoryHandle | null> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create });
  } catch {
    return null;
  }
}

/** Tells models from each other in names of files; the files themselves hold the whole digests. */
export function modelMark(digests: readonly string[]): string {
  const first = (digests[0] ?? "").replace(/^sha256:/, "");
  return `${first.slice(0, 16).replace(/[^0-9a-zA-Z]/g, "_")}-${digests.length}`;
}

export function fileName(name: string, model: string): string {
  return `${encodeURIComponent(name)}.${model}`;
}

/** All snapshots, the one that was used last first. */
export async function listSnapshots(): Promise<SnapshotEntry[]> {
  const folder = await snapshotFolder(false);
  if (!folder) return [];
  const entries: SnapshotEntry[] = [];
  const handles = (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values();
  for await (const handle of handles) {
    const entry = handle.kind === "file" ? await describe(handle as FileSystemFileHandle) : null;
    if (entry) entries.push(entry);
  }
  return entries.sort((a, b) => b.usedAt - a.usedAt);
}

async function describe(handle: FileSystemFileHandle): Promise<SnapshotEntry | null> {
  const dot = handle.name.lastIndexOf(".");
  if (dot < 1) return null;
  try {
    const { size: bytes, lastModified: usedAt } = await handle.getFile();
    const name = decodeURIComponent(handle.name.slice(0, dot));
    return { file: handle.name, name, model: handle.name.slice(dot + 1), bytes, usedAt };
  } catch {
    return null; // it was deleted meanwhile, or is none of ours
  }
}

/** Deletes those that `which` names; one that is open is waited for, or left with `ifFree`. */
export async function removeSnapshots(
  which: (entry: SnapshotEntry) => boolean,
  { ifFree = false } = {},
): Promise<void> {
  const folder = await snapshotFolder(false);
  if (!folder) return;
  for (const { file } of (await listSnapshots()).filter(which)) {
    await withFile(file, ifFree, () => folder.removeEntry(file)).catch(() => undefined);
  }
}

/**
 * Runs `work` while nobody else in any tab has the file: the browser's own handles are exclusive
 * too, but nobody can wait for one. Null if it is not free with `ifFree`, or where there are no
 * locks.
 */
export async function withFile<T>(
  file: string,
  ifFree: boolean,
  work: () => Promise<T>,
): Promise<T | null> {
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) return null;
  const run = (lock: Lock | null) => (lock ? work() : Promise.resolve(null));
  return locks.request(`${FOLDER}/${file}`, { ifAvailable: ifFree }, run);
}
