/**
 * The blocks of the ledger as the log has them, which nobody who may write the database can change:
 * each run of `ledger` logs what it appended.
 */
import { z } from 'zod';

/** What the ledger's lines are found by, in Cloud Logging's query language. */
export const LEDGER_LINES = 'jsonPayload.message="ledger block"';

const line = z.object({
  message: z.literal('ledger block'),
  sequence: z.int().min(1),
  hash: z.string(),
});
/** As Cloud Logging gives it, or as a function writes it. */
const entry = z.union([z.object({ jsonPayload: line }).transform((a) => a.jsonPayload), line]);

/** Two lines of the log name different hashes for one block. */
export class LogContradiction extends Error {
  constructor(sequence: number) {
    super(`the log has two hashes of block ${sequence}`);
    this.name = 'LogContradiction';
  }
}

/**
 * Hashes by sequence from what was logged: entries of Cloud Logging as one JSON array, or lines of
 * JSON; what is no line of the ledger's is passed over. Throws LogContradiction.
 */
export function loggedBlocks(log: string): ReadonlyMap<number, string> {
  const blocks = new Map<number, string>();
  for (const value of entriesOf(log)) {
    const { data } = entry.safeParse(value);
    if (!data) continue;
    const known = blocks.get(data.sequence);
    if (known !== undefined && known !== data.hash) throw new LogContradiction(data.sequence);
    blocks.set(data.sequence, data.hash);
  }
  return blocks;
}

function entriesOf(log: string): readonly unknown[] {
  const whole = parsed(log);
  return Array.isArray(whole) ? whole : log.split('\n').map(parsed);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
