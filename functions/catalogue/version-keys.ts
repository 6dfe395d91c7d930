/** The data keys of published versions: made at publish time, wrapped by the key service ever after. */
import type { KeyService } from '../cloud/keys.ts';
import { fromBase64url, lengthPrefixed, toBase64url } from '../protocol/encoding.ts';
import type { PublishedVersion } from './model-record.ts';

/** An unwrapped key stays in memory for so long, so that a popular model costs one call in minutes. */
const CACHE_MS = 300_000;
const MAX_CACHED = 64;

export interface VersionKeys {
  /** A fresh data key's wrapped form, base64url, bound to the version. */
  wrap(dataKey: Uint8Array, modelId: string, version: string): Promise<string>;
  /** The data key of a version; a copy, which the caller wipes. Throws UnwrapError. */
  unwrap(version: PublishedVersion, now: Date): Promise<Uint8Array>;
}

export function createVersionKeys(keys: KeyService): VersionKeys {
  const cache = new Map<string, { readonly key: Promise<Uint8Array>; readonly until: number }>();

  const forget = (id: string): void => {
    const entry = cache.get(id);
    cache.delete(id);
    entry?.key.then(
      (key) => key.fill(0),
      () => undefined,
    );
  };

  return {
    async wrap(dataKey, modelId, version) {
      return toBase64url(await keys.wrap(dataKey, wrappingContext(modelId, version)));
    },
    async unwrap({ wrappedKey, modelId, version }, now) {
      for (const [id, { until }] of cache) if (until <= now.getTime()) forget(id);
      // Named by all that the key service would check, so that the cache is no way around it.
      const id = `${modelId}@${version}:${wrappedKey}`;
      const known = cache.get(id);
      if (known) return (await known.key).slice();

      const oldest = cache.keys().next().value;
      if (cache.size >= MAX_CACHED && oldest !== undefined) forget(oldest);
      const wrapped = fromBase64url(wrappedKey) ?? new Uint8Array();
      const key = keys.unwrap(wrapped, wrappingContext(modelId, version));
      cache.set(id, { key, until: now.getTime() + CACHE_MS });
      key.catch(() => cache.delete(id));
      return (await key).slice();
    },
  };
}

/** A wrapped key of one version unwraps for no other. */
const wrappingContext = (modelId: string, version: string): Uint8Array =>
  lengthPrefixed('modelseal/1 vault', modelId, version);
