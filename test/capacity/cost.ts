/** What so many grants of one model cost, some of them of phones that hold an older version. */
import { type CostLine, grantCpuSeconds, priced } from '../../functions/operators/prices.ts';
import type { Use } from './operations.ts';
import { ofWhole } from './updates.ts';

export interface Grants {
  readonly grants: number;
  /** Of one model, in bytes. */
  readonly sizeBytes: number;
  readonly use: Use;
  /** Those whose phone holds an older version; none where absent. */
  readonly updates?: Updates;
}

export interface Updates {
  /** Of all grants. */
  readonly share: number;
  /** Bytes of a patch, of those of the whole. */
  readonly patchShare: number;
}

/** In the order of the prices. What a grant takes beside the bytes it seals is small for what is patched. */
export function costLines({ grants, sizeBytes, use, updates }: Grants): readonly CostLine[] {
  const { share, patchShare } = updates ?? { share: 0, patchShare: 1 };
  const patch = ofWhole(patchShare);
  const weighed = (each: 'bytes' | 'cpu') => grants * (1 + share * (patch[each] - 1));
  return priced({
    ...{ grants, use, sentBytes: weighed('bytes') * sizeBytes },
    cpuSeconds: weighed('cpu') * grantCpuSeconds(sizeBytes),
    patches: patch.bytes < 1 ? grants * share : 0,
  });
}
