/** Taking versions of a model back. */
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { ReleaseRecord, ReleaseTerms } from '../protocol/release-record.ts';
import { isForAll, type Rule } from '../protocol/rollout-rules.ts';
import { type ModelRecord, modelPath, readModel, secondsOf, writeModel } from './model-record.ts';
import {
  cataloguedRelease,
  newerOf,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  ruleForAll,
  signRelease,
  vouchedOffer,
} from './releases.ts';

/** What a record has room for; the service refuses the others all the same. */
const MAX_REVOKED = 64;

export interface RevocationServices extends ReleaseServices {
  readonly documents: Pick<DocumentStore, 'transaction'>;
}

/**
 * Takes a version of a model back, or all of them: no grant and no renewal from the next request
 * on, and every device that reports holding a copy, or learns of the new release record, erases it. Where
 * the version was for all, the newest that is left takes its place. Gives the versions that were
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
    const records = [remembered, await cataloguedRelease(services, before)];
    const terms = await termsAfter(services, model, newerOf(records));
    const signed = terms && (await signRelease(services, modelId, records, terms, now));
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

/** What the record says from now on; undefined where nothing is left that it could offer. */
async function termsAfter(
  services: ReleaseServices,
  model: ModelRecord,
  last: ReleaseRecord | undefined,
): Promise<ReleaseTerms | undefined> {
  const { modelId, versions } = model;
  const minPublishedAt = last?.minPublishedAt ?? 0;
  const newest = Object.entries(versions)
    .filter(([, entry]) => secondsOf(entry) >= minPublishedAt)
    .sort(([, a], [, b]) => b.publishedAt.getTime() - a.publishedAt.getTime());
  const left = newest.filter(([, { revoked }]) => !revoked);
  const [first] = left;
  if (!first) return undefined;
  const rules = (last?.rules ?? []).flatMap((rule) => withoutFiles(rule, new Map(left)));
  const forAll = rules.at(-1);
  const isWhole = forAll !== undefined && isForAll(forAll);
  const substitute = isWhole ? [] : [ruleForAll(await vouchedOffer(services, modelId, ...first))];
  const names = substitute.map(({ name }) => name);
  const gone = newest.filter(([, { revoked }]) => revoked).map(([name]) => name);
  return {
    rules: [...rules.filter(({ name }) => !names.includes(name)), ...substitute],
    ...(last?.minPublishedAt !== undefined && { minPublishedAt }),
    revoked: gone.slice(0, MAX_REVOKED),
  };
}

/** The rule with the files that are left; none where none is. */
function withoutFiles(rule: Rule, left: ReadonlyMap<string, unknown>): readonly Rule[] {
  const variants = rule.variants.filter(({ version }) => left.has(version));
  return variants.length > 0 ? [{ ...rule, variants }] : [];
}
