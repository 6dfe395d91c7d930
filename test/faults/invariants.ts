/** What must hold whatever went wrong, looked at from outside once nothing goes wrong any more. */

import { createHash } from 'node:crypto';
import { buffer as bytesOf } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { readModel } from '../../functions/catalogue/model-record.ts';
import { createVersionKeys } from '../../functions/catalogue/version-keys.ts';
import type { StoredDocument } from '../../functions/cloud/documents.ts';
import { limitPaths } from '../../functions/fraud/limit-paths.ts';
import { readSealedObjectName } from '../../functions/grants/sealed-object.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { openContainer } from '../../functions/protocol/stream.ts';
import { DAY_MS } from '../../functions/time.ts';
import { createHandler } from '../../functions/workers/score.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { type Life, MODEL_ID, sweep } from './life.ts';
import type { Schedule } from './schedule.ts';
import type { System } from './system.ts';

/** Every collection that the functions write. */
const COLLECTIONS = [
  ...['audit', 'blocklist', 'challenges', 'devices', 'erasures', 'grants', 'ledger', 'limits'],
  ...['catalogues', 'models', 'outbox', 'risk', 'users'],
];
/** Past the end of every sealed object, also of one whose instance was two hours ahead, three times over. */
const LATER_MS = 7 * 3_600_000;
/** Long enough that no other bytes are the same by chance. */
const WINDOW_BYTES = 24;

/** Ends the faults, lets everything come to rest, and says what does not hold. */
export async function checkInvariants(
  system: System,
  schedule: Schedule,
  { phones, models, violations }: Life,
): Promise<readonly string[]> {
  system.plan.end();
  await system.drain();
  const found = [
    ...violations,
    ...(await sealedWithoutGrant(system)),
    ...(await inTheClear(system, models, phones)),
  ];
  system.clock.aheadMs = LATER_MS;
  await sweep(system);
  await system.drain();
  found.push(
    ...(await sealedForTooLong(system)),
    ...(await notPublished(system, models)),
    ...(await miscounted(system, schedule)),
    ...(await misscored(system, schedule)),
    ...untypedAnswers(system),
  );
  return found;
}

async function namesIn(system: System, bucket: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of system.cloud.objects.list(bucket, '')) names.push(name);
  return names;
}

const documentsIn = (system: System, collection: string): Promise<readonly StoredDocument[]> =>
  system.cloud.documents.query({ collection, limit: 10_000 });

async function sealedWithoutGrant(system: System): Promise<string[]> {
  const found: string[] = [];
  for (const name of await namesIn(system, system.config.buckets.sealed)) {
    const grantId = readSealedObjectName(name)?.grantId;
    const grant = grantId && (await system.cloud.documents.get(`grants/${grantId}`));
    if (!grant) found.push(`a sealed object without a grant: ${name}`);
  }
  return found;
}

async function sealedForTooLong(system: System): Promise<string[]> {
  const left = await namesIn(system, system.config.buckets.sealed);
  const waiting = await documentsIn(system, 'outbox');
  return [
    ...left.map((name) => `a sealed object outlived the sweep: ${name}`),
    ...waiting.map(({ path }) => `an event is stuck: ${path}`),
  ];
}

/** No bytes of a model where they have no business, as they are or as text. */
async function inTheClear(
  system: System,
  models: ReadonlyMap<string, Uint8Array>,
  phones: Life['phones'],
): Promise<string[]> {
  const places: [string, Buffer][] = [];
  for (const bucket of [system.config.buckets.vault, system.config.buckets.sealed]) {
    for (const name of await namesIn(system, bucket)) {
      places.push([`${bucket}/${name}`, await bytesOf(system.cloud.objects.read(bucket, name))]);
    }
  }
  for (const collection of COLLECTIONS) {
    const documents = await documentsIn(system, collection);
    places.push([collection, Buffer.from(JSON.stringify(documents))]);
  }
  places.push(['the log', Buffer.from(system.logs.join('\n'))]);
  places.push(['the topics', Buffer.from(JSON.stringify(system.taken))]);
  for (const { user, files } of phones) {
    for (const [name, bytes] of files) places.push([`${user}/${name}`, Buffer.from(bytes)]);
  }
  const windows = [...models.values()].flatMap(windowsOf);
  return places
    .filter(([, bytes]) => windows.some((window) => bytes.includes(window)))
    .map(([place]) => `model bytes in the clear in ${place}`);
}

function windowsOf(model: Uint8Array): readonly (Buffer | string)[] {
  if (model.byteLength < WINDOW_BYTES) return [];
  const last = model.byteLength - WINDOW_BYTES;
  return [0, Math.floor(last / 2), last].flatMap((at) => {
    const window = Buffer.from(model.subarray(at, at + WINDOW_BYTES));
    return [
      window,
      window.toString('base64'),
      window.toString('base64url'),
      window.toString('hex'),
    ];
  });
}

/** A version that is listed can be opened to its last byte; and in the end every one is listed. */
async function notPublished(
  system: System,
  models: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  const { documents, keys, objects } = system.cloud;
  const { intake, vault } = system.config.buckets;
  const left = await namesIn(system, intake);
  const found = left.map((name) => `plaintext is left in the intake: ${name}`);
  const data = await documents.get(`models/${MODEL_ID}`);
  const listed = data ? readModel(data).versions : {};
  for (const [version, bytes] of models) {
    const entry = listed[version];
    if (!entry) {
      if (system.deposited.has(version)) found.push(`version ${version} was never published`);
      continue;
    }
    const digest = createHash('sha256').update(bytes).digest('base64url');
    if (entry.sha256 !== digest) found.push(`version ${version} was published with other bytes`);
    if (!(await objects.stat(vault, entry.manifestObject))) {
      found.push(`version ${version} is listed without its manifest`);
    }
    try {
      const published = { ...entry, modelId: MODEL_ID, version };
      const dataKey = await createVersionKeys(keys).unwrap(published, new Date());
      const hash = createHash('sha256');
      const source = objects.read(vault, entry.vaultObject);
      const { parts } = await openContainer(
        nodeCrypto,
        source,
        await deriveKeys(nodeCrypto, dataKey, 'vault'),
      );
      for await (const part of parts) hash.update(part.bytes);
      if (hash.digest('base64url') !== digest)
        found.push(`version ${version} opens to other bytes`);
    } catch (error) {
      found.push(`version ${version} is listed and cannot be opened: ${error}`);
    }
  }
  return found;
}

/** What the limits say was given is what was given. */
async function miscounted(system: System, schedule: Schedule): Promise<string[]> {
  const found: string[] = [];
  const users = [...schedule.phones.keys()].map((index) => `user-${index}`);
  for (const user of [...users, 'user-burst']) {
    const id = system.userId(user);
    const where = [['user', '==', id]] as const;
    const grants = await system.cloud.documents.query({ collection: 'grants', where, limit: 1000 });
    const quota = await system.cloud.documents.get(limitPaths.userQuota(id));
    const days = grants.map(({ data }) =>
      Math.floor((data['createdAt'] as Date).getTime() / DAY_MS),
    );
    // A clock that jumps over midnight begins another day's count.
    if (new Set(days).size > 1) continue;
    const counted = Number(quota?.['grants'] ?? 0);
    // Of those that failed the quota gets back what a service of ours was to blame for.
    const standing = grants.filter(({ data }) => data['state'] !== 'failed').length;
    if (counted < standing || counted > grants.length) {
      found.push(
        `${user} has ${grants.length} grants, ${standing} of them not failed, and the quota counts ${counted}`,
      );
    }
  }
  return found;
}

/** The score is that of the same events, each once and in order. */
async function misscored(system: System, schedule: Schedule): Promise<string[]> {
  // An operator's block changes what rules do, and when it came is another matter.
  if (schedule.blockAfter !== undefined) return [];
  // A report that a phone sends again, since it got no answer, is the same event at another time.
  const events = new Map<string, { readonly receivedAt: string }>();
  for (const { topic, data } of system.taken) {
    if (topic === 'events') events.set(JSON.stringify(data), data as { receivedAt: string });
  }
  const inOrder = [...events.values()].sort((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1));
  const documents = memoryDocuments();
  const score = createHandler({
    ...{ documents, config: system.config, now: () => system.scoredAt, log: () => undefined },
    publisher: { publish: async () => undefined },
  });
  for (const event of inOrder) {
    const message = { data: Buffer.from(JSON.stringify(event)).toString('base64') };
    await score({ id: '1', type: 'm', source: 's', data: { message } });
  }
  const found: string[] = [];
  for (const collection of ['risk', 'blocklist']) {
    const clean = await documents.query({ collection, limit: 10_000 });
    const here = await documentsIn(system, collection);
    const differing = differences(clean, here);
    if (differing) {
      found.push(
        `${collection} is not what the same events make of it, each scored once: ${differing}`,
      );
    }
  }
  return found;
}

/**
 * The id of a decision is the instant that it was first given, and stays where an older event comes late
 * (fraud/decisions.ts): there, what is announced must be the same, not since when.
 */
function isSame(member: string, should: unknown, is: unknown): boolean {
  if (member !== 'announced' && member !== 'shadowAnnounced') return isDeepStrictEqual(should, is);
  return isDeepStrictEqual(Object.keys(should ?? {}).sort(), Object.keys(is ?? {}).sort());
}

/** The members that differ, by document, with what should be and what is; empty where none does. */
function differences(
  expected: readonly StoredDocument[],
  found: readonly StoredDocument[],
): string {
  const paths = new Set([...expected, ...found].map(({ path }) => path));
  const dataOf = (documents: readonly StoredDocument[], path: string) =>
    documents.find((each) => each.path === path)?.data ?? {};
  return [...paths]
    .flatMap((path) => {
      const [should, is] = [dataOf(expected, path), dataOf(found, path)];
      return Object.keys({ ...should, ...is })
        .filter((member) => !isSame(member, should[member], is[member]))
        .map((m) => `${path}.${m}: ${JSON.stringify(should[m])} is ${JSON.stringify(is[m])}`);
    })
    .join('; ');
}

/** Nothing but typed refusals: what nobody thought of is logged as `internal`. */
function untypedAnswers(system: System): string[] {
  const corrupted = system.plan.met.some(({ kind }) => kind === 'corrupted');
  if (corrupted) return [];
  return system.logs
    .filter((line) => line.includes('"message":"internal"'))
    .map((line) => `an error that nobody thought of: ${line}`);
}
