import { SealError } from '../../../functions/protocol/errors.ts';

const TRANSIENT: ReadonlySet<string> = new Set([
  'key-unavailable',
  'storage-unavailable',
  'storage-full',
  'closed',
]);

/** Whether an error says nothing of a copy, which may be read later. */
export const isTransient = (error: unknown): boolean =>
  error instanceof SealError && TRANSIENT.has(error.code);

export const hasSealCode = (error: unknown, ...codes: readonly string[]): error is SealError =>
  error instanceof SealError && codes.includes(error.code);

/** What a storage throws otherwise than by its contract: it does not answer now. */
export const answered = <T>(work: () => Promise<T>): Promise<T> =>
  wrapped(work, 'storage-unavailable');

/** What a key throws otherwise than by its contract says nothing of the copy: it may work later. */
export const usable = <T>(work: () => Promise<T>): Promise<T> => wrapped(work, 'key-unavailable');

async function wrapped<T>(
  work: () => Promise<T>,
  code: 'storage-unavailable' | 'key-unavailable',
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof SealError ? cause : new SealError(code, undefined, { cause });
  }
}
