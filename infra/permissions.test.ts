/**
 * The IAM table: what each function's account takes, traced from the calls that its code makes in a whole
 * story on the local stack, against what its roles give. Nothing is missing, and what nobody takes
 * has a reason. `WRITE_DOCS=1 npm test -- infra/permissions` writes docs/ops/permissions.md anew.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { FUNCTIONS } from '../functions/registry.ts';
import { chunksOf } from '../test/contract/objects.contract.ts';
import { smoke } from '../test/smoke/steps.ts';
import { BUCKETS } from '../test/stack/local-environment.ts';
import { startStack } from '../test/stack/stack.ts';
import { genuineIphone, phoneClient } from '../test/support/app-phone.ts';
import { tellStory } from '../test/support/story.ts';
import { tfliteFile } from '../test/support/tflite-file.ts';
import { tracedClients } from '../test/support/traced-clients.ts';
import { saveTestRoots } from '../test/virtual-phones/test-roots.ts';
import { functionTable } from './function-table.ts';
import { givenPermissions, type Permissions } from './permissions.ts';
import { parseSources, readSources } from './terraform.ts';

const PAGE = join(import.meta.dirname, '../docs/ops/permissions.md');

/** Why something is given that the story does not take. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^database: datastore\.(?:databases\.(?:get|getMetadata|list)|namespaces|schemas|statistics|insights|entities\.(?:allocateIds|get|list|create|update|delete))/,
    'part of the narrowest role of Firestore',
  ],
  [/^bucket vault: storage\.objects\.list$/, 'part of the narrowest role that reads objects'],
  [
    /^bucket (?:intake|vault|sealed): storage\.objects\.(?:delete|get|list)$/,
    'taken when a write fails half-way, or a user with models is forgotten',
  ],
  [
    /^topic (?:dead-letters|decisions|orders): /,
    'taken for what cannot be read, is decided, or is ordered',
  ],
];

/** Functions whose work comes later than a story of seconds can show. */
const LATER: Readonly<Record<string, string>> = {
  sweep: 'taken when an event had to wait for Pub/Sub',
  ledger: 'taken when a grant is two minutes old',
  receipts: "taken when a device's receipt is due",
  revocations: "taken when a device's certificate was revoked",
  releases: 'taken when a release record is a day old',
  admin: 'taken by operators in the console',
  rollouts: 'taken when a rollout grows or is halted',
  orders: 'taken when a publisher orders something in the console',
  traces: 'taken when a leaked file was uploaded in the console',
};

/** What a function takes otherwise than others do. */
const OWN: Readonly<Record<string, string>> = {
  'traces bucket vault: storage.objects.get':
    'taken when a leaked file was uploaded in the console',
};

let used: ReadonlyMap<string, Permissions>;
let given: ReadonlyMap<string, Permissions>;

beforeAll(async () => {
  const infra = await parseSources(await readSources());
  given = givenPermissions(infra, functionTable(infra));
  used = await traceStory();
}, 120_000);

/** A model is published; a phone enrols, gets it, reports, renews and is retired; its user is forgotten; everything scheduled runs. */
async function traceStory(): Promise<ReadonlyMap<string, Permissions>> {
  const seen = new Map<string, Set<string>>(FUNCTIONS.map(({ name }) => [name, new Set()]));
  const purposes = new Map<string, string>(
    Object.entries(BUCKETS).map(([purpose, name]) => [name, purpose]),
  );
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-permissions-'));
  const stack = await startStack({
    inMemory: true,
    clientsOf: (name, clients) =>
      tracedClients(
        clients,
        (resource, permission) => seen.get(name)?.add(`${resource}: ${permission}`),
        (resource) => purposes.get(resource) ?? resource,
      ),
  });
  try {
    const { objects } = stack.clients;
    // The second goes by what the publisher said with the first.
    for (const version of ['1.0.0', '1.0.1']) {
      const name = `smoke/${version}/smoke.tflite`;
      const weights = randomBytes(4_096);
      const model = tfliteFile([{ buffer: 1, name: 'w', shape: [1_024] }], [{}, { data: weights }]);
      await objects.write(BUCKETS.intake, name, chunksOf(model.bytes));
      for (let wait = 0; wait < 200 && (await objects.stat(BUCKETS.intake, name)); wait++) {
        await sleep(50);
      }
    }
    saveTestRoots(folder, stack.roots);
    const token = await stack.token('traced');
    const story = tellStory(() => undefined);
    const identity = { token, model: 'smoke', app: stack.app, testRoots: folder };
    await smoke(story, { baseUrl: stack.baseUrl, identity });
    expect(story.results.filter(({ ok }) => !ok)).toEqual([]);
    const userToken = async () => token;
    const platform = genuineIphone(stack);
    await phoneClient({ baseUrl: stack.baseUrl, platform, userToken }).client.eraseMe();
    for (const { name: scheduled, trigger } of FUNCTIONS) {
      if (trigger.kind === 'schedule') await stack.runScheduled(scheduled);
    }
    await stack.clients.publisher.publish('events', { not: 'an event' });
    await sleep(300);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return seen;
}

const minus = (a: Permissions | undefined, b: Permissions | undefined): readonly string[] =>
  [...(a ?? [])].filter((each) => !b?.has(each)).sort();
const reasonOf = (name: string, permission: string) =>
  OWN[`${name} ${permission}`] ??
  REASONS.find(([pattern]) => pattern.test(permission))?.[1] ??
  LATER[name] ??
  'no reason';

function page(): string {
  const rows = [...used].map(([name, taken]) => {
    const excess = minus(given.get(name), taken);
    const byReason = [...new Set(excess.map((each) => reasonOf(name, each)))].map(
      (reason) =>
        `${reason}: ${excess
          .filter((each) => reasonOf(name, each) === reason)
          .map((each) => `\`${each}\``)
          .join(', ')}`,
    );
    return `| \`fn-${name}\` | ${
      [...taken]
        .sort()
        .map((each) => `\`${each}\``)
        .join('<br>') || 'nothing'
    } | ${byReason.join('<br>') || 'nothing'} |`;
  });
  return [
    '# What each function may do',
    '',
    'Made from a whole story on the local stack by `infra/permissions.test.ts`, which fails where code takes what its',
    "account is not given. Secrets, which a function gets in its environment, and Cloud Run's own rights are in",
    '`infra/access.test.ts`; what the accounts of builds may do is in `infra/bootstrap/steps.tf`, step by step.',
    '',
    '| account | takes | has besides, and why |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

describe('the account of each function', () => {
  it.each(FUNCTIONS.map(({ name }) => name))('of %s is given all that its code takes', (name) => {
    expect(minus(used.get(name), given.get(name))).toEqual([]);
  });

  it.each(FUNCTIONS.map(({ name }) => name))('of %s has nothing without a reason', (name) => {
    const excess = minus(given.get(name), used.get(name));
    expect(excess.filter((each) => reasonOf(name, each) === 'no reason')).toEqual([]);
  });

  it('may write documents only where its code does', () => {
    const writes = (name: string) =>
      [...(used.get(name) ?? [])].some((each) => /entities\.(?:create|update|delete)/.test(each));
    const may = FUNCTIONS.filter(({ name }) =>
      given.get(name)?.has('database: datastore.entities.create'),
    );
    expect(may.filter(({ name }) => !writes(name) && !LATER[name]).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('is traced at all: a role taken away is missed', () => {
    const without = new Set(
      [...(given.get('grant') ?? [])].filter((each) => !/useToDecrypt|useToSign/.test(each)),
    );
    expect(minus(used.get('grant'), without)).toEqual([
      'key licence: cloudkms.cryptoKeyVersions.useToSign',
      'key vault: cloudkms.cryptoKeyVersions.useToDecrypt',
    ]);
  });

  it('is in the documentation as it is here', async () => {
    if (process.env['WRITE_DOCS']) await writeFile(PAGE, page());
    expect(await readFile(PAGE, 'utf8')).toBe(page());
  });
});
