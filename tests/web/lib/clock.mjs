// A clock for workers on a busy machine: what the product does or says after some seconds by it
// comes later, or stays away, however little of a machine a case has.

/** Code for a worker's script: its clock is so many times slower. Waits take as long as ever. */
export const slowClock = (times) => `{
  const now = performance.now.bind(performance);
  performance.now = () => now() / ${times};
}`;
