/**
 * `npm run drill -- --keys`: the licence key, the manifest key and the pseudonym secret are rotated on a
 * stack, with an app installed before that pins what was published then. In each step the app fetches
 * a new model, opens and renews an old copy, and a blocked user stays blocked.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { credentials } from '@grpc/grpc-js';
import { modelPath, readModel } from '../../functions/catalogue/model-record.ts';
import type { SigningKeys } from '../../functions/cloud/signing-versions.ts';
import { restrictionsDocument } from '../../functions/fraud/blocklist.ts';
import { blockPath } from '../../functions/fraud/subjects.ts';
import { reKey } from '../../functions/privacy/re-key.ts';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { verifyLicence } from '../../functions/protocol/licence.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import type { Services } from '../../functions/services.ts';
import { HOUR_MS } from '../../functions/time.ts';
import { DEFAULT_RETRY } from '../../sdk/typescript/api/retry.ts';
import { localKeyNames } from '../doubles/kms/kms-keys.ts';
import { appPhone, genuineIphone } from '../support/app-phone.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { publishBytes } from '../support/publish.ts';
import { startDeployments } from './deployments.ts';
import { PROJECT_ID } from './local-environment.ts';
import type { Stack } from './stack.ts';

/** A step that was taken, and what was seen then. */
export interface DrillStep {
  readonly step: string;
  readonly checked: readonly string[];
}

class DrillError extends Error {
  override readonly name = 'DrillError';
}

function check(holds: boolean, what: string): string {
  if (!holds) throw new DrillError(`does not hold: ${what}`);
  return what;
}

const versions = (signing: number, announced: readonly number[], retired: readonly number[]) => ({
  SIGNING_KEYS: JSON.stringify({
    manifest: { signing, announced, retired },
    licence: { signing, announced, retired },
    // Of this one there are two: seals of the first are good as long as their devices.
    device: { signing, announced: announced.filter((version) => version < 3), retired },
  }),
});

/** What is chosen in the end: what the first licence key signed has ended, what the others signed has not. */
const ROTATED = JSON.stringify({
  manifest: { signing: 2, announced: [3], retired: [1] },
  licence: { signing: 2, announced: [3], retired: [] },
  device: { signing: 2, announced: [], retired: [1] },
} satisfies SigningKeys);

/** A drill takes a minute for what takes a user weeks. */
const AT_DRILL_SPEED = {
  GRANTS_PER_USER_MINUTE: '6000',
  GRANTS_PER_DEVICE_MINUTE: '6000',
  PLANS: JSON.stringify({
    default: { grantsPerDay: 1_000, modelsPerDay: 100, newModelsPerMonth: 100 },
  }),
};

/** Throws DrillError at the first thing that does not hold. */
export async function keyDrill(
  stack: Stack,
  onStep: (step: DrillStep) => void = () => undefined,
): Promise<readonly DrillStep[]> {
  const deployments = await startDeployments(stack);
  const kms = connectKms(stack);
  try {
    const drill = new KeyDrill(stack, deployments, kms, onStep);
    await drill.rotateSigningKeys();
    await drill.rotatePseudonyms();
    return drill.steps;
  } finally {
    await kms.close();
    await deployments.stop();
  }
}

function connectKms({ environment }: Stack): KeyManagementServiceClient {
  const { hostname, port } = new URL(environment['KMS_ENDPOINT'] ?? '');
  const sslCreds = credentials.createInsecure();
  return new KeyManagementServiceClient({ apiEndpoint: hostname, port: Number(port), sslCreds });
}

class KeyDrill {
  readonly steps: DrillStep[] = [];
  readonly #stack: Stack;
  readonly #deployments: Awaited<ReturnType<typeof startDeployments>>;
  readonly #kms: KeyManagementServiceClient;
  readonly #onStep: (step: DrillStep) => void;
  readonly #names = localKeyNames(PROJECT_ID);
  readonly #secret: string;
  readonly #run = randomBytes(4).toString('hex');
  #services: Services | undefined;
  #app: ReturnType<typeof appPhone> | undefined;
  #mallory: ReturnType<typeof appPhone> | undefined;
  #models = 0;
  #lastLicence = '';

  constructor(
    stack: Stack,
    deployments: Awaited<ReturnType<typeof startDeployments>>,
    kms: KeyManagementServiceClient,
    onStep: (step: DrillStep) => void,
  ) {
    this.#stack = stack;
    this.#deployments = deployments;
    this.#kms = kms;
    this.#onStep = onStep;
    this.#secret = stack.environment['PSEUDONYM_SECRET'] ?? '';
  }

  async rotateSigningKeys(): Promise<void> {
    await this.#deploy(versions(1, [2], []));
    const pinned = await this.#published();
    this.#app = this.#install('ann', pinned);
    this.#mallory = this.#install('mallory', pinned);
    await this.#mallory.client.grant(await this.#publish());
    await this.#block('mallory');
    this.#done('an app is installed that pins what signs and what is announced', [
      check(sameKids(pinned, [1, 2]), 'it pins versions 1 and 2 of both keys'),
      ...(await this.#everythingWorks(1)),
    ]);

    for (const parent of [this.#names.manifest, this.#names.licence])
      await this.#kms.createCryptoKeyVersion({ parent });
    await this.#deploy(versions(1, [2], []));
    this.#done('version 3 of both keys is made in Cloud KMS', [
      check(sameKids(await this.#published(), [1, 2]), '/v1/keys does not show it'),
      ...(await this.#everythingWorks(1)),
    ]);

    await this.#deploy(versions(1, [2, 3], []));
    const next = await this.#published();
    this.#done('announce: version 3 is announced', [
      check(sameKids(next, [1, 2, 3]), '/v1/keys shows it as announced'),
      ...(await this.#everythingWorks(1)),
    ]);

    const underFirst = this.#lastLicence;
    await this.#deploy(versions(2, [3], [1]));
    this.#done('sign: version 2 signs, version 1 is retired', await this.#everythingWorks(2));

    await this.#deploy({ SIGNING_KEYS: ROTATED });
    const name = `${this.#names.licence}/cryptoKeyVersions/1`;
    await this.#kms.updateCryptoKeyVersion({
      cryptoKeyVersion: { name, state: 'DISABLED' },
      updateMask: { paths: ['state'] },
    });
    const without = pinned.filter(({ kid }) => kid !== 'licence.1');
    const refused = await verifyLicence(nodeCrypto, underFirst, without).then(
      () => 'taken',
      (error: { code?: string }) => error.code,
    );
    this.#done('retire: version 1 of the licence key is taken out and disabled', [
      check(
        !(await this.#published()).some(({ kid }) => kid === 'licence.1'),
        '/v1/keys shows it no more',
      ),
      check(refused === 'signer-untrusted', 'an app without it refuses what it signed'),
      ...(await this.#everythingWorks(2)),
    ]);
  }

  async rotatePseudonyms(): Promise<void> {
    const before = await this.#name('ann');
    const secrets = `${this.#secret},${randomBytes(32).toString('base64url')}`;
    const services = await this.#deploy({ SIGNING_KEYS: ROTATED, PSEUDONYM_SECRET: secrets });
    this.#done('announce: a second pseudonym secret is there', [
      check((await this.#name('ann')) === before, 'the first names everybody still'),
      ...(await this.#everythingWorks(2)),
    ]);

    const counted = await reKey(
      services,
      { dryRun: true, settle: async () => undefined },
      new Date(),
    );
    check(counted.documents > 0, 'the dry run counts records');
    let asking = true;
    let answered = 0;
    const asked = (async () => {
      while (asking) {
        await this.#app?.client.grant(`drill-${this.#run}-0`);
        answered += 1;
        await pause(100);
      }
    })();
    const settle = () => pause(500, undefined);
    const report = await reKey(services, { dryRun: false, settle }, new Date());
    asking = false;
    await asked;
    // What was under way when the last pass went by.
    await reKey(services, { dryRun: false, settle }, new Date());
    this.#done(`sign: ${report.documents} records of ${report.subjects} subjects are re-keyed`, [
      check((await this.#name('ann')).startsWith('p2_'), 'the second names everybody'),
      check(report.conflicts.length === 0, `none was there twice ${report.conflicts}`),
      check(answered > 0, 'the app was served meanwhile'),
      ...(await this.#everythingWorks(2)),
    ]);

    const left = await reKey(services, { dryRun: true, settle }, new Date());
    this.#done('retire: nothing is kept by the first secret alone', [
      check(left.documents === 0, 'the dry run counts no record'),
      ...(await this.#everythingWorks(2)),
    ]);
  }

  /** The app of the old pin set gets a new model, opens and renews its oldest copy; who is blocked stays blocked. */
  async #everythingWorks(signing: number): Promise<readonly string[]> {
    const app = this.#app;
    if (!app) throw new DrillError('no app');
    const model = await this.#publish();
    const opened = await app.models.get(model);
    opened.close();
    const { kid } = headerOf(await this.#manifestOf(model));
    const copies = await app.store.licences();
    const [oldest] = copies.toSorted((a, b) => (this.#age(a.model) < this.#age(b.model) ? -1 : 1));
    if (!oldest) throw new DrillError('no copy');
    const { licence, nonce } = await app.client.renew(oldest.grantId, oldest.sha256);
    this.#lastLicence = licence;
    await app.store.renew(oldest.grantId, licence, nonce);
    const copy = await app.store.open(oldest.grantId, new Date());
    copy.close();
    const delegate = headerOf(String(headerOf(licence)['delegate']));
    const mallory = await this.#mallory?.client.grant(model).then(
      () => 'granted',
      (error: { code?: string }) => error.code,
    );
    return [
      check(
        kid === `manifest.${signing}`,
        `the app opens a new model, signed by manifest.${signing}`,
      ),
      check(
        delegate['kid'] === `licence.${signing}`,
        `it renews and opens its oldest copy, by licence.${signing}`,
      ),
      check(mallory === 'blocked', 'a blocked user stays blocked'),
    ];
  }

  async #deploy(changes: Readonly<Record<string, string>>): Promise<Services> {
    this.#services = await this.#deployments.deploy({ ...AT_DRILL_SPEED, ...changes });
    return this.#services;
  }

  async #published(): Promise<readonly VerificationKey[]> {
    const response = await fetch(`${this.#deployments.baseUrl}/v1/keys`);
    const { keys } = (await response.json()) as {
      keys: readonly { kid: string; x: string; y: string }[];
    };
    return keys.map(({ kid, x, y }) => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }));
  }

  async #publish(): Promise<string> {
    const model = `drill-${this.#run}-${this.#models++}`;
    const services = this.#services;
    if (!services) throw new DrillError('nothing is deployed');
    await publishBytes(services, model, randomBytes(4_096), { version: '1', format: 'opaque' });
    return model;
  }

  async #manifestOf(model: string): Promise<string> {
    const services = this.#services;
    const data = await services?.documents.get(modelPath(model));
    if (!services || !data) throw new DrillError(`${model} is not there`);
    const name = readModel(data).versions['1']?.manifestObject ?? '';
    const chunks = await Array.fromAsync(
      services.objects.read(services.config.buckets.vault, name),
    );
    return Buffer.concat(chunks).toString('ascii');
  }

  /** Models are numbered as they are published. */
  readonly #age = (model: string): number => Number(model.split('-').at(-1));

  async #block(user: string): Promise<void> {
    const subject = { kind: 'user', id: await this.#name(user) } as const;
    const now = new Date();
    const until = new Date(now.getTime() + HOUR_MS);
    const block = {
      ...{ until, reason: 'drill', rules: [], escalation: 1, createdAt: now },
      by: 'operator:drill',
    } as const;
    await this.#services?.documents.set(
      blockPath(subject),
      restrictionsDocument(subject, { block }),
    );
  }

  async #name(user: string): Promise<string> {
    const services = this.#services;
    if (!services) throw new DrillError('nothing is deployed');
    const { pseudonyms } = services;
    return pseudonyms.current(pseudonyms.user(this.#stack.issuer, this.#user(user)));
  }

  #user(user: string): string {
    return `drill-${this.#run}-${user}`;
  }

  #install(user: string, pinnedKeys: readonly VerificationKey[]) {
    return appPhone({
      baseUrl: this.#deployments.baseUrl,
      userToken: () => this.#stack.token(this.#user(user)),
      platform: genuineIphone(this.#stack),
      storage: memoryStorage(),
      retry: DEFAULT_RETRY,
      pinnedKeys,
    });
  }

  #done(step: string, checked: readonly string[]): void {
    this.steps.push({ step, checked });
    this.#onStep({ step, checked });
  }
}

const headerOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString());

function sameKids(keys: readonly VerificationKey[], numbers: readonly number[]): boolean {
  const expected = ['licence', 'manifest'].flatMap((key) => numbers.map((n) => `${key}.${n}`));
  return (
    keys
      .map(({ kid }) => kid)
      .sort()
      .join() === expected.sort().join()
  );
}
