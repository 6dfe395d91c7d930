/** What a client must refuse, and with which code: beside sealing.json, whose keys and grant these change. */
import { join } from 'node:path';
import { collect, concat, streamOf, utf8 } from '../../functions/protocol/bytes.ts';
import {
  chunkAt,
  chunkContext,
  type ContainerHeader,
  decodeHeader,
  encodeHeader,
} from '../../functions/protocol/container.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import { fromBase64url, toBase64url } from '../../functions/protocol/encoding.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { sealCell } from '../../functions/protocol/secure-cell.ts';
import { sealPlain } from '../../functions/protocol/stream.ts';
import type { makeVectors } from './make-vectors.ts';
import { bytesFor, hex, seeded, signingKey } from './seeded.ts';

/** Where they lie. */
export const REFUSALS_PATH = join(import.meta.dirname, 'refusals.json');

type Vectors = Awaited<ReturnType<typeof makeVectors>>;
type Members = Readonly<Record<string, unknown>>;

const [PUBLISHER, LICENSOR, DELEGATE, STRANGER] = [
  signingKey('manifest.1'),
  signingKey('licence.1'),
  signingKey('delegate'),
  signingKey('manifest.9'),
];

/** A token of any header and payload: `signJws` makes only sound ones. */
function tokenOf(
  header: Members,
  payload: unknown,
  sign: (message: Uint8Array) => Uint8Array,
): string {
  const part = (value: unknown) =>
    toBase64url(utf8(typeof value === 'string' ? value : JSON.stringify(value)));
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${toBase64url(sign(utf8(input)))}`;
}

const partsOf = (token: string) => {
  const [header = '', payload = ''] = token.split('.');
  const read = (part: string): Members =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Members;
  return { header: read(header), payload: read(payload) };
};

/** All of them; every call makes the same. */
export async function makeRefusals(vectors: Vectors) {
  return {
    about: 'what a client refuses; docs/mobile/protocol.md section 14; made by `npm run vectors`',
    accepted: acceptedManifests(vectors),
    manifests: manifestsOf(vectors),
    licences: licencesOf(vectors),
    headers: headersOf(vectors),
    deliveries: await deliveriesOf(vectors),
    grants: grantsOf(vectors),
  };
}

/** Beside that of sealing.json: what a later writer may add, and what an earlier one left out. */
function acceptedManifests({ manifest }: Vectors) {
  const { header, payload } = partsOf(manifest);
  const row = (name: string, members: Members) => ({
    name,
    token: tokenOf(header, { ...payload, ...members }, PUBLISHER.sign),
  });
  const policy = payload['policy'] as Members;
  const { tracing: _, ...older } = policy;
  return [
    row('a member that is not known', { colour: 'red', nested: { deep: [1] } }),
    row('a policy without tracing', { policy: older }),
    ...['off', 'light', 'standard', 'resistant'].map((tracing) =>
      row(`tracing ${tracing}`, { policy: { ...policy, tracing } }),
    ),
    row('layers with names, types and shapes', {
      layers: [{ index: 4294967295, offset: 0, length: 1000, name: 'w', dtype: 'F16', shape: [5, 100] }],
    }),
    row('no layers', { layers: [] }),
  ];
}

function manifestsOf({ manifest }: Vectors) {
  const { header, payload } = partsOf(manifest);
  const changed = (members: Members) => tokenOf(header, { ...payload, ...members }, PUBLISHER.sign);
  const headed = (members: Members, key = PUBLISHER) =>
    tokenOf({ ...header, ...members }, payload, key.sign);
  const layers = payload['layers'] as readonly Members[];
  const policy = payload['policy'] as Members;
  const malformed = (name: string, token: string) => ({ name, token, code: 'token-malformed' });
  const untrusted = (name: string, token: string) => ({ name, token, code: 'signer-untrusted' });
  const [first, second, third] = manifest.split('.');
  return [
    malformed('two parts', `${first}.${second}`),
    malformed('four parts', `${manifest}.${third}`),
    malformed('padding', `${first}.${second}.${third}==`),
    malformed('another spelling of the signature', respelt(manifest)),
    malformed('a payload that is no JSON', tokenOf(header, '{', PUBLISHER.sign)),
    malformed('a payload that is a list', tokenOf(header, [payload], PUBLISHER.sign)),
    malformed('alg none', headed({ alg: 'none' })),
    malformed('alg ES384', headed({ alg: 'ES384' })),
    malformed('the typ of a licence', headed({ typ: 'modelseal-licence+jwt' })),
    malformed('no typ', headed({ typ: undefined })),
    malformed('a header member that is not named', headed({ crit: [] })),
    malformed('a key in the header', headed({ jwk: PUBLISHER.jwk })),
    malformed('v 2', changed({ v: 2 })),
    malformed('v as text', changed({ v: '1' })),
    malformed('no model', changed({ model: undefined })),
    malformed('an empty version', changed({ version: '' })),
    malformed('no bytes', changed({ sizeBytes: 0 })),
    malformed('half a byte', changed({ sizeBytes: 1000.5 })),
    malformed('a digest of 31 bytes', changed({ sha256: toBase64url(new Uint8Array(31)) })),
    malformed('layers that overlap', changed({ layers: [layers[0], { ...layers[1], offset: 100 }] })),
    malformed('a layer that leaves the model', changed({ layers: [{ ...layers[1], length: 401 }] })),
    malformed('an index twice', changed({ layers: layers.map((layer) => ({ ...layer, index: 7 })) })),
    malformed('an unknown tracing', changed({ policy: { ...policy, tracing: 'extreme' } })),
    malformed('no policy', changed({ policy: undefined })),
    untrusted('a key that is not pinned', headed({ kid: STRANGER.kid }, STRANGER)),
    untrusted('the licence key', headed({ kid: LICENSOR.kid }, LICENSOR)),
    untrusted('no kid', headed({ kid: undefined })),
    {
      name: 'another key than the kid says',
      token: headed({}, STRANGER),
      code: 'signature-invalid',
    },
    {
      name: 'a signature in DER',
      token: tokenOf(header, payload, PUBLISHER.signDer),
      code: 'signature-invalid',
    },
  ];
}

/** The same signature bytes by another last digit: 64 bytes leave four spare bits. */
function respelt(token: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = digits.indexOf(token.at(-1) ?? '');
  return `${token.slice(0, -1)}${digits[last + 1]}`;
}

function licencesOf({ licence, now }: Vectors) {
  const { header, payload } = partsOf(licence);
  const certificate = partsOf(String(header['delegate']));
  const changed = (members: Members, key = DELEGATE) =>
    tokenOf(header, { ...payload, ...members }, key.sign);
  const certified = (
    members: Members,
    { head = {}, key = LICENSOR }: { head?: Members; key?: typeof LICENSOR } = {},
  ) => {
    const signed = { ...certificate.payload, ...members };
    const delegate = tokenOf({ ...certificate.header, ...head }, signed, key.sign);
    return tokenOf({ ...header, delegate }, payload, DELEGATE.sign);
  };
  const malformed = (name: string, token: string) => ({ name, token, code: 'token-malformed' });
  const untrusted = (name: string, token: string) => ({ name, token, code: 'signer-untrusted' });
  const forged = (name: string, token: string) => ({ name, token, code: 'signature-invalid' });
  return [
    malformed('v 2', changed({ v: 2 })),
    malformed('no grant', changed({ grantId: undefined })),
    malformed('an end that is no whole number', changed({ exp: `${now}` })),
    malformed('no certificate', tokenOf({ ...header, delegate: undefined }, payload, DELEGATE.sign)),
    malformed('a kid', tokenOf({ ...header, kid: LICENSOR.kid }, payload, LICENSOR.sign)),
    malformed('a certificate of another typ', certified({}, { head: { typ: 'JWT' } })),
    malformed('a certificate without an end', certified({ exp: undefined })),
    untrusted('a certificate by the manifest key', certified({}, { head: { kid: PUBLISHER.kid }, key: PUBLISHER })),
    untrusted('a certificate by nobody', certified({}, { head: { kid: 'licence.9' }, key: STRANGER })),
    untrusted('issued after the certificate ended', certified({ exp: now - 1 })),
    untrusted('issued before the certificate began', certified({ nbf: now + 1 })),
    untrusted('longer than the certificate lets it', changed({ exp: now + 3600 + 90_000 })),
    forged('by another key than the certified', changed({}, STRANGER)),
    forged('by the licence key itself', changed({}, LICENSOR)),
    forged('a certificate by another key than it says', certified({}, { key: STRANGER })),
    forged('a certificate for another key', certified({ jwk: STRANGER.jwk })),
  ];
}

function headersOf({ grants }: Vectors) {
  const header = encodeHeader(headerOf(grants));
  const changed = (at: number, ...bytes: readonly number[]) => {
    const copy = header.slice();
    copy.set(bytes, at);
    return hex(copy);
  };
  const malformed = (name: string, changes: string) => ({
    name,
    header: changes,
    code: 'container-malformed',
  });
  const unsupported = (name: string, changes: string) => ({
    name,
    header: changes,
    code: 'version-unsupported',
  });
  const layer = (n: number) => header.slice(28 + 20 * n, 48 + 20 * n);
  return [
    malformed('another file', changed(0, 0x50, 0x4b)),
    malformed('27 bytes', hex(header.slice(0, 27))),
    malformed('one layer less than it says', hex(header.slice(0, 48))),
    malformed('65,537 layers', changed(24, 0, 1, 0, 1)),
    malformed('chunks of 63 bytes', changed(12, 0, 0, 0, 63)),
    malformed('chunks of 2^24 + 1 bytes', changed(12, 1, 0, 0, 1)),
    malformed('a model of no bytes', changed(16, 0, 0, 0, 0, 0, 0, 0, 0)),
    malformed('a model of 2^53 bytes', changed(16, 0, 0x20, 0, 0, 0, 0, 0, 0)),
    malformed('more than 2^32 - 1 chunks', changed(12, 0, 0, 0, 64, 0, 0, 0x40, 0, 0, 0, 0, 0)),
    malformed('layers that descend', changed(28, ...layer(1), ...layer(0))),
    malformed('layers that overlap', changed(28, ...layer(0), ...layer(0))),
    malformed('an index twice', changed(48, 0, 0, 0, 7)),
    malformed('a layer of no bytes', changed(60, 0, 0, 0, 0, 0, 0, 0, 0)),
    malformed('a layer that leaves the model', changed(60, 0, 0, 0, 0, 0, 0, 1, 0x91)),
    malformed('a layer beyond all numbers', changed(52, 0xff, 0xff, 0xff, 0xff)),
    unsupported('version 2', changed(8, 0, 2)),
    unsupported('an unknown flag', changed(10, 0, 3)),
  ];
}

const headerOf = (grants: Vectors['grants']): ContainerHeader =>
  decodeHeader(new Uint8Array(Buffer.from(grants[0]?.container ?? '', 'hex')).subarray(0, 68));

/** Deliveries to the first grant: each is what the URL gives, as long as the grant's answer says. */
async function deliveriesOf({ grants, model }: Vectors) {
  const [grant] = grants;
  const container = new Uint8Array(Buffer.from(grant?.container ?? '', 'hex'));
  const header = headerOf(grants);
  const contentKey = Buffer.from(grant?.contentKey ?? '', 'hex');
  const keys = await deriveKeys(nodeCrypto, contentKey, 'delivery');
  const cell = (index: number) => {
    const { start, end } = chunkAt(header, index);
    return container.slice(start, end);
  };
  const start = container.slice(0, 68);
  const changed = (at: number) => {
    const copy = container.slice();
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const crypto = { ...nodeCrypto, randomBytes: seeded('refused IVs') };
  const other = new Uint8Array(Buffer.from(model, 'hex'));
  other[500] = (other[500] ?? 0) ^ 1;
  const sealed = (as: ContainerHeader) =>
    collect(sealPlain(crypto, streamOf(other.slice()), { header: as, keys }).bytes);
  const context = chunkContext(sha256(crypto, start), 3, false);
  const notLast = concat(
    ...(await sealCell(crypto, keys.fileKey, context, bytesFor('not the last', 232))),
  );
  const row = (name: string, code: string, bytes: Uint8Array) => ({
    name,
    code,
    container: hex(bytes),
  });
  return [
    row('a bit of the second chunk', 'chunk-forged', changed(450)),
    row('a bit of an IV', 'chunk-forged', changed(85)),
    row('two chunks exchanged', 'chunk-forged', concat(start, cell(1), cell(0), cell(2), cell(3))),
    row('a chunk twice', 'chunk-forged', concat(start, cell(0), cell(0), cell(2), cell(3))),
    row('a last chunk that is not marked so', 'chunk-forged', concat(start, cell(0), cell(1), cell(2), notLast)),
    row('the last chunk missing', 'container-malformed', concat(start, cell(0), cell(1), cell(2))),
    row('bytes behind the end', 'container-malformed', concat(container, new Uint8Array([0]))),
    row('weights that are not encrypted', 'token-mismatch', await sealed({ ...header, imprinted: false })),
    row('layers elsewhere', 'token-mismatch', await sealed({ ...header, layers: header.layers.slice(0, 1) })),
    row('other bytes under the right keys', 'digest-mismatch', await sealed(header)),
  ];
}

/** Changes to the answer that holds the first grant, or to what was asked for. */
function grantsOf({ grants, licence, claims, now }: Vectors) {
  const { enc = '', ct = '' } = grants[0] ?? {};
  const { header, payload } = partsOf(licence);
  const relicensed = (members: Members) =>
    tokenOf(header, { ...payload, ...members }, DELEGATE.sign);
  const encoded = (bytes: string) => toBase64url(Buffer.from(bytes, 'hex'));
  const ends = claims.exp + claims.offlineGraceSeconds;
  const flipped = (text: string) => {
    const bytes = fromBase64url(encoded(text)) ?? new Uint8Array();
    bytes[9] = (bytes[9] ?? 0) ^ 1;
    return toBase64url(bytes);
  };
  const row = (name: string, code: string, change: Members) => ({ name, code, change });
  return [
    row('the answer names another grant', 'token-mismatch', { grantId: 'g_other' }),
    row('for another device', 'token-mismatch', { expectedDeviceId: 'd_other' }),
    row('another model was asked for', 'token-mismatch', { expectedModel: 'other' }),
    row('another version was asked for', 'token-mismatch', { expectedVersion: '1.3.0' }),
    row('another suite', 'token-mismatch', { suite: 'XWING-HKDF-SHA256-AES256GCM' }),
    row('a licence for other bytes', 'token-mismatch', {
      licence: relicensed({ sha256: toBase64url(bytesFor('other bytes', 32)) }),
    }),
    row('a licence for another manifest', 'token-mismatch', {
      licence: relicensed({ manifestDigest: toBase64url(bytesFor('other manifest', 32)) }),
    }),
    row('a licence for another version', 'token-mismatch', {
      licence: relicensed({ version: '1.3.0' }),
    }),
    row('before it begins', 'licence-not-yet-valid', { now: now - 1 }),
    row('when its grace has ended', 'licence-expired', { now: ends }),
    row('another licence than the key was sealed for', 'key-refused', {
      licence: relicensed({ exp: claims.exp - 1 }),
    }),
    row('the licence of another user', 'key-refused', { licence: relicensed({ userId: 'u_other' }) }),
    row('a changed ct', 'key-refused', { ct: flipped(ct) }),
    row('an enc that is no point', 'key-refused', { enc: flipped(enc) }),
    row('an enc of another suite', 'key-refused', { enc: encoded('04'.repeat(1120)) }),
    row('a ct without a tag', 'key-refused', { ct: encoded('00'.repeat(8)) }),
    row('padding', 'key-refused', { ct: `${encoded(ct)}=` }),
  ];
}
