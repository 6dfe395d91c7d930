import { readFile } from 'node:fs/promises';
import {
  type PublishRequest,
  type PublishServices,
  publishModel,
} from '../../functions/catalogue/publish-model.ts';
import { sourceOf } from '../../functions/formats/random-access.ts';
import { streamOf } from '../../functions/protocol/bytes.ts';

export type PublishChanges = Partial<
  Pick<PublishRequest, 'version' | 'owner' | 'format' | 'tracing' | 'hold'>
>;

/** Publishes these bytes as version 1.0.0 of a model for everybody, unless `changes` say otherwise. */
export function publishBytes(
  services: PublishServices & { readonly now: () => Date },
  modelId: string,
  bytes: Uint8Array,
  changes: PublishChanges = {},
) {
  const model = { ...sourceOf(bytes), stream: () => streamOf(bytes) };
  const request = { modelId, version: '1.0.0', owner: null, model, ...changes };
  return publishModel(services, request, services.now());
}

/** Publishes a file likewise. */
export const publishFile = async (
  services: Parameters<typeof publishBytes>[0],
  modelId: string,
  file: string,
  changes: PublishChanges = {},
) => publishBytes(services, modelId, await readFile(file), changes);
