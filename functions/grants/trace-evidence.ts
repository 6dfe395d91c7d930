/** What a trace found, for an expert to check: everything but the key, to which it is committed. */
import { createHash } from 'node:crypto';
import { NAMED_LOG10P } from '../watermark/accuse.ts';
import type { Finding } from '../watermark/read-leak.ts';
import { STRENGTHS } from '../watermark/strength.ts';
import type { Comparison, TraceResult } from './trace-leak.ts';

const METHODS = {
  grant: {
    document: 'docs/analysts/tracing.md',
    statistic:
      'sum / sqrt(squares), where sum adds up, over the compared marks, the residual of the leak against the original, weighed by what a mark would have made of it, with the sign that the grant’s sequence has there; squares adds up its squares',
    probability:
      'log10P = -deviations² / (2 ln 10) + log10(chances): Hoeffding’s bound for independent random signs, times the number of chances to accuse somebody else',
  },
  device: {
    document: 'docs/analysts/tracing.md',
    statistic:
      'S = Σ e (x − p) over the positions of the code, with e what the leak says there for a 1 against a 0, x the copy’s bit and p the probability of a 1; the account of a named copy has e, p and x of each position, in an order that tells no position',
    probability:
      'log10P = min over λ of (Σ log(p exp(λe(1−p)) + (1−p) exp(−λep)) − λS) / ln 10 + log10(chances): Chernoff’s bound, times the number of chances to accuse somebody else; npm run trace:verify computes it again',
  },
} as const;

const INNOCENTS = 1000;

/** The statistic of a thousand copies that were never made. */
export async function innocentDeviations(
  { reading }: Pick<Comparison, 'reading'>,
  randomBytes: (size: number) => Uint8Array,
  onProgress: (share: number) => void = () => undefined,
): Promise<readonly number[]> {
  const deviations: number[] = [];
  for (let i = 0; i < INNOCENTS; i++) {
    deviations.push(reading.innocent(randomBytes(16)));
    onProgress(deviations.length / INNOCENTS);
  }
  return deviations;
}

/** What an account's function would be in JSON. */
const without = ({ account: _, ...finding }: Finding) => finding;

/** JSON in the end; `by` is who traced. Call it before the comparison's key is wiped. */
export function evidenceOf(
  result: TraceResult,
  { by, now, innocents }: { by: string; now: Date; innocents?: readonly number[] },
) {
  const { leak, comparison, versionsTried, decoded, tested, shards, findings, named } = result;
  return {
    schema: 2,
    tracedAt: now.toISOString(),
    by,
    method: {
      ...METHODS[comparison ? STRENGTHS[comparison.strength].names : 'grant'],
      namedBelowLog10P: NAMED_LOG10P,
    },
    leak,
    original: comparison && originalOf(comparison),
    chances: { versionsTried, grantsTested: tested, shards },
    decoded: decoded ? without(decoded) : null,
    candidates: findings.map(without),
    ...(innocents && { innocentDeviations: innocents }),
    named: named.map(({ records, account, ...finding }) => ({
      ...finding,
      account: account?.() ?? null,
      records: records.map(({ grantId, user, device, createdAt, state, sha256 }) => ({
        grantId,
        user,
        device,
        grantedAt: createdAt.toISOString(),
        state,
        sha256,
      })),
    })),
  };
}

function originalOf({
  version,
  strength,
  traceKey,
  reading,
  resemblance,
}: NonNullable<TraceResult['comparison']>) {
  return {
    model: version.modelId,
    version: version.version,
    sha256: version.sha256,
    manifestDigest: version.manifestDigest,
    strength,
    parameters: STRENGTHS[strength],
    /** Whoever is shown the key can tell that it is the one that was used. */
    traceKeySha256: createHash('sha256').update(traceKey).digest('base64url'),
    resemblance,
    coverage: reading.coverage,
    marksCompared: reading.marksCompared,
    tensors: reading.pairs.map(({ marked, original, leaked, correlation }) => ({
      original: original.name ?? String(marked.layer.index),
      leaked: leaked.name ?? null,
      elements: marked.elements,
      marks: marked.groups,
      correlation,
    })),
  };
}
