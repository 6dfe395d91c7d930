/** Gives the whole milliseconds since it was last asked, or since it was made. */
export function stopwatch(clock: () => number = () => performance.now()): () => number {
  let last = clock();
  return () => {
    const now = clock();
    const elapsed = Math.round(now - last);
    last = now;
    return elapsed;
  };
}
