/** Taking versions of a model back. */
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { isForAll } from '../protocol/rollout.ts';
import { type ModelRecord, modelPath, readModel, releaseOf, writeModel } from './model-record.ts';
import {
  cataloguedRelease,
  type Offered,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  signRelease,
  vouchedOffer,
} from './releases.ts';

export interface RevocationServices extends ReleaseServices {
  readonly documents: Pick<DocumentStore, 'transaction'>;
}

/**
 * Takes a version of a model back, or all of them: no grant and no renewal from the next request
 * on, and every device that reports holding a copy is told to erase it. Where the version was on offer,
 * the newest that is left takes its place in a new release record. Gives the versions that were
 * revoked now. Throws model_unknown, and SealError where what is left is not the publisher's.
 */
export async function revokeModel(
  services: RevocationServices,
  modelId: string,
  version: string | undefined,
  now: Date,
): Promise<readonly string[]> {
  const remembered = await rememberedRelease(services, modelId);
  const { revoked, release } = await services.documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    const before = data && readModel(data);
    const names = Object.keys(before?.versions ?? {}).filter((name) => name === (version ?? name));
    if (!before || names.length === 0) throw new ServiceError('model_unknown');
    const model = without(before, names);
    const offered = await offeredAfter(services, model);
    const records = [remembered, await cataloguedRelease(services, before)];
    const signed = offered && (await signRelease(services, modelId, records, offered, now));
    writeModel(tx, { ...model, ...signed });
    return {
      revoked: names.filter((name) => !before.versions[name]?.revoked),
      release: signed?.release,
    };
  });
  if (release !== undefined) await rememberRelease(services, modelId, release);
  return revoked;
}

/**
 * Takes all versions of a model back, as `revokeModel` does, where nobody signs: nothing is left to be
 * offered, so that no record need say so.
 */
export async function withdrawModel(
  documents: Pick<DocumentStore, 'transaction'>,
  modelId: string,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    if (!data) return;
    const model = readModel(data);
    writeModel(tx, without(model, Object.keys(model.versions)));
  });
}

const without = (model: ModelRecord, names: readonly string[]): ModelRecord => ({
  ...model,
  versions: Object.fromEntries(
    Object.entries(model.versions).map(([name, entry]) => [
      name,
      { ...entry, revoked: entry.revoked || names.includes(name) },
    ]),
  ),
});

/** What is to be offered from now on; undefined where that does not change, or nothing is left. */
async function offeredAfter(
  services: ReleaseServices,
  model: ModelRecord,
): Promise<Offered | undefined> {
  const { modelId, versions } = model;
  const left = Object.entries(versions).filter(([, { revoked }]) => !revoked);
  const offered = releaseOf(model)?.offered ?? [];
  const stays = offered.filter(({ version }) => left.some(([name]) => name === version));
  if (stays.length > 0 && stays.length === offered.length) return undefined;
  const last = stays.at(-1);
  if (last && isForAll(last)) return stays;
  const [newest] = left.sort(([, a], [, b]) => b.publishedAt.getTime() - a.publishedAt.getTime());
  if (!newest) return undefined;
  const forAll = await vouchedOffer(services, modelId, ...newest);
  return [...stays.filter(({ version }) => version !== forAll.version), forAll];
}
