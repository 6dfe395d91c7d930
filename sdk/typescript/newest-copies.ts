/** Which of several copies of a model is the newest: by the publisher's word, never by a licence's date. */
import { filesOf } from '../../functions/protocol/release-record.ts';
import { LATEST } from './fetcher.ts';
import type { ModelStore, StoredCopy } from './opening/model-store.ts';

type Copies = Pick<ModelStore, 'copies' | 'releases'>;

/**
 * Orders copies of a model: what the publisher last had on offer first, then what he signed last.
 *
 * @param store Knows his last word.
 * @param model Its id.
 * @returns A comparison for `sort`.
 */
export async function newestFirst(
  store: Copies,
  model: string,
): Promise<(a: StoredCopy, b: StoredCopy) => number> {
  const last = await store.releases.last(model);
  const offered = new Set(last && filesOf(last).map(({ version }) => version));
  const isOffered = ({ manifest }: StoredCopy) => Number(offered.has(manifest.version));
  return (a, b) => isOffered(b) - isOffered(a) || b.manifest.publishedAt - a.manifest.publishedAt;
}

/**
 * The copies that were asked for as the newest, by model; the newest of each first.
 *
 * @param store Where they lie.
 * @throws {SealError} `key-unavailable` or `storage-unavailable`: they cannot be read now.
 */
export async function latestCopies(
  store: Copies,
): Promise<ReadonlyMap<string, readonly StoredCopy[]>> {
  const byModel = new Map<string, StoredCopy[]>();
  for (const copy of await store.copies()) {
    if (copy.asked !== LATEST) continue;
    const { model } = copy.manifest;
    byModel.set(model, [...(byModel.get(model) ?? []), copy]);
  }
  for (const [model, copies] of byModel) copies.sort(await newestFirst(store, model));
  return byModel;
}
