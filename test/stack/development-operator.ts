/** What an operator does about models, for tests in other processes and languages. */
import { Readable } from 'node:stream';
import { modelPath, readModel, writeModel } from '../../functions/catalogue/model-record.ts';
import { publishModel } from '../../functions/catalogue/publish-model.ts';
import { revokeModel } from '../../functions/catalogue/revoke-model.ts';
import { ServiceError } from '../../functions/errors.ts';
import { MODEL_FORMATS } from '../../functions/formats/format.ts';
import { sourceOf } from '../../functions/formats/random-access.ts';
import { modelId, modelVersion } from '../../functions/identity/client-data.ts';
import type { Services } from '../../functions/services.ts';
import { type Asked, type Call, Refusal } from './development-call.ts';

/**
 * `POST /models?model=ID&version=V` publishes the bytes of the body, `POST /revocations?model=ID`
 * takes a version back, or all of them where none is named. Both refuse with the service's codes.
 * `POST /rollbacks?model=ID&version=V` is no operator's: it does what whoever can write the database
 * could, and puts back the release record from when that version was published.
 */
export function developmentOperator(services: Services): Readonly<Record<string, Call>> {
  const { documents } = services;
  const releases = new Map<string, string>();
  return {
    'POST /models': async (asked) => {
      const { model, version } = named(asked);
      if (version === undefined) throw new Refusal(422, 'request_invalid');
      const bytes = asked.body;
      const format = MODEL_FORMATS.find((known) => known === asked.query.get('format'));
      const request = {
        modelId: model,
        version,
        owner: null,
        model: { ...sourceOf(bytes), stream: () => Readable.from([bytes]) },
        ...(format && { format }),
      };
      const result = await refusing(publishModel(services, request, services.now()));
      const { release } = readModel((await documents.get(modelPath(model))) ?? {});
      releases.set(`${model}@${version}`, release ?? '');
      return result;
    },

    'POST /revocations': async (asked) => {
      const { model, version } = named(asked);
      return { revoked: await refusing(revokeModel(services, model, version, services.now())) };
    },

    'POST /rollbacks': async (asked) => {
      const { model, version } = named(asked);
      const release = releases.get(`${model}@${version}`);
      if (release === undefined) throw new Refusal(422, 'model_unknown');
      await documents.transaction(async (tx) => {
        const [data = {}] = await tx.getAll([modelPath(model)]);
        writeModel(tx, { ...readModel(data), release });
      });
      return { release };
    },
  };
}

function named({ query }: Asked) {
  const version = query.get('version') ?? undefined;
  const isVersion = version === undefined || modelVersion.safeParse(version).success;
  const model = modelId.safeParse(query.get('model'));
  if (!model.success || !isVersion) throw new Refusal(422, 'request_invalid');
  return { model: model.data, version };
}

async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ServiceError ? new Refusal(422, error.code) : error;
  }
}
