/**
 * Firefox looks whether the graphics chip is done every 100 ms, and after each submit. A token that
 * waits for that look takes ten times as long as one that does not. So while something is waited
 * for, empty submits make the browser look at once. Whether it needs them is tried out and not read
 * from its name: elsewhere they would only cost time.
 *
 * Here and not in the module, because the wait itself is the browser's: the module sleeps until the
 * promise is settled, and has no timers.
 */

interface Buffer {
  mapAsync(...range: unknown[]): Promise<void>;
  destroy(): void;
}

interface Queue {
  submit(commands: unknown[]): void;
  onSubmittedWorkDone(): Promise<void>;
}

export interface GpuDevice {
  readonly queue: Queue;
  createBuffer(descriptor: { size: number; usage: number }): Buffer;
}

/** A map of nothing that takes this long waits for a look; others need 1 ms. */
const SLOW_MS = 12;
const COPY_DST_AND_MAP_READ = 9;
const MAP_READ = 1;

/** How often the browser is made to look while something is waited for. */
const LOOK_MS = 1;

/** Makes waiting for `device` quick where it is not. */
export async function quickenReadback(device: GpuDevice): Promise<void> {
  // The first one may come shortly before a look, the second one then comes shortly after.
  if ((await emptyMap(device)) < SLOW_MS && (await emptyMap(device)) < SLOW_MS) return;
  const { queue } = device;
  const quick = (wait: (...values: never[]) => Promise<void>) =>
    function (this: unknown, ...values: never[]): Promise<void> {
      const done = wait.apply(this as never, values);
      look(queue);
      void done.catch(() => undefined).finally(() => (nWaiting -= 1));
      return done;
    };
  const scope = globalThis as unknown as { GPUBuffer: { prototype: Buffer } };
  const buffers = scope.GPUBuffer.prototype;
  const queues = Object.getPrototypeOf(queue) as Queue;
  buffers.mapAsync = quick(buffers.mapAsync) as Buffer["mapAsync"];
  queues.onSubmittedWorkDone = quick(queues.onSubmittedWorkDone);
}

let nWaiting = 0;

/** Looks until nothing is waited for any more. */
function look(queue: Queue): void {
  nWaiting += 1;
  if (nWaiting > 1) return;
  const again = () => {
    if (nWaiting === 0) return;
    queue.submit([]);
    setTimeout(again, LOOK_MS);
  };
  again();
}

/** Milliseconds that it takes to map a buffer nobody writes. */
async function emptyMap(device: GpuDevice): Promise<number> {
  const buffer = device.createBuffer({ size: 4, usage: COPY_DST_AND_MAP_READ });
  const start = performance.now();
  await buffer.mapAsync(MAP_READ).catch(() => undefined);
  const took = performance.now() - start;
  buffer.destroy();
  return took;
}
