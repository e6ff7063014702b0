import type { Change } from "./types.js";

/**
 * The journal: every change as a line of JSON, in a file of the browser's private storage. It is
 * written right behind the database, so that a tab that ends in between has lost nothing that is
 * looked at, and can rebuild it. A file and not a second database, because what
 * takes one database away (a failed upgrade, a bug of the browser's store) takes the other too.
 *
 * Files are numbered. A new one begins with everything that is left and replaces the older ones
 * only when its first part is complete, which a line says; so what was deleted goes from the disk,
 * and a tab that is killed in between loses nothing. All tabs write, one at a time, under a lock.
 */

const FOLDER = "ingle-journal";
const LOCK = "ingle.journal";
/** The line that ends the first part of a file. */
const WHOLE = '{"op":"whole"}';

interface SyncHandle {
  getSize(): number;
  write(bytes: Uint8Array, at: { at: number }): number;
  flush(): void;
  close(): void;
}

type SyncFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> };

export class Journal {
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** Null where the browser has no such files: the database is all there is then. */
  static async open(): Promise<Journal | null> {
    try {
      if (!("createSyncAccessHandle" in FileSystemFileHandle.prototype)) return null;
      const root = await navigator.storage.getDirectory();
      return new Journal(await root.getDirectoryHandle(FOLDER, { create: true }));
    } catch {
      return null; // a private window, or no storage at all
    }
  }

  /** Appends lines and waits until they are on the disk. */
  async append(changes: readonly Change[]): Promise<void> {
    const text = changes.map((change) => `${JSON.stringify(change)}\n`).join("");
    await this.#locked(async () => {
      const newest = (await this.#numbers()).at(-1) ?? 1;
      const start = newest === 1 ? WHOLE + "\n" : "";
      await this.#write(newest, text, start);
    });
  }

  /** All changes, from the newest file whose first part is complete. Damaged lines are left out. */
  read(): Promise<Change[]> {
    return this.#locked(async () => {
      for (const number of (await this.#numbers()).reverse()) {
        const lines = (await this.#text(number)).split("\n");
        if (lines.includes(WHOLE)) return lines.flatMap(parsed);
      }
      return [];
    });
  }

  /** Replaces the journal by what `state` gives; whatever is not in it is gone. */
  async rewrite(state: () => Promise<Change[]>): Promise<void> {
    await this.#locked(async () => {
      const old = await this.#numbers();
      const number = (old.at(-1) ?? 0) + 1;
      const lines = (await state()).map((change) => JSON.stringify(change));
      await this.#write(number, [...lines, WHOLE, ""].join("\n"), "");
      for (const before of old) await this.#folder.removeEntry(name(before));
    });
  }

  async bytes(): Promise<number> {
    let sum = 0;
    for (const number of await this.#numbers()) {
      const handle = await this.#folder.getFileHandle(name(number));
      sum += (await handle.getFile()).size;
    }
    return sum;
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    return navigator.locks.request(LOCK, work) as Promise<T>;
  }

  async #numbers(): Promise<number[]> {
    const numbers: number[] = [];
    for await (const entry of this.#folder.keys()) {
      const number = /^(\d+)\.jsonl$/.exec(entry)?.[1];
      if (number) numbers.push(Number(number));
    }
    return numbers.sort((a, b) => a - b);
  }

  async #write(number: number, text: string, start: string): Promise<void> {
    const file = (await this.#folder.getFileHandle(name(number), { create: true })) as SyncFile;
    const handle = await file.createSyncAccessHandle();
    try {
      const at = handle.getSize();
      handle.write(new TextEncoder().encode(at === 0 ? start + text : text), { at });
      handle.flush();
    } finally {
      handle.close();
    }
  }

  async #text(number: number): Promise<string> {
    const handle = await this.#folder.getFileHandle(name(number));
    return (await handle.getFile()).text();
  }
}

function name(number: number): string {
  return `${number}.jsonl`;
}

/** A line that was cut by the end of a tab is no change. */
function parsed(line: string): Change[] {
  if (line === "" || line === WHOLE) return [];
  try {
    return [JSON.parse(line) as Change];
  } catch {
    return [];
  }
}
