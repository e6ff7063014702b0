/**
 * The body of an answer that another engine writes once more from its tape: what was given already
 * is left out. The tape makes it the same bytes; whether it is, is looked at all the same, because
 * an answer that goes on wrongly is worse than one that ends.
 */
export class GivenBody {
  /** Bytes that were given, and their sum. */
  #length = 0;
  #sum = BASIS;
  /** The same of what the engine in use wrote. */
  #seen = 0;
  #seenSum = BASIS;

  /** Another engine begins. */
  restart(): void {
    [this.#seen, this.#seenSum] = [0, BASIS];
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** What is new of the next part; null if this is the body of another answer. */
  take(part: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
    const nOld = Math.min(part.length, this.#length - this.#seen);
    const fresh = part.subarray(nOld);
    if (nOld > 0) {
      this.#seenSum = fnv(this.#seenSum, part.subarray(0, nOld));
      this.#seen += nOld;
      if (this.#seen === this.#length && this.#seenSum !== this.#sum) return null;
    }
    this.#sum = fnv(this.#sum, fresh);
    this.#length += fresh.length;
    if (fresh.length > 0) [this.#seen, this.#seenSum] = [this.#length, this.#sum];
    return fresh;
  }
}

const BASIS = 0x811c9dc5;

/** FNV-1a, which tells two texts apart that chance made different. */
function fnv(sum: number, bytes: Uint8Array): number {
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
