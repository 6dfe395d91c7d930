/** How many attestations and assertions a second, against the other verifiers on npm, on what a real phone made. */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as checker from 'appattest-checker-node';
import * as nodeAppAttest from 'node-app-attest';
import { verifyAssertion } from '../../functions/attestation/app-attest/assertion.ts';
import {
  type AttestationInput,
  verifyAttestation,
} from '../../functions/attestation/app-attest/attestation.ts';
import {
  type KeyAttestationInput,
  verifyKeyAttestation,
} from '../../functions/attestation/key-attestation/verify.ts';
import {
  APPLE_APP_ATTEST_ROOTS,
  APPLE_RECEIPT_ROOTS,
} from '../../functions/attestation/trust-anchors/apple.ts';
import { GOOGLE_KEY_ATTESTATION_ROOTS } from '../../functions/attestation/trust-anchors/google.ts';
import { bytesOf, FIXTURES, readFixture, readYamlDocuments } from '../attestation/fixtures.ts';
import type { Figure } from './sealing.ts';
import { type Contestant, race } from './throughput.ts';

const ROUNDS = 7;
const ATTESTATIONS = 200;
const ASSERTIONS = 2000;
const KEY_ATTESTATIONS = 500;
/** As on a server that is busy. */
const IN_FLIGHT = 64;

/** Empty where the material of real phones, on which the peers can be run, is absent. */
export async function run(): Promise<Figure[]> {
  if (!existsSync(FIXTURES)) {
    console.warn(`attestation: not measured, ${FIXTURES} is absent`);
    return [];
  }
  return [
    ...(await attestations()),
    ...(await assertions()),
    ...(await keyAttestations()),
    await hostile(),
  ];
}

const production = () => {
  const { attestation, keyId, challenge } = JSON.parse(
    readFixture('app-attest/production-2024.json'),
  );
  const challengeBytes = Buffer.from(challenge, 'base64');
  const input: AttestationInput = {
    attestationObject: Buffer.from(attestation, 'base64'),
    keyId: Buffer.from(keyId, 'base64'),
    clientDataHash: createHash('sha256').update(challengeBytes).digest(),
    apps: [{ teamId: 'V8H6LQ9448', bundleId: 'io.uebelacker.AppAttestExample' }],
    environments: ['production'],
    trustAnchors: APPLE_APP_ATTEST_ROOTS,
    now: new Date('2024-02-10T00:00:00Z'),
  };
  return { input, keyId: String(keyId), challenge: challengeBytes };
};

async function attestations(): Promise<Figure[]> {
  const { input, keyId, challenge } = production();
  const attestation = Buffer.from(input.attestationObject);
  const { teamId, bundleId } = input.apps[0] ?? { teamId: '', bundleId: '' };
  const appInfo = { appId: `${teamId}.${bundleId}`, developmentEnv: false };
  const withReceipt = { ...input, receiptTrustAnchors: APPLE_RECEIPT_ROOTS };
  const times = await race(ATTESTATIONS * 1e6, ROUNDS, {
    ours: many(ATTESTATIONS, () => verifyAttestation(input)),
    oursWithReceipt: many(ATTESTATIONS, () => verifyAttestation(withReceipt)),
    oursInTurn: inTurn(ATTESTATIONS, () => verifyAttestation(input)),
    nodeAppAttest: many(ATTESTATIONS, async () =>
      nodeAppAttest.verifyAttestation({
        attestation,
        challenge,
        keyId,
        bundleIdentifier: bundleId,
        teamIdentifier: teamId,
      }),
    ),
    checker: at(
      input.now,
      many(ATTESTATIONS, async () => {
        const result = await checker.verifyAttestation(appInfo, keyId, challenge, attestation);
        if ('verifyError' in result) throw new Error(result.verifyError);
      }),
    ),
  });
  const peers = ['nodeAppAttest', 'checker'] as const;
  return [
    figure('attest.per_second', times.rate('ours'), '/s', `${IN_FLIGHT} in flight`),
    figure(
      'attest.x_fastest_peer',
      Math.min(...peers.map((peer) => times.ratio('ours', peer))),
      '×',
      `${IN_FLIGHT} in flight; peers check no constraints of the chain`,
    ),
    figure(
      'attest.x_fastest_peer_in_turn',
      Math.min(...peers.map((peer) => times.ratio('oursInTurn', peer))),
      '×',
      'one after the other',
    ),
    figure(
      'attest.x_fastest_peer_with_receipt',
      Math.min(...peers.map((peer) => times.ratio('oursWithReceipt', peer))),
      '×',
      'and the receipt verified, which peers hand on unread',
    ),
  ];
}

async function assertions(): Promise<Figure[]> {
  const fields = readYamlDocuments('app-attest/ios-14.4-development.yaml')[1] ?? new Map();
  const pem = fields.get('publicKey') ?? '';
  const teamIdentifier = fields.get('teamIdentifier') ?? '';
  const bundleIdentifier = fields.get('bundleIdentifier') ?? '';
  const appId = `${teamIdentifier}.${bundleIdentifier}`;
  const payload = bytesOf(fields, 'clientDataBase64');
  const input = {
    assertion: bytesOf(fields, 'assertionBase64'),
    clientDataHash: createHash('sha256').update(payload).digest(),
    publicKey: createPublicKey(pem).export({ type: 'spki', format: 'der' }),
    appId,
    previousSignCount: 0,
  };
  const { assertion, clientDataHash } = input;
  const times = await race(ASSERTIONS * 1e6, ROUNDS, {
    ours: many(ASSERTIONS, () => verifyAssertion(input)),
    oursInTurn: inTurn(ASSERTIONS, () => verifyAssertion(input)),
    nodeAppAttest: many(ASSERTIONS, async () =>
      nodeAppAttest.verifyAssertion({
        assertion,
        payload,
        publicKey: pem,
        bundleIdentifier,
        teamIdentifier,
        signCount: 0,
      }),
    ),
    checker: many(ASSERTIONS, async () => {
      const result = await checker.verifyAssertion(clientDataHash, pem, appId, assertion);
      if ('verifyError' in result) throw new Error(result.verifyError);
    }),
  });
  const peers = ['nodeAppAttest', 'checker'] as const;
  return [
    figure('assert.per_second', times.rate('ours'), '/s', `${IN_FLIGHT} in flight`),
    figure(
      'assert.x_fastest_peer',
      Math.min(...peers.map((peer) => times.ratio('ours', peer))),
      '×',
      `${IN_FLIGHT} in flight; an ECDSA verification alone is half of a peer’s time`,
    ),
    figure(
      'assert.x_fastest_peer_in_turn',
      Math.min(...peers.map((peer) => times.ratio('oursInTurn', peer))),
      '×',
      'one after the other',
    ),
  ];
}

/** A phone of the factory, and one whose keys come from Google: on npm no peer checks such chains. */
async function keyAttestations(): Promise<Figure[]> {
  const factory = keyAttestation('sony-xperia10iii-TEE_EC', new Date('2026-06-04T12:00:00Z'));
  const remote = keyAttestation('tegu-sdk36-TEE_EC_2026_ROOT', new Date('2026-02-23T12:00:00Z'));
  const times = await race(KEY_ATTESTATIONS * 1e6, ROUNDS, {
    factory: many(KEY_ATTESTATIONS, () => verifyKeyAttestation(factory)),
    remote: many(KEY_ATTESTATIONS, () => verifyKeyAttestation(remote)),
  });
  return [
    figure(
      'attest.key_factory_per_second',
      times.rate('factory'),
      '/s',
      `chain of a Sony Xperia 10 III, ${IN_FLIGHT} in flight`,
    ),
    figure(
      'attest.key_remote_per_second',
      times.rate('remote'),
      '/s',
      `chain of a Pixel 9a through RKP, ${IN_FLIGHT} in flight`,
    ),
  ];
}

function keyAttestation(name: string, now: Date): KeyAttestationInput {
  const pem = readFixture(`android-key/${name}.pem`).match(
    /-----BEGIN[\s\S]*?END CERTIFICATE-----/g,
  );
  const { attestationChallenge } = JSON.parse(
    readFixture(`android-key/${name}.json`).replaceAll(/^\s*\/\/.*$/gm, ''),
  );
  return {
    x5c: (pem ?? []).map((text) => new Uint8Array(new X509Certificate(text).raw)),
    challenge: Buffer.from(attestationChallenge, 'base64'),
    trustAnchors: GOOGLE_KEY_ATTESTATION_ROOTS,
    revocationList: { entries: new Map(), fetchedAt: now, freshUntil: now },
    now,
  };
}

/** The longest that hostile input holds the verifier up: lengths and nesting as bad as they come. */
async function hostile(): Promise<Figure> {
  const { input } = production();
  const objects = [
    Buffer.alloc(65_536, 0x81),
    Buffer.alloc(65_536, 0xa1),
    Buffer.concat([Buffer.of(0x9a, 0xff, 0xff, 0xff, 0xff), Buffer.alloc(65_000)]),
    Buffer.concat([Buffer.of(0x99, 0xff, 0x00), Buffer.alloc(65_000)]),
    Buffer.concat([Buffer.of(0x5b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff), Buffer.alloc(65_000)]),
  ];
  let worst = 0;
  for (const attestationObject of objects) {
    const start = performance.now();
    await verifyAttestation({ ...input, attestationObject }).catch(() => undefined);
    worst = Math.max(worst, performance.now() - start);
  }
  return figure('attest.hostile_ms', worst, 'ms', 'longest over hostile lengths and nesting');
}

const figure = (name: string, value: number, unit: string, note: string): Figure => ({
  name,
  value,
  unit,
  note,
});

/** So many runs of `work`, a number of them at a time. */
function many(count: number, work: () => Promise<unknown>): Contestant {
  return async () => {
    let left = count;
    const lane = async () => {
      while (left-- > 0) await work();
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  };
}

function inTurn(count: number, work: () => Promise<unknown>): Contestant {
  return async () => {
    for (let i = 0; i < count; i++) await work();
  };
}

/** Runs with the clock at `time`: this peer judges by the clock, and the phone's certificate is of the past. */
function at(time: Date, contestant: Contestant): Contestant {
  return async () => {
    const RealDate = globalThis.Date;
    globalThis.Date = class extends RealDate {
      constructor(...values: [] | [number]) {
        super(values[0] ?? time.getTime());
      }
    } as DateConstructor;
    try {
      await contestant();
    } finally {
      globalThis.Date = RealDate;
    }
  };
}
