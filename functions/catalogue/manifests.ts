/** Manifests as the grant path needs them: the signed token, and the policy in it. */

import { createHash } from 'node:crypto';
import type { ObjectStore } from '../cloud/objects.ts';
import { collect } from '../protocol/bytes.ts';
import { fromBase64url } from '../protocol/encoding.ts';
import { type Manifest, parseManifest } from '../protocol/manifest.ts';
import type { MarkPlan } from '../watermark/plan.ts';
import type { PublishedVersion } from './model-record.ts';

const MAX_CACHED = 64;
const MAX_MANIFEST_BYTES = 32 * 2 ** 20;

export interface StoredManifest {
  /** Compact JWS, as it was signed at publish time. */
  readonly token: string;
  readonly policy: Manifest['policy'];
  /** What a mark has to know of the model; empty where its copies are not marked. */
  readonly layers: Manifest['layers'];
  /** Where marks are; undefined where there are none. */
  readonly plan?: MarkPlan;
}

export interface Manifests {
  /** Throws where the stored bytes are not those the catalogue knows by their digest. */
  get(version: PublishedVersion): Promise<StoredManifest>;
}

/** Keeps the newest used in memory: a manifest never changes. */
export function createManifests(
  objects: Pick<ObjectStore, 'read'>,
  vaultBucket: string,
): Manifests {
  const cache = new Map<string, Promise<StoredManifest>>();

  const load = async ({ manifestObject, manifestDigest, marks }: PublishedVersion) => {
    const bytes = await collect(objects.read(vaultBucket, manifestObject), MAX_MANIFEST_BYTES);
    if (createHash('sha256').update(bytes).digest('base64url') !== manifestDigest) {
      throw new Error('a stored manifest has another digest than the catalogue says');
    }
    const token = Buffer.from(bytes).toString('ascii');
    const payload = fromBase64url(token.split('.')[1] ?? '') ?? new Uint8Array();
    const json: unknown = JSON.parse(new TextDecoder().decode(payload));
    const { policy, layers } = parseManifest(json);
    if (policy.tracing === 'off') return { token, policy, layers: [] };
    const { planOf } = await import('./mark-table.ts');
    const plan = await planOf(objects, vaultBucket, { marks, layers, strength: policy.tracing });
    return { token, policy, layers, plan };
  };

  return {
    get(version) {
      const known = cache.get(version.manifestDigest);
      if (known !== undefined) return known;
      const oldest = cache.keys().next().value;
      if (cache.size >= MAX_CACHED && oldest !== undefined) cache.delete(oldest);
      const loading = load(version);
      cache.set(version.manifestDigest, loading);
      loading.catch(() => cache.delete(version.manifestDigest));
      return loading;
    },
  };
}
