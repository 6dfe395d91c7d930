/** What is published as a model that is none, or in place of another one. */
import { streamOf } from '../../functions/protocol/bytes.ts';
import type { createHandler } from '../../functions/workers/publish.ts';
import { tfliteFile } from '../support/tflite-file.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { personal } from './models.ts';

const PUBLISH = 'functions/workers/publish.ts';
const OWNER = 'functions/catalogue/intake-owner.ts';
const CATALOGUE = 'functions/catalogue/publish-model.ts';
const CHECK = 'functions/catalogue/check-model.ts';

/** What the builder's object is published as; `undefined` where it is not. */
async function publishedFrom(
  lab: Lab,
  name: string,
  bytes: Uint8Array,
  metadata: Record<string, string> = {},
  meddle: (api: Api) => void = () => undefined,
) {
  const api = await lab.api();
  const { intake } = api.services.config.buckets;
  await api.clients.objects.write(intake, name, streamOf(bytes), { metadata });
  meddle(api);
  const worker = await lab.load<{ createHandler: typeof createHandler }>(PUBLISH);
  const event = { id: '1', type: 'finalized', source: 'test', data: { bucket: intake, name } };
  await worker.createHandler(api.services)(event);
  return { api, record: await api.clients.documents.get(`models/${name.split('/')[0]}`) };
}

/** A small model that is sound; two of them are of one size. */
const soundModel = (weights: number): Buffer =>
  Buffer.from(
    tfliteFile(
      [{ buffer: 1, name: 'w', shape: [4] }],
      [{}, { data: new Uint8Array(16).fill(weights) }],
    ).bytes,
  );

/** Begins as a TFLite file does and points far outside of itself. */
const LYING = Buffer.concat([
  Buffer.from([0xf0, 0xff, 0xff, 0x7f]),
  Buffer.from('TFL3'),
  Buffer.alloc(64, 0xff),
]);

export const publishing: readonly Attack[] = [
  ...(
    [
      [
        'half-an-owner',
        'named by halves',
        { 'owner-subject': 'alice' },
        "throw new ServiceError('model_invalid', { reason: 'owner' });",
      ],
      [
        'empty-owner',
        'named by nothing',
        { 'owner-issuer': '', 'owner-subject': '' },
        "throw new ServiceError('model_invalid', { reason: 'owner' });",
      ],
      [
        'misspelt-owner',
        'named under another name',
        { owner_issuer: 'https://id.example', owner_subject: 'alice' },
        "throw new ServiceError('model_invalid', { reason: 'metadata_unknown' });",
      ],
    ] as const
  ).map(
    ([name, how, metadata, refusal]): Attack => ({
      name: `model/${name}`,
      tries: `a personal model whose owner is ${how}, so that it is open to all`,
      refused: 'not published',
      defence: 'what is not said plainly of an owner is a refusal',
      off: { edits: [edit(OWNER, refusal, 'return null;')] },
      async run(lab) {
        const { record } = await publishedFrom(lab, 'face/1/face.tflite', soundModel(1), {
          ...metadata,
        });
        return record ? SUCCEEDED : 'not published';
      },
    }),
  ),
  {
    name: 'model/lying-file',
    tries: 'a model file whose offsets point outside of it',
    refused: 'not published',
    defence: 'a file is parsed strictly before it is published',
    off: {
      edits: [
        edit(
          CHECK,
          "throw new ServiceError('model_invalid', { reason: error.message, cause: error });",
          "return parseModel(model, 'opaque');",
        ),
      ],
    },
    async run(lab) {
      const { record } = await publishedFrom(lab, 'bomb/1/model.tflite', LYING);
      return record ? SUCCEEDED : 'not published';
    },
  },
  {
    name: 'model/intake-traversal',
    tries: 'an object name that would publish outside of its model’s folder',
    refused: 'not published',
    defence: 'ids have a small alphabet at publish time, too',
    off: {
      edits: [
        edit(
          PUBLISH,
          'z.tuple([modelId, modelVersion, z.string().min(1).max(200)])',
          'z.tuple([z.string(), z.string(), z.string()])',
        ),
      ],
    },
    async run(lab) {
      const { record } = await publishedFrom(lab, '..\u0000x/1/file.bin', soundModel(1));
      return record ? SUCCEEDED : 'not published';
    },
  },
  {
    name: 'model/swapped-while-publishing',
    tries: 'an intake object that is overwritten by a personal model while the first is published',
    refused: 'not published',
    defence: 'publishing reads the one generation whose owner it read',
    off: {
      edits: [
        edit(
          PUBLISH,
          'objects.read(bucket, info.name, range, info.generation)',
          'objects.read(bucket, info.name, range)',
        ),
        edit(
          PUBLISH,
          'objects.read(bucket, info.name, undefined, info.generation)',
          'objects.read(bucket, info.name)',
        ),
      ],
    },
    async run(lab) {
      const owner = { 'owner-issuer': 'https://id.example', 'owner-subject': 'alice' };
      const name = 'face/1/face.tflite';
      const secret = soundModel(2);
      const overwrite = ({ clients, services }: Api) => {
        const { stat } = clients.objects;
        // Between the look at the object and the reading of it.
        const meddled = async (bucket: string, object: string) => {
          const info = await stat(bucket, object);
          await clients.objects.write(services.config.buckets.intake, name, streamOf(secret), {
            metadata: owner,
          });
          return info;
        };
        Object.assign(services.objects, { stat: meddled });
      };
      const attempt = publishedFrom(lab, name, soundModel(1), {}, overwrite);
      // The event is delivered again, and finds the other one.
      const record = await attempt.then(
        (published) => published.record,
        () => undefined,
      );
      return record?.['owner'] === null ? SUCCEEDED : 'not published';
    },
  },
  {
    name: 'model/takeover',
    tries: 'a new version of a personal model, published open to all',
    refused: 'version_conflict',
    defence: 'a model keeps its owner',
    off: {
      edits: [
        edit(
          CATALOGUE,
          "if (model.owner !== owner) throw new ServiceError('version_conflict', { reason: 'owner' });",
        ),
        edit(CATALOGUE, 'model.owner !== owner || ', ''),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await personal(api);
      return outcomeOf(
        api.publish('alices-face', Buffer.from('x'), { format: 'opaque', version: '2.0.0' }),
      );
    },
  },
  {
    name: 'model/replaced-version',
    tries: 'other bytes under the name of a published version',
    refused: 'version_conflict',
    defence: 'a version is published once',
    off: {
      edits: [
        edit(
          CATALOGUE,
          "if (sha256 !== existing.sha256) throw new ServiceError('version_conflict');",
        ),
      ],
    },
    run: async (lab) =>
      outcomeOf((await lab.api()).publish('smile', Buffer.from('poison'), { format: 'opaque' })),
  },
];
