/** What a leak says of a version's marks, whatever the strength names: a grant, or a device's fingerprint. */
import {
  decodeGrantId,
  type Finding as GrantFinding,
  rankCandidates,
  testGrant,
} from './accuse.ts';
import type { AlignedPair } from './aligned-pair.ts';
import type { CopyBytes } from './biased-code.ts';
import { type Account, accountOf } from './bound-account.ts';
import type { Original } from './compare-marks.ts';
import { FINGERPRINT_BYTES, fingerprintFrom, fingerprintOf } from './fingerprint.ts';
import { GRANT_BYTES, grantIdOf } from './grant-id.ts';
import { observeLeak } from './observe.ts';
import { extractResiduals } from './residuals.ts';
import { scanCandidates } from './scan-threads.ts';
import { STRENGTHS } from './strength.ts';
import {
  decodeFingerprint,
  findAccomplices,
  investigate,
  type Suspect,
  testSuspect,
} from './suspects.ts';
import type { ModelTensor } from './tensors.ts';

/** A grant on record, whose copy may have leaked. */
export interface Candidate {
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
}

/** Whose mark a leak holds, and how surely. */
export interface Finding {
  /** A grant's identifier or a device's fingerprint. */
  readonly name: string;
  readonly deviations: number;
  readonly log10P: number;
  /** Of a fingerprint: the bound for another device of the same user. */
  readonly deviceLog10P?: number;
  readonly log10Chances?: number;
  /** Of a grant: how much of the mark is left, and which share of its bits is wrong. */
  readonly survival?: number;
  readonly bitErrorRate?: number;
  /** Of a fingerprint: all that its bound was computed from, for somebody else to compute it again. */
  readonly account?: () => Account;
}

export interface Ranking {
  readonly tested: number;
  /** The likeliest first; they allow for all that were tested. */
  readonly findings: readonly Finding[];
}

export interface RankOptions {
  /** Called now and then with the number of candidates that were tested. */
  readonly onProgress?: (tested: number) => void;
  /** How many more are tested elsewhere, for each that is tested here: of a trace in shards. */
  readonly shards?: number;
}

export interface Reading {
  readonly pairs: readonly AlignedPair[];
  readonly coverage: number;
  readonly marksCompared: number;
  /** What the leak spells, without any list. */
  readonly spelt: Finding;
  /** The correlation with somebody who never was, whom these 16 bytes stand for. */
  innocent(bytes: Uint8Array): number;
  rank(candidates: AsyncIterable<Candidate>, options?: RankOptions): Promise<Ranking>;
}

/** Throws `nothing-in-common` and `trace-key-invalid`. */
export function readLeak(
  original: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): Reading {
  return STRENGTHS[original.strength].names === 'grant'
    ? readGrantMarks(original, leaked, traceKey)
    : readDeviceMarks(original, leaked, traceKey);
}

const ofGrant = ({ grantId, ...finding }: GrantFinding): Finding => ({ name: grantId, ...finding });
const ofDevice =
  (copies: CopyBytes) =>
  ({ fingerprint, decoder, ...finding }: Suspect): Finding => ({
    name: fingerprint,
    ...finding,
    account: () => accountOf(decoder, copies.of(fingerprint)),
  });

function readGrantMarks(
  original: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): Reading {
  const residuals = extractResiduals(original, leaked, traceKey);
  const { pairs, coverage, ownCompared } = residuals;
  return {
    pairs,
    coverage,
    marksCompared: ownCompared,
    spelt: ofGrant(decodeGrantId(residuals, traceKey)),
    innocent: (bytes) =>
      testGrant(residuals, traceKey, grantIdOf(bytes.subarray(0, GRANT_BYTES))).deviations,
    async rank(candidates, { onProgress, shards = 1 } = {}) {
      const ids = (async function* () {
        for await (const { grantId } of candidates) yield grantId;
      })();
      const options = onProgress ? { onProgress } : {};
      const { tested, findings } = await rankCandidates(residuals, traceKey, ids, options);
      const allowance = Math.log10(shards);
      return {
        tested,
        findings: findings.map((finding) => ({
          ...ofGrant(finding),
          log10P: Math.min(0, finding.log10P + allowance),
        })),
      };
    },
  };
}

function readDeviceMarks(
  original: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): Reading {
  const leak = observeLeak(original, leaked, traceKey);
  const investigation = investigate(leak, traceKey);
  const { pairs, coverage, compared } = leak;
  const named = ofDevice(investigation.copies);
  return {
    pairs,
    coverage,
    marksCompared: compared,
    spelt: named(decodeFingerprint(leak, investigation)),
    innocent: (bytes) =>
      testSuspect(investigation, fingerprintFrom(bytes.subarray(0, FINGERPRINT_BYTES))).deviations,
    async rank(candidates, { onProgress, shards = 1 } = {}) {
      const fingerprints = (async function* () {
        // Not the record's field: what is accused is what the key makes of user and device.
        for await (const candidate of candidates) yield fingerprintOf(traceKey, candidate);
      })();
      const { tested, best } = await scanCandidates(
        investigation,
        traceKey,
        fingerprints,
        onProgress,
      );
      const findings = findAccomplices(investigation, best, tested * shards).map(named);
      return { tested, findings };
    },
  };
}
