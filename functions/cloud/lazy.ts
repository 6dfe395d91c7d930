/**
 * A value made on first use and shared from then on; a failed making is forgotten, so that the
 * next use tries again.
 */
export function lazy<T>(make: () => Promise<T>): {
  get(): Promise<T>;
  /** The value if it was ever asked for. */
  current(): Promise<T> | undefined;
} {
  let made: Promise<T> | undefined;
  return {
    get: () => {
      made ??= make().catch((error: unknown) => {
        made = undefined;
        throw error;
      });
      return made;
    },
    current: () => made,
  };
}
