/** What a phone waits for, on the local stack: an enrolment and a grant step by step, and a grant beside a plain copy. */

import { randomBytes } from 'node:crypto';
import { enrolmentEvidence } from '../../functions/attestation/policy/evidence.ts';
import {
  modelPath,
  type OfferedVersion,
  versionFor,
} from '../../functions/catalogue/model-record.ts';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { seal } from '../../functions/grants/seal.ts';
import { checkDeviceProof, deviceProof } from '../../functions/identity/device-proof.ts';
import { attestedDevice } from '../../functions/identity/enrolment.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { generateRecipientKey } from '../../functions/protocol/hpke.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { reseal } from '../../functions/protocol/stream.ts';
import type { Services } from '../../functions/services.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { genuineIphone, genuinePixel } from '../support/app-phone.ts';
import type { Figure } from '../support/figure.ts';
import { publishFile } from '../support/publish.ts';
import { median } from '../support/statistics.ts';
import type { VirtualPlatform } from '../virtual-phones/virtual-platform.ts';
import { benchPhone } from './bench-phone.ts';
import { besideCopies } from './beside-copy.ts';
import { floorOnce } from './floor.ts';
import { grantByWaits } from './waits.ts';

const FILES = {
  '250kb': 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  '3mb': 'node_modules/@mediapipe/pose/pose_landmark_lite.tflite',
  '28mb': 'node_modules/@mediapipe/pose/pose_landmark_heavy.tflite',
} as const;
type ModelName = keyof typeof FILES;

/** Users with an iPhone, and as many with a Pixel. */
const USERS = 50;
const WARM_UP = 10;
const SUITE = 'P256-HKDF-SHA256-AES256GCM';

export async function run(): Promise<Figure[]> {
  const stack = await startStack({
    environment: {
      GRANTS_PER_USER_MINUTE: '10000',
      GRANTS_PER_DEVICE_MINUTE: '10000',
      PLANS: '{"default":{"grantsPerDay":1000000,"modelsPerDay":1000}}',
    },
  });
  try {
    const services = await createServices(
      loadConfig(stack.environment),
      { name: 'bench', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
      stack.clients,
      () => undefined,
    );
    for (const [model, file] of Object.entries(FILES)) {
      await publishFile(services, model, file, { version: '1' });
    }
    return [
      ...(await measureSteps(stack, services)),
      ...(await besideCopies(stack, services)),
      await grantByWaits(),
    ];
  } finally {
    await stack.stop();
  }
}

/** The steps of all users in turn, so that whatever else the machine does meets them alike. */
async function measureSteps(stack: Stack, services: Services): Promise<Figure[]> {
  const samples = new Map<string, number[]>();
  const version = await versionOf(services, '250kb');
  const vault = await bytesOf(services, version);
  for (let user = -WARM_UP; user < USERS; user++) {
    const times: Record<string, number> = {};
    const platforms: [string, VirtualPlatform][] = [
      ['', genuineIphone(stack)],
      ['android_', genuinePixel(stack)],
    ];
    // Each is the first as often as the other.
    if (user % 2 === 0) platforms.reverse();
    for (const [prefix, platform] of platforms) {
      const token = await stack.token(`${prefix}${user}`);
      const phone = benchPhone(stack.baseUrl, token, platform);
      const enrol = await phone.timed(() => phone.client.enrol());
      const grant = await phone.timed(() => phone.client.grant('250kb'));
      const further = await phone.timed(() => phone.client.grant('250kb'));
      const { attestationMs, proofMs } = await checksAlone(services, platform);
      Object.assign(times, {
        [`enrol.${prefix}p50_ms`]: enrol.wholeMs,
        [`enrol.${prefix}challenge_p50_ms`]: enrol.challengeMs ?? 0,
        [`enrol.${prefix}call_p50_ms`]: enrol.callMs,
        [`enrol.${prefix}attestation_p50_ms`]: attestationMs,
        [`grant.${prefix}p50_ms`]: grant.wholeMs,
        [`grant.${prefix}call_p50_ms`]: grant.callMs,
        [`grant.${prefix}further_p50_ms`]: further.wholeMs,
        [`grant.${prefix}proof_p50_ms`]: proofMs,
      });
    }
    times['grant.floor_p50_ms'] = await floorOnce(services, version.sizeBytes);
    times['grant.delivery_p50_ms'] = await deliveryAlone(services, version);
    times['grant.sealing_p50_ms'] = await sealingAlone(services, version, vault);
    if (user < 0) continue;
    for (const [name, ms] of Object.entries(times)) {
      samples.set(name, [...(samples.get(name) ?? []), ms]);
    }
  }
  const p50 = (name: string) => median(samples.get(name) ?? []);
  return [
    ...[...samples].sort().map(([name, values]) => ({
      name,
      value: median(values),
      unit: 'ms',
      note: `${noteOf(name)}; local stack, ${stack.mode}`,
    })),
    ...[
      ['grant.floor_ratio.250kb', 'grant.p50_ms', 'a new user’s first'],
      ['grant.floor_ratio.250kb.further', 'grant.further_p50_ms', 'a further one'],
    ].map(([name = '', measured = '', which = '']) => ({
      name,
      value: p50(measured) / p50('grant.floor_p50_ms'),
      unit: '×',
      note: `what a phone waits for, ${which}, to one transaction and one upload; ${stack.mode}`,
    })),
  ];
}

const NOTES: Readonly<Record<string, string>> = {
  'enrol.p50_ms': 'challenge and enrolment, without the phone’s own work',
  'enrol.challenge_p50_ms': 'the challenge’s HTTP call',
  'enrol.call_p50_ms': 'the enrolment’s HTTP call',
  'enrol.attestation_p50_ms': 'judging the evidence, in process',
  'grant.p50_ms': '250 kB; the challenge came with the enrolment; without the phone’s own work',
  'grant.further_p50_ms': '250 kB; the same again, as whoever uses the app from day to day has it',
  'grant.call_p50_ms': '250 kB; the grant’s HTTP call',
  'grant.proof_p50_ms': 'verifying the device’s proof, in process',
  'grant.floor_p50_ms':
    '250 kB; a transaction of as many documents, an upload of as many bytes, in process',
  'grant.delivery_p50_ms': '250 kB; licence, vault to sealed object, signed URL, in process',
  'grant.sealing_p50_ms': '250 kB; ciphers alone, in process and memory',
};
const noteOf = (name: string): string => NOTES[name.replace('android_', '')] ?? '';

/** The library's checks of an attestation and of a proof, without any service of ours. */
async function checksAlone(services: Services, platform: VirtualPlatform) {
  const hash = randomBytes(32);
  const { keyHandle, attestation } = await platform.createAttestedKey(hash);
  const evidence = enrolmentEvidence.parse(attestation);
  const { appId, appVersion } = platform;
  const data = { type: 'device.enroll', challenge: '', appId, appVersion } as const;
  const clientData = { ...data, platform: platform.platform };
  const startedAt = performance.now();
  const { device } = await attestedDevice(
    clientData,
    hash,
    evidence,
    'bench',
    services.enrolmentPolicy,
    services.now(),
  );
  const attestationMs = performance.now() - startedAt;

  const proof = deviceProof.parse(await platform.prove(keyHandle, hash));
  const provenAt = performance.now();
  await checkDeviceProof({ ...device, riskMetric: null, traits: null, seal: '' }, proof, hash);
  return { attestationMs, proofMs: performance.now() - provenAt };
}

/** What a grant does once it is admitted. */
async function deliveryAlone(services: Services, version: OfferedVersion): Promise<number> {
  const { publicKey } = await generateRecipientKey(SUITE);
  const grant = {
    grantId: newGrantId(),
    userId: 'bench',
    deviceId: 'bench',
    recipientKey: publicKey,
    suite: SUITE,
    version,
  } as const;
  const startedAt = performance.now();
  await seal(services, grant, services.now());
  return performance.now() - startedAt;
}

async function sealingAlone(
  services: Services,
  version: OfferedVersion,
  vault: readonly Uint8Array[],
): Promise<number> {
  const dataKey = await services.versionKeys.unwrap(version, services.now());
  const startedAt = performance.now();
  const from = await deriveKeys(nodeCrypto, dataKey, 'vault');
  const to = await deriveKeys(nodeCrypto, randomBytes(32), 'delivery');
  const source = (async function* () {
    yield* vault;
  })();
  await drain(reseal(nodeCrypto, source, { from, to, imprint: true }));
  return performance.now() - startedAt;
}

const newGrantId = () => `g_${toBase64url(randomBytes(16))}`;

const versionOf = async ({ documents }: Services, model: ModelName): Promise<OfferedVersion> =>
  versionFor(await documents.get(modelPath(model)), 'latest', '', new Date());

const bytesOf = ({ objects, config }: Services, { vaultObject }: OfferedVersion) =>
  Array.fromAsync(objects.read(config.buckets.vault, vaultObject));

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}
