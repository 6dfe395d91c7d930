/**
 * `npm run drill -- --restore`: a database is exported, used further, lost, and imported into another one, at which
 * the functions are then pointed. What was exported must hold for phones, and what was lost is named.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCloudClients, createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { restrictionsDocument } from '../../functions/fraud/blocklist.ts';
import { blockPath } from '../../functions/fraud/subjects.ts';
import type { Services } from '../../functions/services.ts';
import { HOUR_MS } from '../../functions/time.ts';
import { ApiError } from '../../sdk/typescript/api/api-error.ts';
import { type EnrolmentStore, memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { genuineIphone, phoneClient } from '../support/app-phone.ts';
import { publishBytes } from '../support/publish.ts';
import {
  allDocuments,
  exportFirestore,
  loseFirestore,
  restoreFirestore,
} from './firestore-state.ts';
import { functionRoutes, startFrontDoor } from './front-door.ts';
import { startFunctionsInProcess } from './function-host.ts';
import { PROJECT_ID } from './local-environment.ts';
import type { Stack } from './stack.ts';

/** The database that the copy goes into. */
const RESTORED = 'restored';
const OPAQUE = { format: 'opaque' } as const;
const ORIGINAL = '(default)';
const QUIET_MS = 1_000;

/** What was tried, whether it held, and what was seen. */
export interface RestoreStep {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Holds the drill on a stack with emulators. Rejects where the stack has none. */
export async function restoreDrill(stack: Stack): Promise<readonly RestoreStep[]> {
  const host = stack.environment['FIRESTORE_ENDPOINT']?.replace(/^https?:\/\//, '');
  if (stack.mode !== 'emulators' || !host) throw new Error('the drill needs the emulators');
  const services = await createServices(
    loadConfig(stack.environment),
    { name: 'drill', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
    stack.clients,
    () => undefined,
  );
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-restore-'));
  const steps: RestoreStep[] = [];
  const step = (what: string, ok: boolean, detail: string) => steps.push({ what, ok, detail });
  const documents = (database: string) => allDocuments(host, PROJECT_ID, database);
  try {
    // A phone with a grant, and a user who is blocked, from before the export.
    const [alice, bob] = [phoneOf(stack, 'restore-alice'), phoneOf(stack, 'restore-bob')];
    await publishBytes(services, 'restore-before', randomBytes(4_096), OPAQUE);
    const { deviceId } = await alice(stack.baseUrl).grant('restore-before');
    await bob(stack.baseUrl).grant('restore-before');
    await block(services, services.pseudonyms.user(stack.issuer, 'restore-bob'));
    const before = await untilSame(
      () => documents(ORIGINAL),
      () => exportFirestore(host, PROJECT_ID, folder),
    );

    // And what comes after it.
    await publishBytes(services, 'restore-after', randomBytes(4_096), OPAQUE);
    await phoneOf(stack, 'restore-carol')(stack.baseUrl).grant('restore-after');
    const later = await documents(ORIGINAL);

    await loseFirestore(host, PROJECT_ID);
    const refused = await outcome(
      phoneOf(stack, 'restore-dave')(stack.baseUrl).grant('restore-before'),
    );
    step('without its documents nothing is granted', refused === 'model_unknown', refused);

    // Scoring of what was asked before is late: it must write before the import, not during it.
    await untilSame(
      () => documents(ORIGINAL),
      () => loseFirestore(host, PROJECT_ID),
    );
    await restoreFirestore(host, PROJECT_ID, folder, RESTORED);
    const restored = await documents(RESTORED);
    const other = [...before].filter(([path, data]) => restored.get(path) !== data);
    step(
      'every document is as it was exported',
      other.length === 0 && restored.size === before.size && restored.size > 0,
      other.length > 0 ? paths(other) : counted([...restored.keys()]),
    );

    await pointed(stack, folder, async (baseUrl) => {
      const again = await alice(baseUrl).grant('restore-before');
      step('a phone goes on as the device it was', again.deviceId === deviceId, again.deviceId);
      const blocked = await outcome(bob(baseUrl).grant('restore-before'));
      step('who was blocked is blocked', blocked === 'blocked', blocked);
      const unknown = await outcome(alice(baseUrl).grant('restore-after'));
      step('what came after the export is not there', unknown === 'model_unknown', unknown);
      const carol = await outcome(phoneOf(stack, 'restore-carol')(baseUrl).grant('restore-before'));
      step('who came after it enrols anew', carol === 'granted', carol);
    });
    const lost = [...later].filter(([path, data]) => before.get(path) !== data);
    step('what was lost since the export is named', lost.length > 0, paths(lost));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return steps;
}

async function block({ documents, now }: Services, id: string): Promise<void> {
  const subject = { kind: 'user', id } as const;
  const createdAt = now();
  const until = new Date(createdAt.getTime() + HOUR_MS);
  const found = { until, reason: 'restore drill', rules: [], escalation: 1, createdAt };
  const restrictions = { block: { ...found, by: 'operator:drill' } as const };
  await documents.set(blockPath(subject), restrictionsDocument(subject, restrictions));
}

/** One phone, wherever the API is: its key and what it knows of its enrolment stay. */
function phoneOf(stack: Stack, user: string) {
  const platform = genuineIphone(stack);
  const enrolments: EnrolmentStore = memoryEnrolmentStore();
  return (baseUrl: string) =>
    phoneClient({ baseUrl, platform, enrolments, userToken: () => stack.token(user) }).client;
}

/** The functions, told of the other database by their variable. */
async function pointed(stack: Stack, folder: string, work: (baseUrl: string) => Promise<void>) {
  const environment = { ...stack.environment, FIRESTORE_DATABASE: RESTORED };
  const clients = await createCloudClients(loadConfig(environment));
  const functions = await startFunctionsInProcess({
    ...{ clients, environment, logFolder: join(folder, 'logs') },
  });
  const door = await startFrontDoor(functionRoutes(functions.ports));
  try {
    await work(door.url);
  } finally {
    await door.stop();
    await functions.stop();
  }
}

const outcome = (granted: Promise<unknown>): Promise<string> =>
  granted.then(
    () => 'granted',
    (error: unknown) => {
      if (error instanceof ApiError) return error.code;
      throw error;
    },
  );

/** Scoring writes after the answer: `work` is done again until nothing was written meanwhile. */
async function untilSame<T extends ReadonlyMap<string, string>>(
  read: () => Promise<T>,
  work: () => Promise<void>,
): Promise<T> {
  for (;;) {
    const found = await read();
    await work();
    await sleep(QUIET_MS);
    const after = await read();
    const same = [...after].every(([path, data]) => found.get(path) === data);
    if (same && after.size === found.size) return found;
  }
}

const paths = (entries: readonly (readonly [string, string])[]) =>
  counted(entries.map(([path]) => path));

/** How many documents of each collection. */
const counted = (all: readonly string[]) =>
  [...Map.groupBy(all, (path) => path.split('/')[0] ?? '')]
    .map(([collection, those]) => `${those.length} of ${collection}`)
    .join(', ');
