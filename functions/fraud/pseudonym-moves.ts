/**
 * Which name of a user or a network holds while PSEUDONYM_SECRET is rotated. Records are moved from
 * name to name, one subject at a time (privacy/re-key.ts), and a document of the subject says how far
 * that is. So there is one name at any time, and everything that is kept by it is found by it.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { networkPseudonym, type PseudonymKeys, successors, userPseudonyms } from './pseudonyms.ts';

const move = z.object({
  /** The name, or the id of the key, that takes its place. */
  to: z.string(),
  /** `closing`, of a key: whoever was not moved until now has nothing to be moved. */
  state: z.enum(['moving', 'closing', 'moved']),
  /** Of a name: as long as events under it may still come. Null, of a key: for good. */
  expireAt: z.date().nullable(),
});
export type PseudonymMove = z.infer<typeof move>;

const readMove = documentKind('pseudonym move', move);

/** Where it stands how far the move of a name is, or that of all names of a key. */
export const movePath = (name: string): string => `pseudonyms/${name}`;

const moveOf = (data: DocumentData | undefined) => data && readMove(data);

const retry = () =>
  new ServiceError('unavailable', { reason: 'pseudonym_moves', retryAfterSeconds: 1 });

/**
 * Throws unavailable where the document at `movePath(name)` is there: the caller's name was given up
 * since he was told apart. To be called in the transaction that goes by the name.
 */
export function refuseIfMoved(data: DocumentData | undefined): void {
  if (data) throw retry();
}

/** What tells callers apart, and finds what is kept of them. */
export interface Pseudonyms {
  /** The user's first name: `current` says which one holds. */
  user(issuer: string, subject: string): string;
  /** Every name that a record of the user may bear. */
  users(issuer: string, subject: string): readonly string[];
  /** The network's first name. Null for what is no address. */
  network(address: string): string | null;
  /** The last of the name and those that take its place: says nothing of what is moved. */
  newest(name: string): string;
  /** The name next to this one; undefined where there is none. */
  successor(name: string): string | undefined;
  /** Whether a record that bore the first name may bear the second one by now. */
  follows(name: string, later: string): boolean;
  /** The ids of the keys that names are moved from and to; undefined where there is one key only. */
  readonly rotation: { readonly from: string; readonly to: string } | undefined;
  /** The name that holds now. Throws unavailable in the moment in which it is moved. */
  current(name: string): Promise<string>;
}

/** Where a function has no `documents`, the first name holds: who has them follows it further. */
export function createPseudonyms(
  keys: PseudonymKeys,
  documents?: Pick<DocumentStore, 'get'>,
): Pseudonyms {
  const [from, to] = keys.slice(-2).map(({ id }) => id);
  /** Ids of keys that no name is left of: that never changes again. */
  const over = new Set<string>();
  const successor = (name: string) => successors(keys, name)[0];

  /** Whether `next` holds in the place of `name`. */
  const isMoved = async (name: string, store: Pick<DocumentStore, 'get'>): Promise<boolean> => {
    const key = name.split('_', 1)[0] ?? '';
    if (over.has(key)) return true;
    const [all, own] = (
      await Promise.all([store.get(movePath(key)), store.get(movePath(name))])
    ).map(moveOf);
    if (all?.state === 'moved') over.add(key);
    if (own?.state === 'moving') throw retry();
    return own?.state === 'moved' || all?.state === 'moved' || all?.state === 'closing';
  };

  return {
    user: (issuer, subject) => userPseudonyms(keys, issuer, subject)[0],
    users: (issuer, subject) => userPseudonyms(keys, issuer, subject),
    network: (address) => networkPseudonym(keys[0], address),
    newest: (name) => successors(keys, name).at(-1) ?? name,
    successor,
    follows: (name, later) => name === later || successors(keys, name).includes(later),
    rotation: from !== undefined && to !== undefined ? { from, to } : undefined,
    async current(name) {
      if (!documents) return name;
      let held = name;
      for (let next = successor(held); next !== undefined; next = successor(held)) {
        if (!(await isMoved(held, documents))) break;
        held = next;
      }
      return held;
    },
  };
}

/** More keys than there can be. */
const MAX_STEPS = 16;

/**
 * So long an instance goes by having seen that names of a key are not being moved; `reKey` waits longer
 * before it moves the first.
 */
const KEY_KNOWN_MS = 60_000;

/**
 * The names that hold now, by the documents alone: for who must not have the keys. Costs no read of a
 * name before the names of its key begin to be moved. Throws unavailable in the moment in which one is moved.
 */
export type MovedNames = (
  getAll: (paths: readonly string[]) => Promise<readonly (DocumentData | undefined)[]>,
  names: readonly string[],
) => Promise<readonly string[]>;

export function createMovedNames(
  documents: Pick<DocumentStore, 'get'>,
  now: () => Date,
): MovedNames {
  const known = new Map<string, { readonly at: number; readonly begun: boolean }>();
  /** Whether names of this one's key are being moved, or were. */
  const isBegun = async (name: string): Promise<boolean> => {
    const key = name.split('_', 1)[0] ?? '';
    const before = known.get(key);
    const at = now().getTime();
    if (before && (before.begun || (at >= before.at && at - before.at < KEY_KNOWN_MS))) {
      return before.begun;
    }
    const begun = (await documents.get(movePath(key))) !== undefined;
    known.set(key, { at, begun });
    return begun;
  };
  return async (getAll, names) => {
    let held = names;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const begun = await Promise.all(held.map(isBegun));
      const asked = held.filter((_, index) => begun[index]);
      if (asked.length === 0) break;
      const moves = (await getAll(asked.map(movePath))).map(moveOf);
      if (moves.every((each) => each === undefined)) break;
      if (moves.some((each) => each?.state === 'moving')) throw retry();
      const next = new Map(asked.map((name, index) => [name, moves[index]?.to ?? name]));
      held = held.map((name) => next.get(name) ?? name);
    }
    return held;
  };
}
