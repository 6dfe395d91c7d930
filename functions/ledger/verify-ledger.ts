/** Does the ledger still say what was granted? Recomputes the chain and compares it with the grant records. */
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { GRANT_RETENTION_MS, grantPath, readGrant } from '../grants/grant-record.ts';
import { type Block, blockHash, blockPath, HEAD_PATH, readBlock, readHead } from './block.ts';
import { leafOf, type ReadLeaf, readLeaf } from './grant-leaf.ts';
import { grantsQuery, ledgerKey, shardRanges } from './ledger-key.ts';

export interface LedgerFault {
  /** `missing`, `changed` or `added`: a grant; `broken`: a block. */
  readonly kind: 'missing' | 'changed' | 'added' | 'broken';
  /** The block's sequence; 0 for a grant that no block could hold. */
  readonly block: number;
  readonly grant?: string;
  readonly description: string;
}

export interface LedgerReport {
  readonly blocks: number;
  readonly grants: number;
  /** Grants whose record an erasure emptied, and those whose time is over. */
  readonly erased: number;
  readonly expired: number;
  /** Blocks whose hash the log has, too, where a log was given. */
  readonly logged: number;
  /** The hash of the last block that was looked at. */
  readonly hash: string;
  /** The first fault; undefined where all is as it was written. */
  readonly fault?: LedgerFault;
}

export interface LedgerRange {
  /** Sequences of blocks; all of them where absent, and then every grant record is looked at, too. */
  readonly from?: number;
  readonly to?: number;
  /** Hashes by sequence as the log has them: logged-blocks.ts. */
  readonly log?: ReadonlyMap<number, string>;
}

const PAGE = 500;

/** A fault ends the search. */
class FaultFound extends Error {
  readonly fault: LedgerFault;
  constructor(kind: LedgerFault['kind'], block: number, description: string, grant?: string) {
    super(description);
    this.name = 'FaultFound';
    this.fault = { kind, block, description, ...(grant !== undefined && { grant }) };
  }
}

/** Reads each block and each grant once; what is not faulty at `now` was not tampered with. */
export async function verifyLedger(
  documents: DocumentStore,
  now: Date,
  { from = 1, to, log }: LedgerRange = {},
): Promise<LedgerReport> {
  const head = readHead(await documents.get(HEAD_PATH));
  const counts = { blocks: 0, grants: 0, erased: 0, expired: 0, logged: 0, hash: '' };
  try {
    let previous = await linkBefore(documents, from);
    for (let sequence = from; sequence <= (to ?? head.sequence); sequence += 1) {
      const block = await soundBlock(documents, sequence, previous);
      if (isLogged(block, log)) counts.logged += 1;
      const found = await checkGrants(documents, block, previous.order, now);
      counts.blocks += 1;
      counts.grants += block.count;
      counts.erased += found.erased;
      counts.expired += found.expired;
      counts.hash = block.hash;
      previous = { hash: block.hash, order: lastOf(block).order };
    }
    if (to === undefined || to >= head.sequence) {
      await checkEnd(documents, head, previous.hash);
      checkNoneIsCutOff(head.sequence, log);
    }
    if (from === 1 && to === undefined) await checkPlaces(documents, now);
    return counts;
  } catch (error) {
    if (!(error instanceof FaultFound)) throw error;
    return { ...counts, fault: error.fault };
  }
}

interface Link {
  readonly hash: string;
  /** The place of the last grant before. */
  readonly order: string;
}

async function linkBefore(documents: DocumentStore, from: number): Promise<Link> {
  if (from <= 1) return { hash: readHead(undefined).hash, order: '' };
  const data = await documents.get(blockPath(from - 1));
  const block = data && readBlock(data);
  if (!block) throw new FaultFound('broken', from - 1, 'the block is missing or is none');
  return { hash: block.hash, order: lastOf(block).order };
}

/** A block that is what its hash says, in its place behind `previous`, with its leaves in order. */
async function soundBlock(
  documents: DocumentStore,
  sequence: number,
  previous: Link,
): Promise<Block> {
  const broken = (description: string) => new FaultFound('broken', sequence, description);
  const data = await documents.get(blockPath(sequence));
  const block = data && readBlock(data);
  if (!block) throw broken('the block is missing or is none');
  if (block.sequence !== sequence) throw broken('the block is at another place');
  if (block.previousHash !== previous.hash)
    throw broken('the block does not follow the one before');
  if (blockHash(block) !== block.hash) throw broken('the block is not what its hash says');
  const leaves = block.leaves.map(readLeaf);
  let order = previous.order;
  for (const leaf of leaves) {
    if (!leaf || leaf.order <= order) throw broken('the leaves are not in order');
    order = leaf.order;
  }
  const [first, last] = [leaves[0], leaves.at(-1)];
  const isSummed =
    block.count === leaves.length &&
    block.from.getTime() === first?.createdAt.getTime() &&
    block.to.getTime() === last?.createdAt.getTime();
  if (!isSummed) throw broken('count or ends are not those of the leaves');
  return block;
}

function lastOf(block: Block): ReadLeaf {
  const last = readLeaf(block.leaves.at(-1) ?? '');
  if (!last) throw new FaultFound('broken', block.sequence, 'the last leaf is none');
  return last;
}

/** Compares a block with the grant records between the one before it and its own end. */
async function checkGrants(documents: DocumentStore, block: Block, after: string, now: Date) {
  const { sequence } = block;
  // A space sorts before everything an order key holds: the last grant itself is included.
  const records = await recordsBetween(documents, after, `${lastOf(block).order} `);
  const counts = { erased: 0, expired: 0 };
  for (const text of block.leaves) {
    const leaf = readLeaf(text);
    if (!leaf) throw new FaultFound('broken', sequence, 'a leaf is none');
    const { grantId, createdAt } = leaf;
    const data = records.get(grantId) ?? (await documents.get(grantPath(grantId)));
    records.delete(grantId);
    if (!data) {
      if (createdAt.getTime() + GRANT_RETENTION_MS > now.getTime()) {
        throw new FaultFound('missing', sequence, 'the record is gone before its time', grantId);
      }
      counts.expired += 1;
    } else if (data['state'] === 'erased') {
      counts.erased += 1;
    } else if (leafOrNull(data) !== text) {
      throw new FaultFound('changed', sequence, 'the record is not what was granted', grantId);
    }
  }
  for (const [grantId, data] of records) {
    // Erased before the ledger came to it.
    if (data['state'] === 'erased') continue;
    throw new FaultFound(
      'added',
      sequence,
      'the record was not there when the block was made',
      grantId,
    );
  }
  return counts;
}

async function recordsBetween(
  documents: DocumentStore,
  after: string,
  before: string,
): Promise<Map<string, DocumentData>> {
  const records = new Map<string, DocumentData>();
  await Promise.all(
    shardRanges(after, before).map(async ([from, to]) => {
      for (let last = from; ; ) {
        const page = await documents.query(grantsQuery(last, to, PAGE));
        for (const { path, data } of page) records.set(idOf(path), data);
        if (page.length < PAGE) return;
        last = String(page.at(-1)?.data['ledgerKey']);
      }
    }),
  );
  return records;
}

/** Whether the log has the block. A chain that was made anew is whole in itself, and not the one that was logged. */
function isLogged({ sequence, hash }: Block, log: LedgerRange['log']): boolean {
  const logged = log?.get(sequence);
  if (logged === undefined || logged === hash) return logged !== undefined;
  throw new FaultFound('broken', sequence, 'the block is not the one that was logged');
}

function checkNoneIsCutOff(sequence: number, log: LedgerRange['log']): void {
  const cutOff = Math.min(...[...(log?.keys() ?? [])].filter((logged) => logged > sequence));
  if (Number.isFinite(cutOff)) {
    throw new FaultFound('broken', cutOff, 'the log has the block, and the chain ends before it');
  }
}

/** The head says where the chain ends; a block behind it, or none at it, was not put there by a run. */
async function checkEnd(
  documents: DocumentStore,
  { sequence, hash }: { readonly sequence: number; readonly hash: string },
  last: string,
): Promise<void> {
  if (hash !== last) throw new FaultFound('broken', sequence, 'the head is not the last block');
  if (await documents.get(blockPath(sequence + 1))) {
    throw new FaultFound('broken', sequence + 1, 'a block lies behind the head');
  }
}

/** A record that names no place, or a wrong one, would be passed over by everything above. */
async function checkPlaces(documents: DocumentStore, now: Date): Promise<void> {
  const misplaced = (path: string) =>
    new FaultFound('added', 0, 'the record is not at its place in the order', idOf(path));
  for (let last = ''; ; ) {
    const page = await documents.query({
      collection: 'grants',
      where: [['grantId', '>', last]],
      orderBy: ['grantId', 'asc'],
      limit: PAGE,
    });
    for (const { path, data } of page) {
      const { grantId, createdAt } = data;
      const isInPlace =
        typeof grantId === 'string' &&
        path === grantPath(grantId) &&
        createdAt instanceof Date &&
        createdAt.getTime() <= now.getTime() + MAX_SKEW_MS &&
        data['ledgerKey'] === ledgerKey(createdAt, grantId);
      if (!isInPlace) throw misplaced(path);
    }
    if (page.length < PAGE) return;
    last = String(page.at(-1)?.data['grantId']);
  }
}

const MAX_SKEW_MS = 60_000;

const idOf = (path: string): string => path.slice('grants/'.length);

function leafOrNull(data: DocumentData): string | null {
  try {
    const grant = readGrant(data);
    return grant ? leafOf(grant) : null;
  } catch {
    return null;
  }
}
