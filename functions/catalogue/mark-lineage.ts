/**
 * Whose marks a version bears: those of the version that first had its tensors, under that version's key
 * (docs/decisions/0024-marks-follow-the-tensor.md). By the digests of its tensors it is found again
 * among the versions of the model, and among other models.
 */
import { ObjectExistsError, ObjectMissingError, type ObjectStore } from '../cloud/objects.ts';
import { collect, streamOf, utf8 } from '../protocol/bytes.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { inheritPlan, type KnownTensor } from '../watermark/inherit-plan.ts';
import { candidates, planMarks } from '../watermark/plan.ts';
import { STRENGTHS, type Strength } from '../watermark/strength.ts';
import { createManifests } from './manifests.ts';
import { encodeTable, type MarkRecord, readTable } from './mark-table.ts';
import { markRecord, type PublishedVersion } from './model-record.ts';

const MAX_POINTER_BYTES = 4096;
/** Of a model's earlier versions the newest are looked at, and of a version's tensors the largest. */
const MAX_VERSIONS = 16;
const MAX_LOOKED_UP = 64;

export interface LineageServices {
  readonly config: { readonly buckets: { readonly vault: string } };
  readonly objects: Pick<ObjectStore, 'read' | 'write'>;
}

/** A version that is being published. */
export interface NewVersion extends Pick<PublishedVersion, 'modelId' | 'version' | 'wrappedKey'> {
  readonly layers: Manifest['layers'];
  readonly strength: Strength;
  /** Of the layers that can bear marks, by their indices: `digestLayers`. */
  readonly digests: ReadonlyMap<number, string>;
  /** Of these layers' weights how large they usually are. */
  readonly typical: ReadonlyMap<number, number>;
  /** Whether it is open to all: a personal model's tensors are nobody else's business. */
  readonly isOpen: boolean;
}

/**
 * Plans the marks of a new version as those of the versions before it want it, and keeps the plan as
 * `object`. `earlier` are the model's versions, in any order.
 */
export async function keepMarks(
  services: LineageServices,
  version: NewVersion,
  earlier: readonly PublishedVersion[],
  object: string,
): Promise<MarkRecord> {
  const { layers, digests, strength, typical } = version;
  const own = planMarks(layers, STRENGTHS[strength], typical);
  const { root = rootOf(version), tensors: known = [] } =
    (await closestLineage(services, version, earlier)) ?? {};
  const { bytes, digest } = encodeTable(inheritPlan(own, layers, digests, known), digests);
  await services.objects.write(services.config.buckets.vault, object, streamOf(bytes), {
    contentType: 'application/json',
    ifAbsent: true,
  });
  return { object, digest, root };
}

const rootOf = ({ modelId, version, wrappedKey }: MarkRecord['root']): MarkRecord['root'] => ({
  ...{ modelId, version, wrappedKey },
});

/** All that is known of the tensors that are marked under one version's key. */
interface Lineage {
  readonly root: MarkRecord['root'];
  readonly tensors: KnownTensor[];
}

/** The lineage that most of the weights were marked in, or else that of the model's newest version. */
async function closestLineage(
  services: LineageServices,
  version: NewVersion,
  earlier: readonly PublishedVersion[],
): Promise<Lineage | undefined> {
  const newest = earlier
    .filter(({ tracing }) => tracing === version.strength)
    .sort((a, b) => b.publishedAt.getTime() - a.publishedAt.getTime())
    .slice(0, MAX_VERSIONS);
  const lineages = new Map<string, Lineage>();
  const add = (root: MarkRecord['root'], tensors: readonly KnownTensor[]) => {
    const id = `${root.modelId}@${root.version}`;
    const lineage = lineages.get(id) ?? { root, tensors: [] };
    lineages.set(id, lineage);
    lineage.tensors.push(...tensors);
  };
  const { objects, config } = services;
  const { vault } = config.buckets;
  const seen = new Set<string>();
  for (const each of newest) {
    if (each.marks) {
      seen.add(each.marks.object);
      add(each.marks.root, await readTable(objects, vault, each.marks));
    } else {
      add(rootOf(each), await tensorsBefore(services, each));
    }
  }
  for (const marks of await pointers(services, version)) {
    if (seen.has(marks.object)) continue;
    seen.add(marks.object);
    add(marks.root, await readTable(objects, vault, marks));
  }
  const sizes = new Map(
    candidates(version.layers).map(({ layer, elements }) => [
      version.digests.get(layer.index),
      elements,
    ]),
  );
  const shared = ({ tensors }: Lineage) => {
    const known = new Set(tensors.map(({ digest }) => digest));
    return [...sizes].reduce((sum, [digest, size]) => sum + (known.has(digest) ? size : 0), 0);
  };
  // Of as much in common the first stands: the model's newest version.
  return [...lineages.values()].sort((a, b) => shared(b) - shared(a))[0];
}

/** Of a version from before plans were kept: its layers follow from its manifest, their digests from nothing. */
async function tensorsBefore(
  { objects, config }: LineageServices,
  version: PublishedVersion,
): Promise<readonly KnownTensor[]> {
  const { plan } = await createManifests(objects, config.buckets.vault).get(version);
  return (plan?.tensors ?? []).map(({ layer: { dtype }, elements, spacing, firstGroup }) => ({
    ...{ dtype, elements, spacing, firstGroup },
  }));
}

/** The layers that are looked up, the largest first; of one size, any, but the same in each version. */
function lookedUp({ layers, digests }: NewVersion): readonly string[] {
  return candidates(layers)
    .map(({ layer, elements }) => ({ elements, digest: digests.get(layer.index) ?? '' }))
    .sort((a, b) => b.elements - a.elements || (a.digest < b.digest ? -1 : 1))
    .slice(0, MAX_LOOKED_UP)
    .map(({ digest }) => digest);
}

const pointerObject = (strength: Strength, digest: string) => `tensors/${strength}/${digest}`;

async function pointers(
  { objects, config }: LineageServices,
  version: NewVersion,
): Promise<readonly MarkRecord[]> {
  const found = lookedUp(version).map(async (digest) => {
    try {
      const name = pointerObject(version.strength, digest);
      const bytes = await collect(objects.read(config.buckets.vault, name), MAX_POINTER_BYTES);
      return [markRecord.parse(JSON.parse(new TextDecoder().decode(bytes)))];
    } catch (error) {
      if (error instanceof ObjectMissingError) return [];
      throw error;
    }
  });
  return (await Promise.all(found)).flat();
}

/** Has the tensors of a version, once it is published, found again; what has been somewhere before, stays there. */
export async function rememberTensors(
  { objects, config }: LineageServices,
  version: NewVersion,
  marks: MarkRecord,
): Promise<void> {
  if (!version.isOpen) return;
  const bytes = utf8(JSON.stringify(marks));
  const written = lookedUp(version).map((digest) =>
    objects
      .write(config.buckets.vault, pointerObject(version.strength, digest), streamOf(bytes), {
        contentType: 'application/json',
        ifAbsent: true,
      })
      .catch((error: unknown) => {
        if (!(error instanceof ObjectExistsError)) throw error;
      }),
  );
  await Promise.all(written);
}
