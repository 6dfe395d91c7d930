/** Every single-field change of a valid attestation or assertion, with the cause of its refusal. */
import { randomBytes } from 'node:crypto';
import type { AssertionInput } from '../../functions/attestation/app-attest/assertion.ts';
import type { AttestationInput } from '../../functions/attestation/app-attest/attestation.ts';
import { cborBytes, cborMap, decodeCbor } from '../../functions/attestation/cbor.ts';
import { DerReader, TAG } from '../../functions/attestation/der.ts';
import type { AttestationErrorCode } from '../../functions/attestation/errors.ts';
import { type CborInput, encodeCbor } from '../virtual-phones/cbor.ts';

export interface Mutation<T> {
  readonly name: string;
  readonly cause: AttestationErrorCode;
  readonly input: T;
}

/** The bytes with the bits of `mask` flipped at `at`, from the end where negative. */
function flip(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = new Uint8Array(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ mask;
  return copy;
}

const longer = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.of(0)]);

type Fields = readonly (readonly [name: string, at: number, mask?: number])[];

/** Where the last byte of each field of a certificate lies. */
function certificateFields(raw: Uint8Array): Readonly<Record<string, number>> {
  const last = (bytes: Uint8Array): number => bytes.byteOffset - raw.byteOffset + bytes.length - 1;
  const certificate = new DerReader(raw).sequence();
  const tbs = certificate.sequence();
  const version = tbs.next().content;
  const serialNumber = tbs.next().content;
  const algorithm = tbs.sequence().next().content;
  const issuer = tbs.next().content;
  const validity = tbs.sequence();
  const notBefore = validity.next().content;
  const notAfter = validity.next().content;
  const subject = tbs.next().content;
  const publicKey = tbs.next().content;
  const extensions = tbs.next().content;
  return {
    version: last(version),
    'serial number': last(serialNumber),
    'signed algorithm': last(algorithm),
    'outer algorithm': last(certificate.sequence().next().content),
    issuer: last(issuer),
    // The last digit but the Z of the time.
    'start of validity': last(notBefore) - 1,
    'end of validity': last(notAfter) - 1,
    subject: last(subject),
    'public key': last(publicKey),
    extensions: last(extensions),
    signature: last(certificate.expect(TAG.bitString).content),
  };
}

const MALFORMED = new Set(['version', 'signed algorithm', 'outer algorithm']);

export function attestationMutations(input: AttestationInput): Mutation<AttestationInput>[] {
  const object = cborMap(decodeCbor(input.attestationObject), 'object') as Map<string, CborInput>;
  const statement = object.get('attStmt') as ReadonlyMap<string, CborInput>;
  const [leaf, intermediate] = statement.get('x5c') as [Uint8Array, Uint8Array];
  const authData = object.get('authData') as Uint8Array;
  const receipt = statement.get('receipt') as Uint8Array;
  const mutations: Mutation<AttestationInput>[] = [];

  const changed = (name: string, cause: AttestationErrorCode, change: Partial<AttestationInput>) =>
    mutations.push({ name, cause, input: { ...input, ...change } });
  const inObject = (name: string, cause: AttestationErrorCode, key: string, value?: CborInput) => {
    const entries = [...object].filter(([other]) => other !== key || value !== undefined);
    const copy = new Map(entries.map(([other, old]) => [other, other === key ? value : old]));
    const attestationObject = encodeCbor(copy as Map<string, CborInput>);
    changed(name, cause, { attestationObject });
  };
  const inStatement = (
    name: string,
    cause: AttestationErrorCode,
    key: string,
    value?: CborInput,
  ) => {
    const copy = new Map(statement);
    if (value === undefined) copy.delete(key);
    else copy.set(key, value);
    inObject(name, cause, 'attStmt', copy);
  };
  const x5c = (name: string, cause: AttestationErrorCode, ...chain: readonly Uint8Array[]) =>
    inStatement(name, cause, 'x5c', chain);

  // The object and its members
  inObject('format: other', 'format-unknown', 'fmt', 'packed');
  inObject('format: number', 'format-unknown', 'fmt', 1);
  inObject('format: missing', 'format-unknown', 'fmt');
  for (const key of ['attStmt', 'authData']) {
    inObject(`${key}: missing`, 'malformed', key);
    inObject(`${key}: text`, 'malformed', key, 'text');
  }
  for (const key of ['x5c', 'receipt']) {
    inStatement(`${key}: missing`, 'malformed', key);
    inStatement(`${key}: text`, 'malformed', key, 'text');
  }
  changed('object: longer', 'malformed', { attestationObject: longer(input.attestationObject) });
  const cut = input.attestationObject.slice(0, -1);
  changed('object: shorter', 'malformed', { attestationObject: cut });

  // The chain
  x5c('chain: empty', 'chain-length');
  x5c('chain: leaf alone', 'chain-untrusted', leaf);
  x5c('chain: intermediate alone', 'certificate-key-usage', intermediate);
  x5c('chain: reversed', 'chain-untrusted', intermediate, leaf);
  x5c('chain: leaf twice', 'certificate-path-length', leaf, leaf, intermediate);
  x5c('chain: too long', 'chain-length', ...Array<Uint8Array>(10).fill(leaf), intermediate);
  for (const [field, at] of Object.entries(certificateFields(leaf))) {
    const other = field === 'issuer' ? 'certificate-names' : 'certificate-signature-invalid';
    const cause = MALFORMED.has(field) ? 'certificate-malformed' : other;
    x5c(`leaf: ${field}`, cause, flip(leaf, at), intermediate);
  }
  for (const [field, at] of Object.entries(certificateFields(intermediate))) {
    const cause = MALFORMED.has(field) ? 'certificate-malformed' : 'chain-untrusted';
    x5c(`intermediate: ${field}`, cause, leaf, flip(intermediate, at));
  }
  x5c('leaf: longer', 'certificate-malformed', longer(leaf), intermediate);
  x5c('leaf: shorter', 'certificate-malformed', leaf.slice(0, -1), intermediate);
  x5c('leaf: empty', 'certificate-malformed', new Uint8Array(), intermediate);
  x5c('intermediate: longer', 'certificate-malformed', leaf, longer(intermediate));
  x5c('intermediate: shorter', 'certificate-malformed', leaf, intermediate.slice(0, -1));

  // The authenticator data: all of it is under the nonce, which its certificate holds
  const fields: Fields = [
    ['RP ID hash, first byte', 0],
    ['RP ID hash, last byte', 31],
    ...[0, 1, 2, 3, 4, 5].map((bit) => [`flags, bit ${bit}`, 32, 1 << bit] as const),
    ...[33, 34, 35, 36].map((at) => [`counter, byte ${at - 33}`, at] as const),
    ['AAGUID, first byte', 37],
    ['AAGUID, last byte', 52],
    ['credential id, first byte', 55],
    ['credential id, last byte', 86],
    ['key type', 89],
    ['key algorithm', 91],
    ['curve', 93],
    ['x, first byte', 97],
    ['x, last byte', 128],
    ['y, first byte', 132],
    ['y, last byte', 163],
  ];
  for (const [field, at, mask] of fields) {
    inObject(`authData: ${field}`, 'nonce-mismatch', 'authData', flip(authData, at, mask));
  }
  const structures: Fields = [
    ['flags, no credential', 32, 0x40],
    ['credential id length, high byte', 53, 0xff],
    ['credential id length, low byte', 54],
    ['key, map of other size', 87],
    ['key, length of x', 96],
  ];
  for (const [field, at, mask] of structures) {
    inObject(`authData: ${field}`, 'malformed', 'authData', flip(authData, at, mask));
  }
  inObject('authData: longer', 'malformed', 'authData', longer(authData));
  inObject('authData: shorter', 'malformed', 'authData', authData.slice(0, -1));
  inObject('authData: empty', 'malformed', 'authData', new Uint8Array());

  // The receipt, where it is verified
  if (input.receiptTrustAnchors) {
    const appId = Buffer.from(receipt).indexOf(input.apps[0]?.bundleId ?? '');
    const type = Buffer.from(receipt).indexOf('ATTEST');
    const signature = receipt.length - receipt.toReversed().findIndex((byte) => byte !== 0) - 1;
    const receiptFields: Fields = [
      ['app', appId],
      ['type', type],
      ['signature', signature],
    ];
    for (const [field, at] of receiptFields) {
      const value = flip(receipt, at);
      inStatement(`receipt: ${field}`, 'receipt-signature-invalid', 'receipt', value);
    }
    inStatement('receipt: longer', 'receipt-malformed', 'receipt', longer(receipt));
    inStatement('receipt: shorter', 'receipt-malformed', 'receipt', receipt.slice(0, -1));
    inStatement('receipt: empty', 'receipt-malformed', 'receipt', new Uint8Array());
    changed('receipt root: none', 'chain-untrusted', { receiptTrustAnchors: [] });
  }

  // What the caller knows
  const { clientDataHash, keyId } = input;
  changed('client data, first bit', 'nonce-mismatch', { clientDataHash: flip(clientDataHash, 0) });
  changed('client data, last bit', 'nonce-mismatch', { clientDataHash: flip(clientDataHash, -1) });
  changed('client data: none', 'nonce-mismatch', { clientDataHash: new Uint8Array() });
  changed('key id, first bit', 'key-id-mismatch', { keyId: flip(keyId, 0) });
  changed('key id, last bit', 'key-id-mismatch', { keyId: flip(keyId, -1) });
  changed('key id: shorter', 'key-id-mismatch', { keyId: keyId.slice(0, -1) });
  const [app = { teamId: '', bundleId: '' }] = input.apps;
  const others = { bundleId: `${app.bundleId}x`, teamId: 'XXXXXXXXXX' };
  changed('bundle id', 'rp-id-mismatch', { apps: [{ ...app, bundleId: others.bundleId }] });
  changed('team id', 'rp-id-mismatch', { apps: [{ ...app, teamId: others.teamId }] });
  changed('environments: none', 'environment-not-allowed', { environments: [] });
  changed('root: none', 'chain-untrusted', { trustAnchors: [] });
  changed('clock: 1980', 'certificate-not-yet-valid', { now: new Date('1980-01-01') });
  changed('clock: 2099', 'certificate-expired', { now: new Date('2099-01-01') });
  return mutations;
}

export function assertionMutations(input: AssertionInput): Mutation<AssertionInput>[] {
  const object = cborMap(decodeCbor(input.assertion), 'assertion') as Map<string, CborInput>;
  const signature = cborBytes(object.get('signature') as Uint8Array, 'signature');
  const data = cborBytes(object.get('authenticatorData') as Uint8Array, 'data');
  const mutations: Mutation<AssertionInput>[] = [];

  const changed = (name: string, cause: AttestationErrorCode, change: Partial<AssertionInput>) =>
    mutations.push({ name, cause, input: { ...input, ...change } });
  const inObject = (name: string, cause: AttestationErrorCode, key: string, value?: CborInput) => {
    const copy = new Map(object);
    if (value === undefined) copy.delete(key);
    else copy.set(key, value);
    changed(name, cause, { assertion: encodeCbor(copy) });
  };

  for (const key of ['signature', 'authenticatorData']) {
    inObject(`${key}: missing`, 'malformed', key);
    inObject(`${key}: text`, 'malformed', key, 'text');
  }
  changed('assertion: longer', 'malformed', { assertion: longer(input.assertion) });
  changed('assertion: shorter', 'malformed', { assertion: input.assertion.slice(0, -1) });
  for (const [name, value] of [
    ['first byte', flip(signature, 0)],
    ['first number', flip(signature, 8)],
    ['last byte', flip(signature, -1)],
    ['longer', longer(signature)],
    ['shorter', signature.slice(0, -1)],
    ['empty', new Uint8Array()],
    ['noise', randomBytes(70)],
  ] as const) {
    inObject(`signature: ${name}`, 'signature-invalid', 'signature', value);
  }
  const fields: Fields = [
    ['RP ID hash, first byte', 0],
    ['RP ID hash, last byte', 31],
    ...[0, 1, 2, 3, 4, 5, 6].map((bit) => [`flags, bit ${bit}`, 32, 1 << bit] as const),
    ...[33, 34, 35, 36].map((at) => [`counter, byte ${at - 33}`, at] as const),
  ];
  for (const [field, at, mask] of fields) {
    inObject(`data: ${field}`, 'signature-invalid', 'authenticatorData', flip(data, at, mask));
  }
  inObject('data: extensions announced', 'malformed', 'authenticatorData', flip(data, 32, 0x80));
  inObject('data: longer', 'malformed', 'authenticatorData', longer(data));
  inObject('data: shorter', 'malformed', 'authenticatorData', data.slice(0, -1));

  const { clientDataHash, publicKey } = input;
  const other = flip(clientDataHash, 0);
  changed('client data', 'signature-invalid', { clientDataHash: other });
  changed('key: off the curve', 'public-key-unsupported', { publicKey: flip(publicKey, -1) });
  changed('key: shorter', 'public-key-unsupported', { publicKey: publicKey.slice(0, -1) });
  changed('app', 'rp-id-mismatch', { appId: `${input.appId}x` });
  changed('counter: seen', 'counter-replayed', { previousSignCount: 1 });
  changed('counter: passed', 'counter-replayed', { previousSignCount: 0xffffffff });
  return mutations;
}
