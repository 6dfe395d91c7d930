/** One cell of the table: so many copies put together by a strategy, and who is accused of it. */
import { createHash } from 'node:crypto';
import { observeLeak } from '../../../functions/watermark/observe.ts';
import { Scan, scanTables } from '../../../functions/watermark/scan.ts';
import {
  ACCUSED_LOG10P,
  findAccomplices,
  investigate,
} from '../../../functions/watermark/suspects.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { SINGLE_ATTACKS } from '../attacks.ts';
import { type LoadedModel, randomFingerprint } from '../model.ts';
import { leakOf } from '../weights.ts';
import type { Copies } from './copies.ts';
import { keepEvidence } from './kept-evidence.ts';
import { STRATEGIES } from './strategies.ts';

/** Bounds allow for so many suspects, however many are tested. */
const LISTED = 1_000_000;

export interface Cell {
  readonly model: string;
  readonly copies: number;
  readonly strategy: string;
  readonly noise: boolean;
  /** The decimal logarithm of the bound of the guilty device that is heard best, among a million. */
  readonly log10P: number;
  /** How many of the guilty are accused. */
  readonly accused: number;
  /** Innocents who were tested, and how many of them were accused, at the bound for those who were tested. */
  readonly innocents: number;
  readonly falselyAccused: number;
}

export type CellName = Pick<Cell, 'model' | 'copies' | 'strategy' | 'noise'>;

const fileNameOf = ({ model, copies, strategy, noise }: CellName): string =>
  [model, copies, strategy, ...(noise ? ['noise'] : [])].join('-');

/** The same numbers for the same cell, whichever is computed first. */
function randomOf({ model, copies, strategy, noise }: CellName): Random {
  const text = [model, copies, strategy, noise].join(' ');
  return createRandom(createHash('sha256').update(text).digest().readUInt32LE());
}

/** `guilty` are the names of the copies; `kept` the folder where evidence is kept. */
export async function tryCell(
  name: CellName,
  model: LoadedModel,
  traceKey: Uint8Array,
  guilty: readonly string[],
  { values, put }: Copies,
  innocents: number,
  kept?: string,
): Promise<Cell> {
  const random = randomOf(name);
  const combined = put(STRATEGIES[name.strategy]?.(values, random) ?? []);
  const weights = name.noise
    ? SINGLE_ATTACKS.int8_channel(SINGLE_ATTACKS.noise_1(combined, random), random)
    : combined;
  const leak = observeLeak({ ...model, strength: 'resistant' }, leakOf(weights), traceKey);
  const investigation = investigate(leak, traceKey);
  if (kept) await keepEvidence(kept, fileNameOf(name), traceKey, investigation, guilty[0] ?? '');
  const scan = new Scan(scanTables(investigation));
  for (const fingerprint of guilty) scan.add(fingerprint, investigation.copies);
  for (let i = 0; i < innocents; i++) scan.add(randomFingerprint(random), investigation.copies);
  const best = scan.best();
  const isGuilty = ({ fingerprint }: { readonly fingerprint: string }) =>
    guilty.includes(fingerprint);
  const found = findAccomplices(investigation, best, LISTED).filter(isGuilty);
  const falselyAccused = findAccomplices(investigation, best, scan.tested).filter(
    (suspect) => suspect.log10P < ACCUSED_LOG10P && !isGuilty(suspect),
  ).length;
  return {
    ...name,
    log10P: found[0]?.log10P ?? 0,
    accused: found.filter(({ log10P }) => log10P < ACCUSED_LOG10P).length,
    innocents,
    falselyAccused,
  };
}
