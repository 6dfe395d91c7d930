import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { modelPath, readModel, writeModel } from './model-record.ts';

/**
 * Takes a version of a model back, or all of them: no grant and no renewal from the next request
 * on, and every device that reports holding a copy is told to erase it. Gives the versions that were
 * revoked now. Throws model_unknown.
 */
export async function revokeModel(
  documents: DocumentStore,
  modelId: string,
  version?: string,
): Promise<readonly string[]> {
  return documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    const model = data && readModel(data);
    const names = Object.keys(model?.versions ?? {}).filter((name) => name === (version ?? name));
    if (!model || names.length === 0) throw new ServiceError('model_unknown');
    const versions = Object.fromEntries(
      Object.entries(model.versions).map(([name, entry]) => [
        name,
        { ...entry, revoked: entry.revoked || names.includes(name) },
      ]),
    );
    const newest = Object.entries(versions)
      .filter(([, { revoked }]) => !revoked)
      .sort(([, a], [, b]) => b.publishedAt.getTime() - a.publishedAt.getTime())[0]?.[0];
    // `latest` falls back to the newest that is left; with none left it stays, and is refused.
    writeModel(tx, { ...model, latest: newest ?? model.latest, versions });
    return names.filter((name) => !model.versions[name]?.revoked);
  });
}
