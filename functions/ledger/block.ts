/** A block of the ledger: grants in their order, and the hash of the block before. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { lengthPrefixed } from '../protocol/encoding.ts';
import { type Leaf, readLeaf } from './grant-leaf.ts';

/** Of some 70 bytes each, in a document of at most 1 MiB. */
export const MAX_LEAVES = 4_000;

const block = z.object({
  sequence: z.int().min(1),
  previousHash: z.string(),
  /** The instants of the first and the last grant. */
  from: z.date(),
  to: z.date(),
  count: z.int().min(1).max(MAX_LEAVES),
  leaves: z.array(z.string()).min(1).max(MAX_LEAVES),
  /** SHA-256 over all of it, base64url. */
  hash: z.string(),
});
export type Block = z.infer<typeof block>;

const head = z.object({
  sequence: z.int().min(0),
  hash: z.string(),
  /** The place of the last grant in the order of all grants. */
  order: z.string(),
  grants: z.int().min(0),
});
/** Where the next block is put. */
export type Head = z.infer<typeof head>;

export const HEAD_PATH = 'ledger/head';
export const blockPath = (sequence: number): string =>
  `ledger/${String(sequence).padStart(12, '0')}`;

const headOf = documentKind('ledger head', head);
const GENESIS: Head = { sequence: 0, hash: 'A'.repeat(43), order: '', grants: 0 };

/** Throws on a document that this code did not write. */
export const readHead = (data: DocumentData | undefined): Head =>
  data === undefined ? GENESIS : headOf(data);

/** Null for a document that is no block. */
export const readBlock = (data: DocumentData): Block | null => block.safeParse(data).data ?? null;

/** The block of these leaves behind `previous`. Throws RangeError for leaves that are none. */
export function nextBlock(
  previous: Pick<Head, 'sequence' | 'hash'>,
  leaves: readonly Leaf[],
): Block {
  const [first, last] = [readLeaf(leaves[0] ?? ''), readLeaf(leaves.at(-1) ?? '')];
  if (!first || !last) throw new RangeError('a block holds leaves');
  const linked = {
    sequence: previous.sequence + 1,
    previousHash: previous.hash,
    leaves: [...leaves],
  };
  const { createdAt: from } = first;
  const { createdAt: to } = last;
  return { ...linked, from, to, count: leaves.length, hash: blockHash(linked) };
}

/** The ends and the count follow from the leaves, so the hash covers them, too. */
export const blockHash = ({
  sequence,
  previousHash,
  leaves,
}: Pick<Block, 'sequence' | 'previousHash' | 'leaves'>): string =>
  createHash('sha256')
    .update(lengthPrefixed('modelseal/1 ledger block', String(sequence), previousHash, ...leaves))
    .digest('base64url');
