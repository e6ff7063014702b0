import { EngineError } from "../public/errors.js";
import type { StoredModel } from "../public/types.js";
import { BlobFile, type SyncFile, type WritableSyncFile } from "./files.js";

/** Takes the pieces of one file. Only `commit` makes it visible; `discard` leaves nothing. */
export interface Writer {
  write(piece: Uint8Array<ArrayBuffer>): void;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Where model files are kept. */
export interface Store {
  readonly kind: "browser" | "memory";
  list(): Promise<StoredModel[]>;
  /** Bytes of a complete file, or null. */
  size(name: string): Promise<number | null>;
  open(name: string): Promise<SyncFile>;
  create(name: string): Promise<Writer>;
  remove(name: string): Promise<void>;
}

interface Entry extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<WritableSyncFile>;
  move(directory: FileSystemDirectoryHandle, name: string): Promise<void>;
}

const FOLDER = "ingle-models";
/** Ending of a file that is not complete; such files are swept at the next start. */
const PART = ".part";
/** A reload leaves the old worker's lock for a moment, so a locked file is tried for this long. */
const LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 200;

/** The browser's private storage, or null where it is missing or closed (a private window). */
export async function openBrowserStore(): Promise<Store | null> {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    const prototype = FileSystemFileHandle.prototype as unknown as Partial<Entry>;
    if (!prototype.createSyncAccessHandle || !prototype.move) return null;
    const store = new BrowserStore(folder);
    await store.sweep();
    return store;
  } catch {
    return null; // not available here: the caller says so and keeps files in memory
  }
}

class BrowserStore implements Store {
  readonly kind = "browser";
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** Removes what an ended tab left half. A file another tab is writing is locked and stays. */
  async sweep(): Promise<void> {
    for await (const name of this.#folder.keys()) {
      if (name.endsWith(PART)) await this.#folder.removeEntry(name).catch(() => undefined);
    }
  }

  async list(): Promise<StoredModel[]> {
    const models: StoredModel[] = [];
    for await (const [name, handle] of this.#folder.entries()) {
      if (handle.kind !== "file" || name.endsWith(PART)) continue;
      models.push({ name, bytes: (await (handle as FileSystemFileHandle).getFile()).size });
    }
    return models.sort((a, b) => a.name.localeCompare(b.name));
  }

  async size(name: string): Promise<number | null> {
    const entry = await this.#find(name);
    return entry ? (await entry.getFile()).size : null;
  }

  async open(name: string): Promise<SyncFile> {
    const entry = await this.#find(name);
    if (!entry) throw missing(name);
    return lock(entry, name);
  }

  async create(name: string): Promise<Writer> {
    const part = (await this.#folder.getFileHandle(name + PART, { create: true })) as Entry;
    const file = await lock(part, name);
    file.truncate(0);
    return new BrowserWriter(this.#folder, part, file, name);
  }

  async remove(name: string): Promise<void> {
    if (!(await this.#find(name))) throw missing(name);
    await this.#folder.removeEntry(name).catch((error: unknown) => {
      throw locked(name, error);
    });
  }

  async #find(name: string): Promise<Entry | null> {
    if (name.endsWith(PART)) return null;
    try {
      return (await this.#folder.getFileHandle(name)) as Entry;
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotFoundError") return null;
      throw error;
    }
  }
}

class BrowserWriter implements Writer {
  #at = 0;

  constructor(
    private readonly folder: FileSystemDirectoryHandle,
    private readonly part: Entry,
    private readonly file: WritableSyncFile,
    private readonly name: string,
  ) {}

  write(piece: Uint8Array<ArrayBuffer>): void {
    for (let done = 0; done < piece.byteLength;) {
      const n = this.file.write(piece.subarray(done), { at: this.#at });
      if (n === 0) throw new DOMException("write() took no bytes", "QuotaExceededError");
      done += n;
      this.#at += n;
    }
  }

  async commit(): Promise<void> {
    this.file.flush();
    this.file.close();
    await this.folder.removeEntry(this.name).catch(() => undefined); // an older file of this name
    await this.part.move(this.folder, this.name);
  }

  async discard(): Promise<void> {
    this.file.close();
    await this.folder.removeEntry(this.name + PART).catch(() => undefined); // already moved or gone
  }
}

/** Keeps files for the life of the tab: as blobs, which browsers hold outside the page's memory. */
export class MemoryStore implements Store {
  readonly kind = "memory";
  readonly #files = new Map<string, Blob>();

  async list(): Promise<StoredModel[]> {
    return [...this.#files].map(([name, blob]) => ({ name, bytes: blob.size }));
  }

  async size(name: string): Promise<number | null> {
    return this.#files.get(name)?.size ?? null;
  }

  async open(name: string): Promise<SyncFile> {
    const blob = this.#files.get(name);
    if (!blob) throw missing(name);
    return new BlobFile(blob);
  }

  async create(name: string): Promise<Writer> {
    let pieces: Blob[] = [];
    return {
      write: (piece) => void pieces.push(new Blob([piece])),
      commit: async () => void this.#files.set(name, new Blob(pieces)),
      discard: async () => void (pieces = []),
    };
  }

  /** A local file is already a blob: keeping it costs nothing. */
  adopt(file: File): void {
    this.#files.set(file.name, file);
  }

  async remove(name: string): Promise<void> {
    if (!this.#files.delete(name)) throw missing(name);
  }
}

async function lock(entry: Entry, name: string): Promise<WritableSyncFile> {
  for (const end = performance.now() + LOCK_PATIENCE_MS; ;) {
    try {
      return await entry.createSyncAccessHandle();
    } catch (error) {
      const busy = error instanceof DOMException && error.name === "NoModificationAllowedError";
      if (!busy) throw error;
      if (performance.now() > end) throw locked(name, error);
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }
}

function missing(name: string): EngineError {
  return new EngineError(
    "model.missing",
    `${name} is not in this browser. Load it from a file or an address.`,
  );
}

function locked(name: string, error: unknown): EngineError {
  return new EngineError(
    "store.locked",
    `${name} is in use in another tab. Close it there and try again.`,
    String(error),
  );
}
