/** From a leaked file to the grants it names: which version it was, and whose copy. */
import { createHash } from 'node:crypto';
import type { Manifests } from '../catalogue/manifests.ts';
import type { PublishedVersion } from '../catalogue/model-record.ts';
import type { VersionKeys } from '../catalogue/version-keys.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { NAMED_LOG10P } from '../watermark/accuse.ts';
import { matchStructure } from '../watermark/align.ts';
import { alignInThread } from '../watermark/align-thread.ts';
import { TraceError } from '../watermark/errors.ts';
import { type Finding, type Ranking, type Reading, readLeak } from '../watermark/read-leak.ts';
import type { Strength } from '../watermark/strength.ts';
import { type ModelTensor, readTensors } from '../watermark/tensors.ts';
import type { GrantRecord } from './grant-record.ts';
import { grantsOf, recordsOf, type Shard } from './traced-grants.ts';
import { openVersion, sameKey, tracedVersions, type VaultServices } from './traced-versions.ts';
import { deriveTraceKey, keyVersion } from './watermarking.ts';

export interface TraceServices extends VaultServices {
  readonly documents: Pick<DocumentStore, 'get' | 'query'>;
  readonly versionKeys: Pick<VersionKeys, 'unwrap'>;
  readonly manifests: Manifests;
  readonly now: () => Date;
}

export interface TraceOptions {
  /** Only this model, and of it only this version where one is named. */
  readonly model?: string;
  readonly version?: string;
  /** Only this part of the grants on record; the bounds allow for all parts. */
  readonly shard?: Shard;
  /** The largest leak or version that is compared, in bytes: each is opened whole. */
  readonly maxBytes?: number;
  /** How long finding out what was done to the leak may still take, in milliseconds; it is given up then. */
  readonly leftMs?: () => number;
  /** Told what is being done, and how much of it is done: 0 to 1. */
  readonly onProgress?: (step: 'comparing' | 'ranking', share: number) => void;
}

/** A version that the leak may be of, and what the leak says of its marks. */
export interface Comparison {
  readonly version: PublishedVersion;
  readonly strength: Strength;
  readonly traceKey: Uint8Array;
  readonly reading: Reading;
  /** Of the version's marked weights, how much the leak has, weighed by how closely it resembles them. */
  readonly resemblance: number;
}

export interface NamedFinding extends Finding {
  /** Of all grants of that copy, the first one first; none where there are none any more: records live 90 days, unless their user had them erased. */
  readonly records: readonly GrantRecord[];
}

export interface TraceResult {
  readonly leak: { readonly sha256: string; readonly sizeBytes: number; readonly tensors: number };
  /** The version that the leak is of; undefined where it is of none. Its key must be wiped. */
  readonly comparison?: Comparison;
  /** Versions that the leak was compared with: each was a chance to accuse somebody falsely. */
  readonly versionsTried: number;
  /** Traced versions whose weights were looked for in it in vain; `alike`: those that have its structure. */
  readonly foreign: { readonly alike: number; readonly unlike: number };
  /** What the leak spells, whether or not that is a grant. */
  readonly decoded?: Finding;
  /** Paths of records of models and grants that cannot be read, and were held against nothing. */
  readonly unreadable: readonly string[];
  /** Grants on record that were tested one by one, in this shard of so many. */
  readonly tested: number;
  readonly shards: number;
  /** The likeliest of them first. */
  readonly findings: readonly Finding[];
  /** Those beyond doubt, the likeliest first; empty where the evidence is weak. */
  readonly named: readonly NamedFinding[];
}

/** With so much of its weights in tensors of the leak's sizes, a version's structure is taken to be the leak's. */
const MIN_STRUCTURE = 0.1;
/** Versions that are opened and compared at most, the most similar ones. */
const MAX_VERSIONS = 64;
/** Of those without its structure, which padding, splitting and factoring change: each costs minutes. */
const MAX_UNLIKE = 16;
/** Versions that resemble the leak as well as this are told apart by their marks alone. */
const TIE = 0.01;

/** Throws TraceError `leak-unreadable`, `too-large` and `gave-up`; a leak of no traced version is a result without comparison. */
export async function traceLeak(
  services: TraceServices,
  bytes: Uint8Array,
  options: TraceOptions = {},
): Promise<TraceResult> {
  const leaked = await readTensors(bytes);
  const sha256 = createHash('sha256').update(bytes).digest('base64url');
  const leak = { sha256, sizeBytes: bytes.byteLength, tensors: leaked.length };
  const shards = options.shard?.of ?? 1;
  const unreadable = new Set<string>();
  const onUnreadable = (path: string) => void unreadable.add(path);
  const { alike, unlike } = await similarVersions(services, leaked, options, onUnreadable);
  const comparisons: Comparison[] = [];
  const foreign = { alike: 0, unlike: 0 };
  for (const [kind, versions] of Object.entries({ alike, unlike })) {
    // What resembles none in structure may be one that was padded, split or factored.
    if (comparisons.length > 0) break;
    for (const [i, version] of versions.entries()) {
      options.onProgress?.('comparing', i / versions.length);
      const most = options.maxBytes ?? Number.POSITIVE_INFINITY;
      if (Math.max(version.sizeBytes, bytes.byteLength) > most) throw new TraceError('too-large');
      const comparison = await compare(services, version, { bytes, tensors: leaked }, options);
      if (comparison) comparisons.push(comparison);
      else foreign[kind as keyof typeof foreign] += 1;
    }
  }
  const versionsTried = comparisons.length;
  const best = comparisons
    .map((comparison) => ({
      comparison,
      decoded: comparison.reading.spelt,
    }))
    .sort((a, b) => a.decoded.log10P - b.decoded.log10P)[0];
  if (!best) {
    const nothing = { tested: 0, shards, findings: [], named: [] };
    return { leak, versionsTried, foreign, unreadable: [...unreadable], ...nothing };
  }

  // Where the leak spells a grant, that is the version; else any that resembles it as well as any other.
  const closest = Math.max(...comparisons.map(({ resemblance }) => resemblance));
  const spelt = allowingFor(best.decoded, versionsTried).log10P <= NAMED_LOG10P;
  const possible = spelt
    ? [best.comparison]
    : comparisons.filter(({ resemblance }) => resemblance >= closest - TIE);
  let found: Ranked | undefined;
  for (const [i, comparison] of possible.entries()) {
    const ranked = await rank(services, comparison, options.shard, {
      onProgress: (share) => options.onProgress?.('ranking', (i + share) / possible.length),
      onUnreadable,
    });
    const isBetter = (ranked.findings[0]?.log10P ?? 1) < (found?.findings[0]?.log10P ?? 1);
    if (!found || isBetter) found = ranked;
  }
  const { comparison = best.comparison, tested = 0, findings: ranked = [] } = found ?? {};
  for (const other of comparisons) if (other !== comparison) other.traceKey.fill(0);
  const decoded = allowingFor(
    comparison === best.comparison ? best.decoded : comparison.reading.spelt,
    versionsTried,
  );
  const findings = ranked.map((finding) => allowingFor(finding, versionsTried));
  const named = await namedAmong(services, [decoded, ...findings]);
  return {
    ...{ leak, comparison, versionsTried, foreign, unreadable: [...unreadable] },
    ...{ decoded, tested, shards, findings, named },
  };
}

/** A finding that was one of so many chances: its probability grows by as much (Bonferroni). */
const allowingFor = (finding: Finding, chances: number): Finding => ({
  ...finding,
  log10P: Math.min(0, finding.log10P + Math.log10(chances)),
  ...(finding.deviceLog10P !== undefined && {
    deviceLog10P: Math.min(0, finding.deviceLog10P + Math.log10(chances)),
  }),
  ...(finding.log10Chances !== undefined && {
    log10Chances: finding.log10Chances + Math.log10(chances),
  }),
});

/** The versions whose structure the leak has, and those that have another, the most similar first. */
async function similarVersions(
  { documents, manifests }: TraceServices,
  leaked: readonly ModelTensor[],
  { model, version: wanted }: TraceOptions,
  onUnreadable: (path: string) => void,
): Promise<Record<'alike' | 'unlike', readonly PublishedVersion[]>> {
  const all: { version: PublishedVersion; ofModel: number; ofLeak: number }[] = [];
  for await (const version of tracedVersions(documents, onUnreadable)) {
    if (model !== undefined && version.modelId !== model) continue;
    if (wanted !== undefined && version.version !== wanted) continue;
    const { plan } = await manifests.get(version);
    if (plan) all.push({ version, ...matchStructure(plan, leaked) });
  }
  all.sort((a, b) => b.ofModel - a.ofModel || b.ofLeak - a.ofLeak);
  const versions = (isAlike: boolean, most: number) =>
    all
      .filter(({ ofModel }) => ofModel >= MIN_STRUCTURE === isAlike)
      .slice(0, most)
      .map(({ version }) => version);
  return { alike: versions(true, MAX_VERSIONS), unlike: versions(false, MAX_UNLIKE) };
}

/** Undefined where no tensor of the leak resembles one of the version's. */
async function compare(
  services: TraceServices,
  version: PublishedVersion,
  leak: { readonly bytes: Uint8Array; readonly tensors: readonly ModelTensor[] },
  { leftMs }: TraceOptions,
): Promise<Comparison | undefined> {
  const { layers, policy, plan } = await services.manifests.get(version);
  if (policy.tracing === 'off' || !plan) return undefined;
  const strength = policy.tracing;
  const keyOf = (of: PublishedVersion) => services.versionKeys.unwrap(of, services.now());
  const rootKey = await keyOf(keyVersion(version));
  const traceKey = await deriveTraceKey(rootKey).finally(() => rootKey.fill(0));
  const dataKey = await keyOf(version);
  const original = await openVersion(services, version, dataKey).finally(() => dataKey.fill(0));
  try {
    const marked = plan.tensors.map(({ layer }) => layer);
    const task = { original, layers: marked, leaked: leak.bytes };
    const pairings = leftMs && (await alignInThread(task, leak.tensors, leftMs()));
    const compared = { bytes: original, layers, strength, plan, pairings };
    const reading = readLeak(compared, leak.tensors, traceKey);
    const resemblance =
      reading.pairs.reduce((sum, pair) => sum + pair.correlation * pair.marked.groups, 0) /
      plan.groups;
    return { version, strength, traceKey, reading, resemblance };
  } catch (error) {
    traceKey.fill(0);
    if (error instanceof TraceError && error.code === 'nothing-in-common') return undefined;
    throw error;
  } finally {
    original.fill(0);
  }
}

interface Ranked extends Ranking {
  readonly comparison: Comparison;
}

/** Holds the leak against every grant on record of the versions that are marked under the same key. */
async function rank(
  { documents }: TraceServices,
  comparison: Comparison,
  shard: Shard = { index: 0, of: 1 },
  told: {
    readonly onProgress: (share: number) => void;
    readonly onUnreadable: (path: string) => void;
  },
): Promise<Ranked> {
  const { version, reading } = comparison;
  const versions = await sameKey(documents, version, told.onUnreadable);
  const candidates = grantsOf(documents, versions, shard, told);
  return { comparison, ...(await reading.rank(candidates, { shards: shard.of })) };
}

async function namedAmong(
  services: TraceServices,
  findings: readonly Finding[],
): Promise<readonly NamedFinding[]> {
  const best = new Map<string, Finding>();
  for (const finding of findings) {
    if (finding.log10P > NAMED_LOG10P) continue;
    const known = best.get(finding.name);
    if (!known || finding.log10P < known.log10P) best.set(finding.name, finding);
  }
  const named = [...best.values()].sort((a, b) => a.log10P - b.log10P);
  return Promise.all(
    named.map(async (finding) => ({
      ...finding,
      records: await recordsOf(services.documents, finding.name),
    })),
  );
}
