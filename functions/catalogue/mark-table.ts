/** The plan of marks that lies beside a version in the vault: which layers bear marks, and where. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ObjectStore } from '../cloud/objects.ts';
import { collect, utf8 } from '../protocol/bytes.ts';
import { MAX_LAYERS } from '../protocol/container.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { MAX_GROUP, planFromRows } from '../watermark/inherit-plan.ts';
import { type MarkPlan, planMarks } from '../watermark/plan.ts';
import { STRENGTHS, type Strength } from '../watermark/strength.ts';
import type { ModelVersion } from './model-record.ts';

/** Where such a plan lies, and by which version's key the marks are made. */
export type MarkRecord = NonNullable<ModelVersion['marks']>;

const MAX_TABLE_BYTES = 16 * 2 ** 20;

const whole = z.number().int().min(0);
const row = z.object({
  layer: whole,
  spacing: whole.min(1),
  firstGroup: whole.max(MAX_GROUP),
  elements: whole,
  /** As `Steps.typical` has it; none where all marks of the layer are alike. */
  typical: z.number().int().min(-128).max(128).optional(),
  dtype: z.string().max(32).optional(),
  /** Of the layer's type and bytes: tensor-digests.ts. */
  digest: z.string().length(43),
});
const table = z.object({ v: z.literal(1), tensors: z.array(row).max(MAX_LAYERS) });

type MarkRow = z.infer<typeof row>;

/** As it is stored, with its digest. */
export function encodeTable({ tensors }: MarkPlan, digests: ReadonlyMap<number, string>) {
  const rows = tensors.map(({ layer, spacing, firstGroup, elements, typical }): MarkRow => {
    const { index, dtype } = layer;
    const digest = digests.get(index) ?? '';
    const row = { layer: index, spacing, firstGroup, elements, typical };
    return { ...row, ...(dtype && { dtype }), digest };
  });
  const bytes = utf8(JSON.stringify(table.parse({ v: 1, tensors: rows })));
  return { bytes, digest: digestOf(bytes) };
}

const digestOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64url');

/** Throws where the stored bytes are not those that the catalogue knows by their digest. */
export async function readTable(
  objects: Pick<ObjectStore, 'read'>,
  vault: string,
  { object, digest }: MarkRecord,
): Promise<readonly MarkRow[]> {
  const bytes = await collect(objects.read(vault, object), MAX_TABLE_BYTES);
  if (digestOf(bytes) !== digest) {
    throw new Error('a stored plan of marks has another digest than the catalogue says');
  }
  return table.parse(JSON.parse(new TextDecoder().decode(bytes))).tensors;
}

/** A version's plan: its own, or what follows from its layers. Throws what `readTable` and `planFromRows` throw. */
export async function planOf(
  objects: Pick<ObjectStore, 'read'>,
  vault: string,
  {
    marks,
    layers,
    strength,
  }: Pick<ModelVersion, 'marks'> & Pick<Manifest, 'layers'> & { readonly strength: Strength },
): Promise<MarkPlan> {
  if (!marks) return planMarks(layers, STRENGTHS[strength]);
  return planFromRows(layers, await readTable(objects, vault, marks));
}
