/** What no grant can be faster than: one transaction of as many documents, and one upload of as many bytes. */
import { randomBytes } from 'node:crypto';
import { sealedObjectName } from '../../functions/grants/sealed-object.ts';
import { streamOf } from '../../functions/protocol/bytes.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { Services } from '../../functions/services.ts';

/** As a second grant of a user has them: docs/ops/scale.md, less what scoring takes. */
const READ = 12;
const WRITTEN = 7;

/** Milliseconds of both, one after the other, in process. */
export async function floorOnce(
  { documents, objects, config }: Services,
  sizeBytes: number,
): Promise<number> {
  const id = toBase64url(randomBytes(16));
  const paths = Array.from({ length: READ }, (_, n) => `limits/floor_${id}_${n}`);
  const grantId = `g_${id}`;
  const startedAt = performance.now();
  await documents.transaction(async (tx) => {
    await tx.getAll(paths);
    for (const path of paths.slice(0, WRITTEN)) tx.set(path, { grantId, count: 1 });
  });
  const name = sealedObjectName(grantId, new Date(), config.sealedTtlSeconds);
  const body = streamOf(randomBytes(sizeBytes));
  await objects.write(config.buckets.sealed, name, body, { ifAbsent: true });
  return performance.now() - startedAt;
}
