/**
 * Notices a graphics chip that never answers. Browsers reset a driver that hangs, and then the wait
 * ends with a lost device; this is for when they do not, and a page would wait for ever.
 *
 * What counts is silence, not the length of one wait: every wait that ends is a sign of life. A
 * chip may be silent for as long as it is given one job and the kernels of that job are compiled:
 * seconds on any real one. A chip that is a program on the processor needs minutes for the first
 * job of a large model on a busy machine, so it is given more time.
 */

/** For a real chip: twelve times what browsers give a driver before they reset it. */
export const MAX_SILENT_MS = 120_000;
/** For an emulated one. */
export const MAX_SILENT_EMULATED_MS = 1_200_000;
const TICK_MS = 5_000;

export class SilenceWatch {
  #nWaiting = 0;
  #silentMs = 0;
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly maxMs: number,
    private readonly onSilent: (ms: number) => void,
  ) {}

  /** Something waits for the chip until `wait` settles. */
  follow<T>(wait: Promise<T>): Promise<T> {
    this.#nWaiting += 1;
    if (this.#timer === undefined) this.#start();
    const settled = () => {
      this.#nWaiting -= 1;
      this.#silentMs = 0;
    };
    wait.then(settled, settled);
    return wait;
  }

  /** One timer for as long as there are waits, and none for each: a token is a wait. */
  #start(): void {
    [this.#silentMs, this.#last] = [0, performance.now()];
    this.#timer = setTimeout(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#nWaiting === 0) return;
    const now = performance.now();
    // A page that was frozen, or a computer that slept, heard nothing because it did not listen.
    this.#silentMs += Math.min(now - this.#last, 2 * TICK_MS);
    this.#last = now;
    if (this.#silentMs >= this.maxMs) return this.onSilent(this.#silentMs);
    this.#timer = setTimeout(() => this.#tick(), TICK_MS);
  }
}

interface Waits {
  mapAsync(...range: unknown[]): Promise<void>;
}

interface QueueWaits {
  onSubmittedWorkDone(): Promise<void>;
}

/** Watches every wait of this worker for its chip. */
export function watchWaits(watch: SilenceWatch): void {
  const scope = globalThis as unknown as {
    GPUBuffer: { prototype: Waits };
    GPUQueue: { prototype: QueueWaits };
  };
  const [buffers, queues] = [scope.GPUBuffer.prototype, scope.GPUQueue.prototype];
  const { mapAsync } = buffers;
  const { onSubmittedWorkDone } = queues;
  buffers.mapAsync = function (...range) {
    return watch.follow(mapAsync.apply(this, range));
  };
  queues.onSubmittedWorkDone = function () {
    return watch.follow(onSubmittedWorkDone.apply(this));
  };
}
