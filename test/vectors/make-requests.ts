/** What a client sends, byte for byte, and what of it the service refuses: client data, proofs, events. */
import { join } from 'node:path';
import { concat, utf8 } from '../../functions/protocol/bytes.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { encodeCbor } from '../virtual-phones/cbor.ts';
import { bytesFor, hex, signingKey } from './seeded.ts';

/** Where they lie. */
export const REQUESTS_PATH = join(import.meta.dirname, 'requests.json');

type Members = Readonly<Record<string, unknown>>;

const id = (prefix: string, label: string) => `${prefix}${toBase64url(bytesFor(label, 16))}`;
const CHALLENGE = toBase64url(bytesFor('challenge', 58));
const DEVICE = id('d_', 'device');
const OTHER_DEVICE = id('d_', 'other device');
const GRANT = id('g_', 'grant');
const IOS_APP = 'TEAM123456.com.example.app';
const RECIPIENT_KEY = toBase64url(signingKey('recipient').point);
const DIGEST = toBase64url(bytesFor('digest', 32));
const NOW_MS = 1_795_000_000_000;

/** All of them; every call makes the same. */
export function makeRequests() {
  const clientData = SOUND.map(encoded);
  return {
    about: 'what a client sends; docs/mobile/protocol.md section 14; made by `npm run vectors`',
    clientData,
    refusedClientData: REFUSED.map(({ name, ...members }) => ({ name, ...encoded(members) })),
    proofs: proofsOf(new Uint8Array(Buffer.from(clientData[1]?.clientDataHash ?? '', 'hex'))),
    events: { ids: IDS, times: TIMES, accepted: ACCEPTED, refused: REFUSED_EVENTS },
  };
}

/** Members in this order and no other; a client may serialise in any. */
function encoded(members: Members) {
  const bytes = utf8(JSON.stringify(members));
  const hash = sha256(nodeCrypto, bytes);
  return {
    members,
    clientData: toBase64url(bytes),
    clientDataHash: hex(hash),
    clientDataHashText: toBase64url(hash),
  };
}

const EVENT = eventOf(0, { type: 'app.started' });
const proven = { challenge: CHALLENGE, deviceId: DEVICE, appVersion: '3.1.0' };
const enrolment = {
  type: 'device.enroll',
  challenge: CHALLENGE,
  platform: 'android',
  appId: 'com.example.app',
  appVersion: '3.1.0',
};
const grant = {
  type: 'model.grant',
  modelId: 'smile',
  version: 'latest',
  recipientKey: RECIPIENT_KEY,
  suite: 'P256-HKDF-SHA256-AES256GCM',
  ...proven,
};
const renewal = { type: 'licence.renew', grantId: GRANT, digest: DIGEST, ...proven };
const report = { type: 'events', events: [EVENT], held: [GRANT], ...proven };

const SOUND: readonly Members[] = [
  enrolment,
  grant,
  { ...enrolment, replaces: OTHER_DEVICE },
  { ...enrolment, platform: 'ios', appId: IOS_APP },
  { ...grant, version: '2.1.0' },
  { ...grant, traits: { osVersion: '15.0.1', ramGb: 8, chip: 'sm8650' } },
  renewal,
  report,
  { ...report, events: [], held: [] },
  { type: 'device.retire', target: DEVICE, ...proven },
  { type: 'device.retire', target: OTHER_DEVICE, ...proven },
  { type: 'device.approve', target: OTHER_DEVICE, ...proven },
  { type: 'user.erase', ...proven },
  { type: 'user.erase', challenge: CHALLENGE },
];

const refusedOf = (name: string, members: Members, changes: Members) => ({
  name,
  ...members,
  ...changes,
});
const REFUSED = [
  refusedOf('a member that is not named', grant, { note: '' }),
  refusedOf('no challenge', grant, { challenge: undefined }),
  refusedOf('a challenge that was cut', grant, { challenge: CHALLENGE.slice(1) }),
  refusedOf('an appVersion that is no dotted numbers', grant, { appVersion: '3.1.0-beta' }),
  refusedOf('an appVersion of five numbers', grant, { appVersion: '3.1.0.0.1' }),
  refusedOf('a deviceId of another form', grant, { deviceId: 'device' }),
  refusedOf('a model id in capitals', grant, { modelId: 'Smile' }),
  refusedOf('a version with a slash', grant, { version: '2/1' }),
  refusedOf('no version', grant, { version: undefined }),
  refusedOf('a recipientKey with padding', grant, { recipientKey: `${RECIPIENT_KEY}=` }),
  refusedOf('a system of words', grant, { traits: { osVersion: 'new' } }),
  refusedOf('half a GiB', grant, { traits: { ramGb: 7.5 } }),
  refusedOf('a chip in capitals', grant, { traits: { chip: 'SM8650' } }),
  refusedOf('a trait that nobody asks for', grant, { traits: { colour: 'red' } }),
  refusedOf('an unknown suite', grant, { suite: 'P256-HKDF-SHA256-CHACHA20POLY1305' }),
  refusedOf('an unknown platform', enrolment, { platform: 'web' }),
  refusedOf('replaces without its prefix', enrolment, { replaces: OTHER_DEVICE.slice(2) }),
  refusedOf('a digest in hex', renewal, { digest: hex(bytesFor('digest', 32)) }),
  refusedOf('101 events', report, {
    events: Array.from({ length: 101 }, (_, n) => eventOf(n, { type: 'app.started' })),
  }),
  refusedOf('65 copies held', report, {
    held: Array.from({ length: 65 }, (_, n) => id('g_', `held ${n}`)),
  }),
] as const;

/** A UUID of version 7 (RFC 9562 section 5.7) from its parts. */
function uuidOf(unixMs: number, randA: string, randB: string): string {
  const time = unixMs.toString(16).padStart(12, '0');
  const variant = (BigInt(`0x${randB}`) | (1n << 63n)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randA}-${variant.slice(0, 4)}-${variant.slice(4)}`;
}

const idOf = (unixMs: number, randA: string, randB: string) => ({
  ...{ unixMs, randA, randB },
  eventId: uuidOf(unixMs, randA, randB),
});
/** The first is the example of RFC 9562, appendix A.6. */
const IDS = [
  idOf(0x017f22e279b0, 'cc3', '18c4dc0c0c07398f'),
  idOf(NOW_MS, '000', '0000000000000000'),
  idOf(NOW_MS + 7, 'fff', '3fffffffffffffff'),
];

const TIMES = [0, NOW_MS, NOW_MS + 7, NOW_MS + 120, 951_782_400_000].map((unixMs) => ({
  unixMs,
  occurredAt: new Date(unixMs).toISOString(),
}));

function eventOf(n: number, members: Members): Members {
  const randB = hex(bytesFor(`event ${n}`, 8)).replace(/^./, '0');
  const eventId = uuidOf(1_795_000_000_000 + n, '123', randB);
  return { eventId, occurredAt: '2026-11-18T11:06:40.000Z', ...members };
}

const about = { model: 'smile', version: '2.1.0', grant: GRANT };
const ACCEPTED = [
  { type: 'app.started' },
  { type: 'model.opened', ...about },
  { type: 'model.open_failed', ...about, cause: 'chunk-forged' },
  { type: 'licence.expired', grant: GRANT },
  { type: 'rasp.checked' },
  ...[
    'jailbreak',
    'root',
    'debugger',
    'hook',
    'emulator',
    'repackaged',
    'tampering',
    'unofficial_store',
    'developer_mode',
  ].map((cause) => ({ type: 'rasp.signal', cause })),
  { type: 'clock.moved', cause: 'clock-rolled-back' },
  { type: 'app.started', attributes: { coldStart: true, seconds: 1.5, locale: 'de-CH' } },
  { type: 'app.started', model: null, cause: null },
].map((members, n) => eventOf(n, members));

const refusedEvent = (name: string, members: Members) => ({
  name,
  event: eventOf(0, { type: 'app.started', ...members }),
});
const REFUSED_EVENTS = [
  refusedEvent('no id', { eventId: undefined }),
  refusedEvent('a UUID of version 4', { eventId: '4f1d3c4e-6a3b-4c1d-9e2f-0123456789ab' }),
  refusedEvent('no time', { occurredAt: undefined }),
  refusedEvent('a time in seconds', { occurredAt: '2026-11-18T11:06:40Z' }),
  refusedEvent('a time in microseconds', { occurredAt: '2026-11-18T11:06:40.000000Z' }),
  refusedEvent('a time elsewhere', { occurredAt: '2026-11-18T12:06:40.000+01:00' }),
  refusedEvent('a time in numbers', { occurredAt: NOW_MS }),
  refusedEvent('an unknown type', { type: 'app.slept' }),
  refusedEvent('a type of the service', { type: 'grant.made' }),
  refusedEvent('a signal without its kind', { type: 'rasp.signal' }),
  refusedEvent('a signal of an unknown kind', { type: 'rasp.signal', cause: 'mood' }),
  refusedEvent('a cause in capitals', { cause: 'CHUNK' }),
  refusedEvent('a grant of 129 characters', { grant: 'g'.repeat(129) }),
  refusedEvent('a member that is not named', { note: '' }),
  refusedEvent('attributes within attributes', { attributes: { device: {} } }),
  refusedEvent('a text of 201 characters', { attributes: { text: 'x'.repeat(201) } }),
  refusedEvent('13 attributes', {
    attributes: Object.fromEntries(Array.from({ length: 13 }, (_, n) => [`a${n}`, n])),
  }),
];

/** Proofs over one clientDataHash, by keys that are known. */
function proofsOf(hash: Uint8Array) {
  const [phone, stranger] = [signingKey('attested key'), signingKey('stranger')];
  const text = utf8(toBase64url(hash));
  const android = (name: string, bytes: Uint8Array) => ({
    name,
    proof: { format: 'android-key', signature: toBase64url(bytes) },
  });
  const assertion = (appId: string, count: number, key = phone, over = hash) => {
    const data = concat(
      sha256(nodeCrypto, utf8(appId)),
      new Uint8Array([0x40, 0, 0, 0, count]),
    );
    const nonce = sha256(nodeCrypto, concat(data, over));
    const members = new Map([
      ['signature', key.signDer(nonce)],
      ['authenticatorData', data],
    ]);
    return { format: 'apple-appattest', assertion: toBase64url(encodeCbor(members)) };
  };
  const other = sha256(nodeCrypto, hash);
  return {
    clientDataHash: hex(hash),
    publicKey: phone.jwk,
    android: [
      android('over the hash', phone.signDer(hash)),
      android('over its text', phone.signDer(text)),
    ],
    ios: { appId: IOS_APP, signCount: 2, name: 'an assertion', proof: assertion(IOS_APP, 2) },
    refused: [
      { ...android('r and s in place of DER', phone.sign(hash)), reason: 'signature-invalid' },
      { ...android('over another hash', phone.signDer(other)), reason: 'signature-invalid' },
      { ...android('by another key', stranger.signDer(hash)), reason: 'signature-invalid' },
      { name: 'an assertion by another key', proof: assertion(IOS_APP, 2, stranger), reason: 'signature-invalid' },
      { name: 'an assertion over another hash', proof: assertion(IOS_APP, 2, phone, other), reason: 'signature-invalid' },
      { name: 'an assertion of another app', proof: assertion('TEAM123456.com.example.other', 2), reason: 'rp-id-mismatch' },
      { name: 'a counter that did not grow', proof: assertion(IOS_APP, 1), reason: 'counter-replayed' },
    ],
  };
}
