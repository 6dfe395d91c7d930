/** Where an attack is tried: the system in one mutant, for this attack alone. */
import type { Services } from '../../functions/services.ts';
import type * as harness from '../support/api-harness.ts';
import { createMutant, type Edit, type Mutant, type Weakening } from './mutant.ts';

export type Api = harness.ApiHarness;

export interface ApiOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly wrap?: (services: Services) => Services;
}

export interface Lab extends Mutant {
  /** The HTTP functions and scoring, on doubles of the cloud; a model `smile` lies in the catalogue. */
  api(options?: ApiOptions): Promise<Api>;
  /** Runs `attempt` in a mutant like this one with these edits besides. */
  also<T>(edits: readonly Edit[], attempt: (lab: Lab) => Promise<T>): Promise<T>;
  /** Has `end` called when the attack is over. */
  atEnd(end: () => unknown): void;
}

/** Larger than a chunk of a container, so that there are two. */
const MODEL = Buffer.alloc(2_000, 'model bytes ');

/** Runs `attempt` in a mutant with this weakening, and cleans up behind it. */
export async function inLab<T>(
  weakening: Weakening,
  attempt: (lab: Lab) => Promise<T>,
): Promise<T> {
  const mutant = createMutant(weakening.edits ?? []);
  const ends: (() => unknown)[] = [];
  const lab: Lab = {
    ...mutant,
    async api({ environment = {}, wrap } = {}) {
      const { startApi } = await mutant.load<typeof harness>('test/support/api-harness.ts');
      const api = await startApi({ ...environment, ...weakening.environment }, wrap);
      ends.push(() => api.close());
      await api.publish('smile', MODEL, { format: 'opaque' });
      return api;
    },
    also: (edits, attempt) =>
      inLab({ ...weakening, edits: [...(weakening.edits ?? []), ...edits] }, attempt),
    atEnd: (end) => void ends.push(end),
  };
  try {
    return await attempt(lab);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
