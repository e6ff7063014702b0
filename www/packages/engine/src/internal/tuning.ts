/**
 * What was found out about the graphics chip, kept in the browser's private storage beside the
 * models: small texts that may be lost at any time, since the next load finds them out again. Each
 * ends with a sum, so that a torn write is noticed where it is read.
 */

const FOLDER = "ingle-tuning";
/** No text of ours is longer; the module has the same limit. */
const MAX_BYTES = 256 * 1024;

/** The text under `name`, or null: there is none, or this browser keeps nothing. */
export function readTuning(name: string): Promise<string | null> {
  return readText(FOLDER, name);
}

/** Keeps `text` under `name`, if this browser keeps anything. */
export function writeTuning(name: string, text: string): Promise<void> {
  return writeText(FOLDER, name, text);
}

/** The same in another folder. */
export async function readText(place: string, name: string): Promise<string | null> {
  try {
    const folder = await open(place);
    const file = await (await folder.getFileHandle(name)).getFile();
    return file.size <= MAX_BYTES ? await file.text() : null;
  } catch {
    return null; // as after the first start
  }
}

/** The same in another folder. */
export async function writeText(place: string, name: string, text: string): Promise<void> {
  try {
    const folder = await open(place);
    const entry = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & {
      createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
    };
    const file = await entry.createSyncAccessHandle();
    try {
      file.truncate(0);
      file.write(new TextEncoder().encode(text), { at: 0 });
      file.flush();
    } finally {
      file.close();
    }
  } catch {
    // Without storage, or while another tab writes the same: the next load tries again.
  }
}

async function open(place: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(place, { create: true });
}

interface FileSystemSyncAccessHandle {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
