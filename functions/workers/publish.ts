/**
 * A model builder put a model into the intake bucket: publish it, and delete the plaintext. The
 * object is called `<model id>/<version>/<file name>`; the metadata `owner-issuer` and
 * `owner-subject` make it a personal model (intake-owner.ts), `tracing` says how its copies are marked, `format`, `ranges`
 * and `allow-clear` how the file is to be read. A file that is refused is deleted too and reported once:
 * it would be refused again, and lies there in the clear.
 */
import { z } from 'zod';
import { coverageFields, type ReadingOptions } from '../catalogue/check-model.ts';
import { intakeOwner } from '../catalogue/intake-owner.ts';
import { type PlainModel, type PublishServices, publishModel } from '../catalogue/publish-model.ts';
import type { ObjectInfo, ObjectStore } from '../cloud/objects.ts';
import { ServiceError } from '../errors.ts';
import { MODEL_FORMATS } from '../formats/format.ts';
import { parseRanges } from '../formats/opaque.ts';
import type { Pseudonyms } from '../fraud/pseudonym-moves.ts';
import { modelId, modelVersion } from '../identity/client-data.ts';
import type { Log } from '../log.ts';
import { WATERMARK_STRENGTHS, type WatermarkStrength } from '../protocol/watermark-strength.ts';
import type { EventHandler } from './event-handler.ts';

export interface IntakeServices extends PublishServices {
  readonly config: PublishServices['config'] & {
    readonly buckets: { readonly intake: string };
    readonly personalModelPrefix: string;
  };
  readonly objects: PublishServices['objects'] & Pick<ObjectStore, 'read' | 'stat'>;
  readonly pseudonyms: Pick<Pseudonyms, 'user' | 'current'>;
  readonly log: Log;
  readonly now: () => Date;
}

/** The members of Cloud Storage's StorageObjectData that matter here. */
const finalized = z.object({
  bucket: z.string(),
  name: z.string(),
  generation: z.union([z.string(), z.number()]).optional(),
});
const readingSchema = z.object({
  format: z.enum(MODEL_FORMATS).optional(),
  ranges: z
    .string()
    .regex(/^\d{1,16}-\d{1,16}(?:,\d{1,16}-\d{1,16})*$/)
    .transform(parseRanges)
    .optional(),
  allowClear: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
});
const objectName = z.tuple([modelId, modelVersion, z.string().min(1).max(200)]);

export function createHandler(services: IntakeServices): EventHandler {
  return async (event) => {
    const parsed = finalized.safeParse(event.data);
    const { intake } = services.config.buckets;
    if (!parsed.success || parsed.data.bucket !== intake) {
      services.log('ERROR', 'not a finalize event of the intake bucket', { event: event.id });
      return;
    }
    const { name } = parsed.data;
    const info = await services.objects.stat(intake, name);
    // A repeated event: the first one published the model and deleted the object.
    if (!info) return;
    try {
      const result = await publishObject(services, info);
      await services.objects.delete(intake, name, info.generation);
      services.log('INFO', 'model published', {
        object: name,
        outcome: result.outcome,
        format: result.format,
        layers: result.layers,
        sizeBytes: info.sizeBytes,
        tracing: result.tracing,
        ...coverageFields(result.coverage),
        notes: result.notes.join('; '),
      });
    } catch (error) {
      // Refused for good: to be told again would not help. Anything else is thrown and retried.
      if (!(error instanceof ServiceError) || !PERMANENT.has(error.code)) throw error;
      await services.objects.delete(intake, name, info.generation);
      services.log('ERROR', 'model refused', {
        object: name,
        code: error.code,
        reason: error.reason,
      });
    }
  };
}

const PERMANENT: ReadonlySet<string> = new Set(['model_invalid', 'version_conflict']);

async function publishObject(services: IntakeServices, info: ObjectInfo) {
  const parts = objectName.safeParse(info.name.split('/'));
  if (!parts.success) throw new ServiceError('model_invalid', { reason: 'object_name' });
  const [id, version] = parts.data;
  return publishModel(
    services,
    {
      modelId: id,
      version,
      owner: await ownerOf(services, info, id),
      ...tracingOf(info),
      ...readingOf(info),
      model: storedModel(services.objects, services.config.buckets.intake, info),
    },
    services.now(),
  );
}

async function ownerOf(
  { pseudonyms, config }: IntakeServices,
  { metadata }: ObjectInfo,
  id: string,
): Promise<string | null> {
  const owner = intakeOwner(metadata, id, config.personalModelPrefix);
  return owner && pseudonyms.current(pseudonyms.user(owner.issuer, owner.subject));
}

function tracingOf({ metadata }: ObjectInfo): { readonly tracing?: WatermarkStrength } {
  const { tracing } = metadata;
  if (tracing === undefined) return {};
  const known = WATERMARK_STRENGTHS.find((each) => each === tracing);
  // What was meant to be marked must not go out unmarked for a slip of the pen.
  if (!known) throw new ServiceError('model_invalid', { reason: 'tracing' });
  return { tracing: known };
}

/** How the builder wants the file to be read; a slip of the pen must not make it something else. */
function readingOf({ metadata }: ObjectInfo): ReadingOptions {
  const reading = readingSchema.safeParse({
    format: metadata['format'],
    ranges: metadata['ranges'],
    allowClear: metadata['allow-clear'],
  });
  if (!reading.success) throw new ServiceError('model_invalid', { reason: 'metadata' });
  const { format, ranges, allowClear } = reading.data;
  return {
    ...(format && { format }),
    ...(ranges && { ranges }),
    ...(allowClear && { allowClear }),
  };
}

/** Of one generation: were the object overwritten meanwhile, its owner would be that of other bytes. */
function storedModel(
  objects: Pick<ObjectStore, 'read'>,
  bucket: string,
  info: ObjectInfo,
): PlainModel {
  return {
    sizeBytes: info.sizeBytes,
    async read(offset, length) {
      const chunks: Uint8Array[] = [];
      const range = { start: offset, end: offset + length };
      for await (const chunk of objects.read(bucket, info.name, range, info.generation))
        chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    stream: () => objects.read(bucket, info.name, undefined, info.generation),
  };
}
