/** What a trace found, for an expert to check: everything but the key, to which it is committed. */
import { createHash } from 'node:crypto';
import { NAMED_LOG10P } from '../../functions/watermark/accuse.ts';
import { STRENGTHS } from '../../functions/watermark/strength.ts';
import type { TraceResult } from './trace-leak.ts';

const METHOD = {
  document: 'docs/analysts/tracing.md',
  statistic:
    'sum / sqrt(squares), where sum adds up, over the compared marks, the residual of the leak against the original, weighed by what a mark would have made of it, with the sign that the grant’s sequence has there; squares adds up its squares',
  probability:
    'log10P = -deviations² / (2 ln 10) + log10(chances): Hoeffding’s bound for independent random signs, times the number of chances to accuse somebody else',
} as const;

/** JSON in the end; `by` is who traced. Call it before the comparison's key is wiped. */
export function evidenceOf(
  result: TraceResult,
  { by, now, innocents }: { by: string; now: Date; innocents?: readonly number[] },
) {
  const { leak, comparison, versionsTried, decoded, tested, findings, named } = result;
  return {
    schema: 1,
    tracedAt: now.toISOString(),
    by,
    method: { ...METHOD, namedBelowLog10P: NAMED_LOG10P },
    leak,
    original: comparison && originalOf(comparison),
    chances: { versionsTried, grantsTested: tested },
    decoded: decoded ?? null,
    candidates: findings,
    ...(innocents && { innocentDeviations: innocents }),
    named: named.map(({ record, ...finding }) => ({
      ...finding,
      record: record
        ? {
            user: record.user,
            device: record.device,
            grantedAt: record.createdAt.toISOString(),
            state: record.state,
            sha256: record.sha256,
          }
        : null,
    })),
  };
}

function originalOf({
  version,
  strength,
  traceKey,
  residuals,
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
    coverage: residuals.coverage,
    marksCompared: residuals.ownCompared,
    tensors: residuals.pairs.map(({ marked, original, leaked, correlation }) => ({
      original: original.name ?? String(marked.layer.index),
      leaked: leaked.name ?? null,
      elements: marked.elements,
      marks: marked.groups,
      correlation,
    })),
  };
}
