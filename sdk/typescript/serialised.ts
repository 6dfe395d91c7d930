const queues = new Map<string, Promise<unknown>>();

/** Runs `work` after all work of this name in this process that was begun before. */
export async function serialised<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = queues.get(name) ?? Promise.resolve();
  const mine = before.then(work, work);
  queues.set(name, mine);
  try {
    return await mine;
  } finally {
    if (queues.get(name) === mine) queues.delete(name);
  }
}
