/** test/vectors/requests.json: what the client sends, and what the service takes. RequestVectorsTest.kt has the client's half in Kotlin. */
import type { DeviceTraits } from '../../functions/protocol/rollout.ts';
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import { reportClientData } from '../../functions/api/report.ts';
import { ServiceError } from '../../functions/errors.ts';
import {
  approveClientData,
  enrolClientData,
  eraseClientData,
  grantClientData,
  readClientData,
  renewClientData,
  retireClientData,
} from '../../functions/identity/client-data.ts';
import { checkDeviceProof, deviceProof } from '../../functions/identity/device-proof.ts';
import type { DeviceRecord } from '../../functions/identity/devices.ts';
import { fromBase64url, toBase64url } from '../../functions/protocol/encoding.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { type ClientEvent, completeEvent } from '../../sdk/typescript/events.ts';
import { memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { makeRequests, REQUESTS_PATH } from './make-requests.ts';

type Requests = ReturnType<typeof makeRequests>;
type Members = Requests['clientData'][number]['members'];

const requests = JSON.parse(readFileSync(REQUESTS_PATH, 'utf8')) as Requests;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const decoded = (text: string) => fromBase64url(text) ?? new Uint8Array();

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'device.enroll': enrolClientData,
  'model.grant': grantClientData,
  'licence.renew': renewClientData,
  events: reportClientData,
  'device.retire': retireClientData,
  'device.approve': approveClientData,
  'user.erase': eraseClientData,
};

function read(clientData: Uint8Array, type: unknown) {
  const schema = SCHEMAS[String(type)];
  if (!schema) throw new Error(`no schema for ${String(type)}`);
  return readClientData(clientData, schema);
}

const refusalOf = (work: () => unknown) => {
  try {
    work();
    return 'taken';
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error);
  }
};

it('test/vectors/requests.json is what the code makes today', () => {
  expect(JSON.parse(JSON.stringify(makeRequests()))).toEqual(requests);
});

describe('the service takes', () => {
  it.each(requests.clientData)('client data: $members.type', (vector) => {
    const { hash } = read(decoded(vector.clientData), vector.members['type']);
    expect(Buffer.from(hash).toString('hex')).toBe(vector.clientDataHash);
    expect(toBase64url(hash)).toBe(vector.clientDataHashText);
  });

  it.each(requests.events.accepted)('an event: $type $cause', (event) => {
    const report = requests.clientData.find(({ members }) => members['type'] === 'events');
    const clientData = Buffer.from(JSON.stringify({ ...report?.members, events: [event] }));
    expect(refusalOf(() => read(clientData, 'events'))).toBe('taken');
  });
});

describe('the service refuses', () => {
  it.each(requests.refusedClientData)('$name', ({ clientData, members }) => {
    expect(refusalOf(() => read(decoded(clientData), members['type']))).toBe('request_invalid');
  });

  it.each(requests.events.refused)('an event: $name', ({ event }) => {
    const report = requests.clientData.find(({ members }) => members['type'] === 'events');
    const clientData = Buffer.from(JSON.stringify({ ...report?.members, events: [event] }));
    expect(refusalOf(() => read(clientData, 'events'))).toBe('request_invalid');
  });
});

describe('device proofs', () => {
  const { clientDataHash, publicKey, android, ios, refused } = requests.proofs;
  const key = createPublicKey({ key: publicKey, format: 'jwk' });
  const check = (proof: { readonly format: string }, signCount = 1) => {
    const platform = proof.format === 'apple-appattest' ? 'ios' : 'android';
    const device = {
      platform,
      publicKey: new Uint8Array(key.export({ type: 'spki', format: 'der' })),
      appId: ios.appId,
      signCount,
    } as unknown as DeviceRecord;
    return checkDeviceProof(device, deviceProof.parse(proof), bytes(clientDataHash));
  };

  it.each(android)('of Android: $name', async ({ proof }) => {
    await expect(check(proof)).resolves.toMatchObject({ signCount: 1 });
  });

  it('of iOS', async () => {
    await expect(check(ios.proof)).resolves.toMatchObject({ signCount: ios.signCount });
  });

  it.each(refused)('refused: $name is $reason', async ({ proof, reason }) => {
    await expect(check(proof)).rejects.toMatchObject({ code: 'proof_invalid', reason });
  });
});

describe('the client', () => {
  it.each(requests.clientData)('asks for $members.type so', async ({ members }) => {
    const { body, hash } = await sentFor(members);
    const clientData = decoded(body.clientData);
    const { nonce, ...sent } = JSON.parse(Buffer.from(clientData).toString()) as Members;
    expect(sent).toEqual(members);
    // Random, and so in no vector.
    expect(typeof nonce).toBe(members['type'] === 'licence.renew' ? 'string' : 'undefined');
    // Whoever proves nothing was asked for no proof.
    const isProven = 'deviceId' in members || members['type'] === 'device.enroll';
    const proven = isProven ? createHash('sha256').update(clientData).digest('hex') : undefined;
    expect(hash && Buffer.from(hash).toString('hex')).toBe(proven);
  });

  it.each(requests.events.ids)('names an event $eventId', ({ unixMs, randA, randB, eventId }) => {
    const random = bytes(`0${randA}${randB}`);
    const event = completeEvent({ type: 'app.started' }, new Date(unixMs), {
      randomBytes: () => random,
    });
    expect(event.eventId).toBe(eventId);
  });

  it.each(requests.events.times)('writes the time $occurredAt', ({ unixMs, occurredAt }) => {
    const event = completeEvent({ type: 'app.started' }, new Date(unixMs), nodeCrypto);
    expect(event.occurredAt).toBe(occurredAt);
  });
});

/** What the client sends where it is to ask for what the members say, and the hash that its key proves. */
async function sentFor(members: Members) {
  let hash: Uint8Array | undefined;
  let body = { clientData: '' };
  const text = (name: string) => String(members[name]);
  const fetch = async (input: URL | string | Request, init?: RequestInit) => {
    const { pathname } = new URL(String(input));
    if (pathname === '/v1/challenges') return Response.json({ challenge: members['challenge'] });
    body = JSON.parse(String(init?.body)) as typeof body;
    return Response.json(ANSWER);
  };
  const api = new ApiClient({
    baseUrl: 'https://service.invalid',
    userToken: async () => 'token',
    fetch,
  });
  const enrolments = memoryEnrolmentStore();
  const deviceId = members['deviceId'] ?? members['replaces'];
  if (deviceId) await enrolments.save({ deviceId: String(deviceId), keyHandle: 'key' });
  const client = new ModelSealClient({
    api,
    enrolments,
    crypto: nodeCrypto,
    platform: {
      platform: members['platform'] === 'ios' ? 'ios' : 'android',
      appId: text('appId'),
      appVersion: text('appVersion'),
      ...(members['traits'] !== undefined && { traits: members['traits'] as DeviceTraits }),
      createAttestedKey: async (clientDataHash) => {
        hash = clientDataHash;
        return { keyHandle: 'key', attestation: {} };
      },
      prove: async (_, clientDataHash) => {
        hash = clientDataHash;
        return {};
      },
    },
    createRecipientKey: async (suite) => ({
      suite,
      publicKey: decoded(text('recipientKey')),
      open: async () => new Uint8Array(),
    }),
  });
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    'device.enroll': () => client.enrol(),
    'model.grant': () => client.grant(text('modelId'), text('version')),
    'licence.renew': () => client.renew(text('grantId'), text('digest')),
    events: () => client.report(members['events'] as ClientEvent[], members['held'] as string[]),
    'device.retire': () =>
      members['target'] === deviceId ? client.retireDevice() : client.retireOther(text('target')),
    'device.approve': () => client.approveDevice(text('target')),
    'user.erase': () => client.eraseMe(),
  };
  await calls[text('type')]?.();
  return { body, hash };
}

const ANSWER = {
  deviceId: 'd',
  assurance: 'hardware',
  approvedFrom: null,
  grantId: 'g',
  url: 'https://storage.invalid/',
  urlExpiresAt: '2026-11-18T11:06:40.000Z',
  sizeBytes: 1,
  sealedKey: { suite: 's', enc: 'e', ct: 'c' },
  manifest: 'm',
  licence: 'l',
  release: 'r',
  accepted: 0,
  erase: [],
  provisional: [],
  retiredAt: '2026-11-18T11:06:40.000Z',
  approvedAt: '2026-11-18T11:06:40.000Z',
  requestedAt: '2026-11-18T11:06:40.000Z',
  completedAt: null,
  enrolAgainAt: '2026-11-18T11:06:40.000Z',
};
