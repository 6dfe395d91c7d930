import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { FEW_MARKS } from '../../functions/catalogue/check-model.ts';
import {
  type PlainModel,
  type PublishResult,
  publishModel,
} from '../../functions/catalogue/publish-model.ts';
import { MODEL_FORMATS, type ModelFormat } from '../../functions/formats/format.ts';
import { parseRanges } from '../../functions/formats/opaque.ts';
import { modelId, modelVersion } from '../../functions/identity/client-data.ts';
import {
  WATERMARK_STRENGTHS,
  type WatermarkStrength,
} from '../../functions/protocol/watermark-strength.ts';
import { progressBar } from '../terminal/progress-bar.ts';
import { sizeText } from '../terminal/units.ts';
import type { CommandServices } from './command-services.ts';
import { layerTable } from './layer-table.ts';

export interface PublishOptions {
  readonly model: string;
  readonly version: string;
  /** The subject of the only user who may have it, at the first issuer or at `ISSUER#SUBJECT`. */
  readonly owner?: string;
  readonly format?: string;
  /** How strongly each grant's copy is marked. */
  readonly tracing?: string;
  /** The weights of an opaque file, as `OFFSET-END,…`. */
  readonly ranges?: string;
  /** Publish though less of the file is sealed than the policy wants. */
  readonly allowClear?: boolean;
  /** Offer it to nobody yet. */
  readonly hold?: boolean;
  /** Only tell what would be published. */
  readonly dryRun?: boolean;
  /** Tell it for machines, on standard output. */
  readonly json?: boolean;
}

/**
 * Publishes a model file. Throws ServiceError: model_invalid for a file that is no sound model,
 * version_conflict where the version exists with other bytes; and RangeError for a wrong option.
 */
export async function publish(
  services: CommandServices,
  file: string,
  options: PublishOptions,
  startBar: typeof progressBar = progressBar,
): Promise<PublishResult> {
  if (!modelId.safeParse(options.model).success) throw new RangeError('--model: not a model id');
  if (!modelVersion.safeParse(options.version).success) throw new RangeError('--version');
  const { size, isFolder } = await stat(file).then((info) => {
    return { size: info.size, isFolder: info.isDirectory() };
  });
  if (isFolder) throw new RangeError(`${file}: a folder; put it into an uncompressed tar or zip`);
  const bar = startBar(`publishing ${options.model}@${options.version}`, size);
  const handle = await open(file, 'r');
  const model: PlainModel = {
    sizeBytes: size,
    async read(offset, length) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    stream: () => createReadStream(file, { highWaterMark: 1 << 20 }),
  };
  try {
    const result = await publishModel(
      services,
      {
        modelId: options.model,
        version: options.version,
        owner: options.owner === undefined ? null : await ownerOf(services, options.owner),
        model,
        ...(options.format !== undefined && { format: formatOf(options.format) }),
        ...(options.tracing !== undefined && { tracing: tracingOf(options.tracing) }),
        ...(options.ranges !== undefined && { ranges: parseRanges(options.ranges) }),
        ...(options.allowClear && { allowClear: true }),
        ...(options.hold && { hold: true }),
        ...(options.dryRun && { dryRun: true }),
        onProgress: bar.update,
      },
      services.now(),
    );
    bar.end(lineOf(result, size));
    return result;
  } catch (error) {
    bar.end('failed');
    throw error;
  } finally {
    await handle.close();
  }
}

/** `modelseal publish`: publishes, and prints what was found in the file. */
export async function publishCommand(
  services: CommandServices,
  file: string,
  options: PublishOptions,
  print: (text: string) => void = console.log,
): Promise<void> {
  const result = await publish(services, file, options);
  print(options.json ? JSON.stringify(result, null, 2) : layerTable(result));
}

const lineOf = (result: PublishResult, size: number): string =>
  `${result.outcome}: ${result.format}, ${sizeText(size)}, ${result.layers} weight layers ` +
  `(${((100 * result.weightBytes) / size).toFixed(1)} % of the file), ` +
  `tracing ${result.tracing}${marksOf(result)}, sha256 ${result.sha256}`;

function marksOf({ marks = 0 }: PublishResult): string {
  if (marks === 0) return '';
  const few = marks < FEW_MARKS ? ': one copy is named, several put together may not be' : '';
  return ` by ${marks} marks${few}`;
}

function ownerOf({ config, pseudonyms }: CommandServices, owner: string): Promise<string> {
  const [first, ...rest] = owner.split('#');
  if (rest.length > 0) return pseudonyms.current(pseudonyms.user(first ?? '', rest.join('#')));
  const issuer = config.issuers[0]?.issuer ?? '';
  return pseudonyms.current(pseudonyms.user(issuer, owner));
}

function formatOf(name: string): ModelFormat {
  const format = MODEL_FORMATS.find((known) => known === name);
  if (!format) throw new RangeError(`--format: one of ${MODEL_FORMATS.join(', ')}`);
  return format;
}

function tracingOf(name: string): WatermarkStrength {
  const tracing = WATERMARK_STRENGTHS.find((known) => known === name);
  if (!tracing) throw new RangeError(`--tracing: one of ${WATERMARK_STRENGTHS.join(', ')}`);
  return tracing;
}
