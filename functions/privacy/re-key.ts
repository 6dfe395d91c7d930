/**
 * Moves everything that is kept by names of the last key but one to the names of the newest: one
 * subject after the other, each for a moment out of reach (fraud/pseudonym-moves.ts). May break off
 * anywhere and be repeated; names nobody, for names follow from names.
 */
import type { DocumentData, DocumentStore, StoredDocument } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { movePath, type PseudonymMove, type Pseudonyms } from '../fraud/pseudonym-moves.ts';
import { blockPath, riskPath } from '../fraud/subjects.ts';
import { tallyPath } from '../fraud/tally.ts';
import { userDevicesPath } from '../identity/user-devices.ts';
import { DAY_MS } from '../time.ts';
import { erasurePath } from './erasure-record.ts';
import {
  everyDocument,
  NAMED_COLLECTIONS,
  namesIn,
  renamed,
  renamedText,
} from './named-documents.ts';

export interface ReKeyServices {
  readonly documents: DocumentStore;
  readonly pseudonyms: Pick<Pseudonyms, 'rotation' | 'successor'>;
}

export interface ReKeyOptions {
  /** Only count. */
  readonly dryRun: boolean;
  /** Longer than any request takes, and than it goes unnoticed that a rotation is on. */
  readonly settle: () => Promise<void>;
}

export interface ReKeyReport {
  readonly from: string;
  readonly to: string;
  /** Users and networks with records under the old key. */
  readonly subjects: number;
  /** Documents that were moved or, in a dry run, would be. */
  readonly documents: number;
  /** Documents of two names at once, of which the newer was left as it is: somebody must look. */
  readonly conflicts: readonly string[];
}

/** Events of an outage are published up to 14 days late, and dead letters are replayed by hand. */
const MOVE_KEPT_MS = 40 * DAY_MS;
const BATCH = 100;
/** At most so many subjects are remembered at once; the next pass has the others. */
const SUBJECTS_A_PASS = 20_000;
/** What came in during the pass before; a system at rest needs two. */
const MAX_LATE_PASSES = 10;

/** Throws RangeError where there is one key only, and unavailable where new records keep coming under the old one. */
export async function reKey(
  services: ReKeyServices,
  { dryRun, settle }: ReKeyOptions,
  now: Date,
): Promise<ReKeyReport> {
  const { documents, pseudonyms } = services;
  const { rotation } = pseudonyms;
  if (!rotation)
    throw new RangeError('PSEUDONYM_SECRET holds one secret: there is nothing to move to');
  const run = new Run(services, rotation.from, now);
  const report = () => ({ ...rotation, ...run.counts });
  if (dryRun) {
    await run.count();
    return report();
  }
  const state = (state: PseudonymMove['state']) =>
    documents.set(movePath(rotation.from), { to: rotation.to, state, expireAt: null });
  const earlier = await documents.get(movePath(rotation.from));
  if (!earlier) await state('moving');
  // Until whoever scores has seen that names of the key are moved; a run before may have broken off sooner.
  if (!earlier || earlier['state'] === 'moving') await settle();
  await run.moveAll();
  // From now on whoever is new gets the new name at once.
  if (earlier?.['state'] !== 'moved') await state('closing');
  await settle();
  await run.moveAll();
  await state('moved');
  return report();
}

class Run {
  readonly #documents: DocumentStore;
  readonly #next: (name: string) => string;
  readonly #key: string;
  readonly #now: Date;
  readonly #subjects = new Set<string>();
  readonly #conflicts = new Set<string>();
  #moved = 0;

  constructor({ documents, pseudonyms }: ReKeyServices, key: string, now: Date) {
    this.#documents = documents;
    this.#key = key;
    this.#now = now;
    this.#next = (name) => pseudonyms.successor(name) ?? name;
  }

  get counts() {
    return {
      subjects: this.#subjects.size,
      documents: this.#moved,
      conflicts: [...this.#conflicts],
    };
  }

  async count(): Promise<void> {
    for await (const { document, own } of this.#named()) {
      for (const name of own) this.#subjects.add(name);
      if (document) this.#moved += 1;
    }
  }

  /** Until nothing bears an old name. Throws unavailable where that has no end. */
  async moveAll(): Promise<void> {
    for (let late = 0; late < MAX_LATE_PASSES; ) {
      const owned = new Map<string, string[]>();
      const mentions: string[] = [];
      for (const name of await this.#begun()) owned.set(name, []);
      for await (const { document, own } of this.#named()) {
        if (this.#conflicts.has(document.path)) continue;
        const [name] = own;
        if (name === undefined) mentions.push(document.path);
        else {
          const paths = owned.get(name);
          if (paths) paths.push(document.path);
          else if (owned.size < SUBJECTS_A_PASS) owned.set(name, [document.path]);
        }
      }
      if (owned.size === 0 && mentions.length === 0) return;
      if (owned.size < SUBJECTS_A_PASS) late += 1;
      for (const [name, paths] of owned) await this.#moveSubject(name, paths);
      await this.#rename(mentions);
    }
    throw new ServiceError('unavailable', { reason: 'pseudonyms_keep_coming' });
  }

  async *#named() {
    for (const collection of NAMED_COLLECTIONS) {
      for await (const document of everyDocument(this.#documents, collection)) {
        const { own, all } = namesIn(document, this.#key);
        const kept = ownerIn(document);
        const keptBy = kept !== undefined && all.includes(kept) ? [kept] : own;
        if (all.length > 0) yield { document, own: keptBy };
      }
    }
  }

  /** Subjects whose move broke off. */
  async #begun(): Promise<readonly string[]> {
    const begun: string[] = [];
    for await (const { path, data } of everyDocument(this.#documents, 'pseudonyms')) {
      const name = path.slice(movePath('').length);
      if (data['state'] === 'moving' && name.startsWith(`${this.#key}_`)) begun.push(name);
    }
    return begun;
  }

  /** While it lasts whoever goes by the name is asked to come again in a second. */
  async #moveSubject(name: string, paths: readonly string[]): Promise<void> {
    const mark = (state: PseudonymMove['state']) =>
      this.#documents.set(movePath(name), {
        to: this.#next(name),
        state,
        expireAt: new Date(this.#now.getTime() + MOVE_KEPT_MS),
      });
    await mark('moving');
    // What came between the look at the collections and the mark: left behind, it would meet a newer one.
    await this.#rename([...new Set([...paths, ...pathsByName(name)])]);
    await mark('moved');
    this.#subjects.add(name);
  }

  async #rename(paths: readonly string[]): Promise<void> {
    for (let start = 0; start < paths.length; start += BATCH) {
      const batch = paths.slice(start, start + BATCH);
      const targets = batch.map((path) => renamedText(path, this.#key, this.#next));
      const { moved, conflicts } = await this.#documents.transaction(async (tx) => {
        const found = await tx.getAll([...batch, ...targets]);
        const conflicts: string[] = [];
        let moved = 0;
        for (const [index, path] of batch.entries()) {
          const [data, target] = [found[index], targets[index] ?? path];
          if (!data) continue;
          // A limit is over in a day, and a revision says nothing but which one it is: the newer stays.
          const isTaken = target !== path && found[batch.length + index] !== undefined;
          if (isTaken && !/^(?:limits|catalogues)\//.test(path)) {
            conflicts.push(path);
            continue;
          }
          if (!isTaken) tx.set(target, this.#renamedDocument({ path, data }));
          if (target !== path) tx.delete(path);
          moved += 1;
        }
        return { moved, conflicts };
      });
      this.#moved += moved;
      for (const path of conflicts) this.#conflicts.add(path);
    }
  }

  #renamedDocument({ path, data }: StoredDocument): DocumentData {
    const next = renamed(data, this.#key, this.#next);
    if (!path.startsWith('grants/') || next['user'] === data['user']) return next;
    return { ...next, grantedTo: data['grantedTo'] ?? data['user'] ?? null };
  }
}

/** The documents that are one for each name; limits are over in a day. */
const pathsByName = (name: string): readonly string[] => [
  userDevicesPath(name),
  tallyPath(name),
  ...(['user', 'network'] as const).flatMap((kind) =>
    [riskPath, blockPath, erasurePath].map((pathOf) => pathOf({ kind, id: name })),
  ),
];

/** Whose a document is that does not lie under his name. */
function ownerIn({ path, data }: StoredDocument): string | undefined {
  const field = path.startsWith('models/') ? 'owner' : 'user';
  const isOwned = /^(?:models|devices|grants|outbox)\//.test(path);
  return isOwned && typeof data[field] === 'string' ? data[field] : undefined;
}
