/**
 * A file that is read by position and without waiting, the only way the WebAssembly module reads.
 * Shaped like the browser's own `FileSystemSyncAccessHandle`, so that one needs no wrapper.
 */
export interface SyncFile {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  close(): void;
}

export interface WritableSyncFile extends SyncFile {
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
}

interface BlobReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** A blob read like a file, for browsers without private storage; its bytes stay where they are. */
export class BlobFile implements SyncFile {
  readonly #blob: Blob;
  readonly #reader: BlobReader;

  constructor(blob: Blob) {
    this.#blob = blob;
    const scope = globalThis as unknown as { FileReaderSync: new () => BlobReader };
    this.#reader = new scope.FileReaderSync();
  }

  getSize(): number {
    return this.#blob.size;
  }

  read(into: Uint8Array, { at }: { at: number }): number {
    const part = this.#blob.slice(at, at + into.byteLength);
    into.set(new Uint8Array(this.#reader.readAsArrayBuffer(part)));
    return part.size;
  }

  close(): void {
    // A blob has nothing to give back.
  }
}
