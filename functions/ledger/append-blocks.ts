/**
 * Takes grants into the ledger some time after they were decided, so that deciding one touches no
 * document that others touch. Runs may overlap, fail half-way and be repeated: a block and the head
 * move in one transaction, and whoever finds the head elsewhere leaves it.
 */
import type { DocumentStore, StoredDocument } from '../cloud/documents.ts';
import { readGrant } from '../grants/grant-record.ts';
import { describeError, type Log } from '../log.ts';
import { blockPath, HEAD_PATH, type Head, MAX_LEAVES, nextBlock, readHead } from './block.ts';
import { leafOf } from './grant-leaf.ts';
import { grantsQuery, ledgerKey, shardRanges } from './ledger-key.ts';

/**
 * A grant gets its time when its request comes in and is committed before its transaction times out,
 * which takes less than half of this: nothing appears later before the place that was reached.
 */
export const LEDGER_LAG_MS = 120_000;
const BLOCKS_A_RUN = 40;

export interface LedgerRun {
  readonly blocks: number;
  readonly grants: number;
}

export interface LedgerServices {
  readonly documents: DocumentStore;
  readonly log: Log;
}

/** Appends blocks until no grant is left that is old enough at `now`, or so many at most. */
export async function appendBlocks(
  services: LedgerServices,
  now: Date,
  { maxLeaves = MAX_LEAVES, maxBlocks = BLOCKS_A_RUN } = {},
): Promise<LedgerRun> {
  const { documents, log } = services;
  const before = new Date(now.getTime() - LEDGER_LAG_MS).toISOString();
  const run = { blocks: 0, grants: 0 };
  let passed = '';
  for (let round = 0; round < maxBlocks; round += 1) {
    const head = readHead(await documents.get(HEAD_PATH));
    const after = passed > head.order ? passed : head.order;
    const records = await grantsBetween(documents, after, before, maxLeaves);
    if (records.length === 0) break;
    passed = orderOf(records.at(-1));
    const leaves = records.flatMap((record) => leafOrNone(record, log));
    if (leaves.length === 0) continue;
    const block = nextBlock(head, leaves);
    const next: Head = {
      sequence: block.sequence,
      hash: block.hash,
      order: passed,
      grants: head.grants + block.count,
    };
    const appended = await documents.transaction(async (tx) => {
      const [current] = await tx.getAll([HEAD_PATH]);
      // Another run was faster; it does all that this one would do.
      if (readHead(current).hash !== head.hash) return false;
      tx.create(blockPath(block.sequence), { ...block });
      tx.set(HEAD_PATH, { ...next });
      return true;
    });
    if (!appended) break;
    run.blocks += 1;
    run.grants += block.count;
    // The log is kept where nobody can change it: the chain can be checked against this line.
    log('INFO', 'ledger block', { sequence: block.sequence, hash: block.hash, count: block.count });
  }
  return run;
}

/** The first grants in order between two places of which neither is included. */
async function grantsBetween(
  documents: DocumentStore,
  after: string,
  before: string,
  limit: number,
): Promise<readonly StoredDocument[]> {
  const ranges = shardRanges(after, before);
  const pageSize = Math.ceil(limit / ranges.length);
  const pages = await Promise.all(
    ranges.map(([from, to]) => documents.query(grantsQuery(from, to, pageSize))),
  );
  // Behind the last of a full page there may be more of its shard, before what others gave.
  const ends = pages.filter((page) => page.length === pageSize).map((page) => orderOf(page.at(-1)));
  const end = ends.sort()[0];
  return pages
    .flat()
    .filter((record) => end === undefined || orderOf(record) <= end)
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

const orderOf = (record: StoredDocument | undefined): string =>
  String(record?.data['ledgerKey'] ?? '').slice(2);

/** One record that nobody can read must not stop the ledger; `verify` finds it. */
function leafOrNone({ path, data }: StoredDocument, log: Log): readonly string[] {
  try {
    const grant = readGrant(data);
    if (!grant) return [];
    if (ledgerKey(grant.createdAt, grant.grantId) === grant.ledgerKey) return [leafOf(grant)];
    log('ERROR', 'grant record at another place', { path });
    return [];
  } catch (error) {
    log('ERROR', 'grant record not readable', { path, ...describeError(error) });
    return [];
  }
}
