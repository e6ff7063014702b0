/** Uploads go into the module in pieces of this size, so that no file is whole in memory. */
const PIECE_BYTES = 4 << 20;

/** The bytes of a blob as the module pulls them: a promise of the next, and of nothing at the end. */
export function pieces(blob: Blob): () => Promise<Uint8Array | undefined> {
  let at = 0;
  return async () => {
    if (at >= blob.size) return undefined;
    const piece = blob.slice(at, at + PIECE_BYTES);
    at += piece.size;
    return new Uint8Array(await piece.arrayBuffer());
  };
}
