/**
 * A file that is read by position and without waiting, the only way the WebAssembly module reads.
 * Shaped like the browser's own `FileSystemSyncAccessHandle`.
 */
export interface SyncFile {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  close(): void;
}
