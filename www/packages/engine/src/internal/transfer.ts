import { EngineError } from "../public/errors.js";
import type { Progress } from "../public/types.js";
import { aborted } from "./aborted.js";
import { type Download, nameOf, openDownload } from "./download.js";
import type { SourceBody } from "./protocol.js";
import { MemoryStore, type Store, type Writer } from "./store.js";

/** Private storage is slow in small pieces (86 MB/s as they come, several hundred in megabytes). */
const PIECE_BYTES = 4 << 20;
/** A name that promises more parts is not the name of a split model. */
const MAX_PARTS = 1024;
/** A progress report per piece would be too many on a fast disk. */
const REPORT_EVERY_MS = 50;

export interface TransferContext {
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly onRequest: (host: string) => { bytes: number };
}

/** A complete file in the store; `fresh` if this transfer brought it. */
export interface Stored {
  readonly name: string;
  readonly fresh: boolean;
}

/** Brings everything `source` names into the store and returns the names, in order. */
export async function transfer(source: SourceBody, context: TransferContext): Promise<Stored[]> {
  if (source.kind === "name") {
    return parts(source.name).map((name) => ({ name, fresh: false }));
  }
  const stored: Stored[] = [];
  if (source.kind === "url") {
    for (const { url, name } of partsOf(source.url, source.name)) {
      stored.push(await fromUrl(url, name, context));
    }
  } else {
    for (const file of inOrder(source.files)) stored.push(await fromFile(file, context));
  }
  return stored;
}

/** A part of a split model is named `x-00002-of-00003.gguf`; this gives the names of all parts. */
function parts(name: string): string[] {
  const [, prefix, count] = /^(.+)-\d{5}-of-(\d{5})\.gguf$/.exec(name) ?? [];
  const n = Number(count);
  if (prefix === undefined || count === undefined || n === 0 || n > MAX_PARTS) return [name];
  const no = (i: number) => String(i + 1).padStart(5, "0");
  return Array.from({ length: n }, (_, i) => `${prefix}-${no(i)}-of-${count}.gguf`);
}

/** The addresses of all parts, side by side on the same server. */
function partsOf(address: string, name: string | null): { url: string; name: string | null }[] {
  const names = parts(nameOf(address));
  if (names.length === 1) return [{ url: address, name }];
  const { search } = new URL(address);
  return names.map((part) => ({
    url: new URL(encodeURIComponent(part) + search, address).href,
    name: part,
  }));
}

/** File pickers give several files in any order. */
export function inOrder(files: readonly File[]): File[] {
  return [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function fromFile(file: File, context: TransferContext): Promise<Stored> {
  const { store } = context;
  if (store instanceof MemoryStore) {
    store.adopt(file);
    return { name: file.name, fresh: true };
  }
  if ((await store.size(file.name)) === file.size) return { name: file.name, fresh: false };
  requireModelFile(new Uint8Array(await file.slice(0, 4).arrayBuffer()), file.name);
  await requireSpace(file.size);
  await write(file.name, file.size, pieces(file), context);
  return { name: file.name, fresh: true };
}

async function* pieces(file: File): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    try {
      yield new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
    } catch (error) {
      throw new EngineError(
        "file.gone",
        `${file.name} can no longer be read; it was moved, changed or removed. Choose it again.`,
        String(error),
      );
    }
  }
}

async function fromUrl(
  url: string,
  name: string | null,
  context: TransferContext,
): Promise<Stored> {
  const download = await openDownload(url, context);
  const fileName = cleanName(name ?? download.name);
  const stored = await context.store.size(fileName);
  if (stored !== null && stored === download.total) {
    download.cancel();
    return { name: fileName, fresh: false };
  }
  try {
    if (download.total !== null) await requireSpace(download.total);
    await write(fileName, download.total, inPieces(download, fileName), context);
  } finally {
    download.cancel();
  }
  return { name: fileName, fresh: true };
}

/** Gathers what the network brings into pieces worth writing. */
async function* inPieces(
  download: Download,
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  let checked = false;
  for await (const chunk of download.chunks) {
    for (let from = 0; from < chunk.byteLength;) {
      const n = Math.min(chunk.byteLength - from, PIECE_BYTES - filled);
      piece.set(chunk.subarray(from, from + n), filled);
      from += n;
      filled += n;
      if (!checked && filled >= 4) {
        requireModelFile(piece, name);
        checked = true;
      }
      if (filled === PIECE_BYTES) {
        yield piece;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

async function write(
  name: string,
  total: number | null,
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { store, signal, onProgress }: TransferContext,
): Promise<void> {
  let writer: Writer | null = null;
  let loaded = 0;
  let reported = 0;
  try {
    onProgress({ phase: "transfer", name, loaded, total });
    for await (const piece of source) {
      if (signal.aborted) throw aborted();
      writer ??= await store.create(name);
      writer.write(piece);
      loaded += piece.byteLength;
      if (performance.now() - reported >= REPORT_EVERY_MS) {
        reported = performance.now();
        onProgress({ phase: "transfer", name, loaded, total });
      }
    }
    if (signal.aborted) throw aborted();
    if (loaded === 0) throw new EngineError("file.type", `${name} is empty. Choose another file.`);
    if (total !== null && loaded !== total) throw cut(name, loaded, total);
    await writer?.commit();
    onProgress({ phase: "transfer", name, loaded, total: loaded });
  } catch (error) {
    await writer?.discard();
    throw storageError(error, total ?? loaded);
  }
}

function cut(name: string, loaded: number, total: number): EngineError {
  return new EngineError(
    "net.cut",
    `${name} arrived incomplete: ${loaded} of ${total} bytes. Nothing was kept; try again.`,
  );
}

/** Every model file begins with the same four letters. */
export function requireModelFile(start: Uint8Array, name: string): void {
  const magic = start.subarray(0, 4);
  if (String.fromCharCode(...magic) === "GGUF") return;
  const hex = [...magic].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new EngineError(
    "file.type",
    `${name} is not a model file. ingle reads GGUF files. Choose another file.`,
    `it starts with the bytes ${hex}`,
  );
}

/** Refuses before the first byte if the browser says that the file cannot fit. */
async function requireSpace(need: number): Promise<void> {
  const have = await freeBytes();
  if (have !== null && need > have) throw full(need, have);
}

async function freeBytes(): Promise<number | null> {
  const { quota, usage } = await navigator.storage.estimate().catch(() => ({}) as StorageEstimate);
  return quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
}

function storageError(error: unknown, need: number): unknown {
  if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") return error;
  return full(need, null);
}

function full(need: number, have: number | null): EngineError {
  const gb = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  return new EngineError(
    "store.full",
    `Not enough storage for this model. It needs ${gb(need)}` +
      (have === null ? "" : ` and this browser has ${gb(have)} left for ingle`) +
      ". Delete a model you do not need, or free some disk space.",
  );
}

/** A name without folders that cannot be taken for an unfinished file. */
function cleanName(name: string): string {
  const last = name.split(/[\\/]/).pop() ?? "";
  return last === "" || last === "." || last === ".." || last.endsWith(".part")
    ? "model.gguf"
    : last;
}
