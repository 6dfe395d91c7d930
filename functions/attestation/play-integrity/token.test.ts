import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type IntegrityOverrides,
  VirtualPlayIntegrity,
} from '../../../test/virtual-phones/play-integrity.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import { type DecodeClientOptions, decodeIntegrityToken } from './decode-client.ts';
import { parseIntegrityPayload } from './payload.ts';
import { writeDeviceRecall } from './recall-client.ts';
import { importIntegrityKeys, openIntegrityToken } from './token.ts';
import { checkIntegrityBinding, type IntegrityInput } from './verify.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const clientDataHash = randomBytes(32);
const packageName = 'com.example.models';
const play = new VirtualPlayIntegrity({
  packageName,
  versionCode: 42,
  signingCertificateDigest: randomBytes(32),
  now: () => NOW,
});
const keys = importIntegrityKeys(play.decryptionKey, play.verificationKey);

const bound = (overrides: IntegrityOverrides = {}, kind?: 'classic'): IntegrityInput => ({
  payload: parseIntegrityPayload(
    play.payload(clientDataHash, { overrides, ...(kind && { kind }) }),
  ),
  clientDataHash,
  packageName,
  now: NOW,
  maxAgeSeconds: 300,
  allowTestingResponses: false,
});

describe('an integrity token', () => {
  it('opens under the keys of the app, standard or classic', async () => {
    for (const kind of ['standard', 'classic'] as const) {
      const payload = await openIntegrityToken(
        await play.requestToken(clientDataHash, { kind }),
        keys,
      );
      expect(() => checkIntegrityBinding({ ...bound(), payload })).not.toThrow();
      expect(payload.appIntegrity.versionCode).toBe(42);
    }
  });

  it('is refused under other keys and with another signature algorithm', async () => {
    const token = await play.requestToken(clientDataHash);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const unsigned = openIntegrityToken(token, importIntegrityKeys(play.decryptionKey, spki));
    await expect(unsigned).rejects.toMatchObject({ code: 'integrity-token-signature-invalid' });
    const secret = randomBytes(32).toString('base64');
    const locked = openIntegrityToken(token, importIntegrityKeys(secret, play.verificationKey));
    await expect(locked).rejects.toMatchObject({ code: 'integrity-token-malformed' });
    const symmetric = await play.requestToken(clientDataHash, { signatureAlgorithm: 'HS256' });
    const confused = openIntegrityToken(symmetric, keys);
    await expect(confused).rejects.toMatchObject({ code: 'integrity-token-signature-invalid' });
    const large = openIntegrityToken('x'.repeat(40_000), keys);
    await expect(large).rejects.toMatchObject({ code: 'integrity-token-malformed' });
  });

  it('is refused with any character changed, and throws nothing but its own error', async () => {
    const token = await play.requestToken(clientDataHash);
    const flipped = fc
      .tuple(fc.nat(token.length - 1), fc.constantFrom('A', 'b', '0', '.', '-', '{', '\u0000'))
      .filter(([at, character]) => token[at] !== character)
      .map(([at, character]) => token.slice(0, at) + character + token.slice(at + 1));
    const any = fc.oneof(
      flipped,
      fc.string(),
      fc.nat(token.length - 1).map((n) => token.slice(0, n)),
    );
    await fc.assert(
      fc.asyncProperty(any, async (changed) => {
        const opened = openIntegrityToken(changed, keys);
        await expect(opened).rejects.toBeInstanceOf(AttestationError);
      }),
      { numRuns: 300 },
    );
  });

  it('has keys of the right kinds', () => {
    expect(() => importIntegrityKeys('AAAA', play.verificationKey)).toThrow(TypeError);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    expect(() => importIntegrityKeys(play.decryptionKey, spki)).toThrow(TypeError);
  });
});

describe('a verdict', () => {
  it('is bound to its request, by bytes and not by their spelling', () => {
    expect(() => checkIntegrityBinding(bound())).not.toThrow();
    expect(() => checkIntegrityBinding(bound({}, 'classic'))).not.toThrow();
    // Some answers to classic requests have an empty request hash beside the nonce.
    const empty = bound({ requestDetails: { requestHash: '' } }, 'classic');
    expect(() => checkIntegrityBinding(empty)).not.toThrow();
    const requestHash = clientDataHash.toString('base64');
    expect(() => checkIntegrityBinding(bound({ requestDetails: { requestHash } }))).not.toThrow();
  });

  const other = randomBytes(32).toString('base64url');
  const at = (seconds: number) => String(NOW.getTime() + seconds * 1000);
  const refusals: readonly (readonly [string, AttestationErrorCode, IntegrityOverrides])[] = [
    ['another hash', 'integrity-hash-mismatch', { requestDetails: { requestHash: other } }],
    ['no hash', 'integrity-hash-mismatch', { requestDetails: { requestHash: undefined } }],
    ['an empty hash', 'integrity-hash-mismatch', { requestDetails: { requestHash: '' } }],
    [
      'another package',
      'integrity-package-mismatch',
      { requestDetails: { requestPackageName: 'com.example.other' } },
    ],
    [
      'another app on the device',
      'integrity-package-mismatch',
      { appIntegrity: { packageName: 'com.example.other' } },
    ],
    ['an age of six minutes', 'integrity-stale', { requestDetails: { timestampMillis: at(-301) } }],
    ['a date of tomorrow', 'integrity-stale', { requestDetails: { timestampMillis: at(61) } }],
    [
      'an answer for testers',
      'integrity-testing-response',
      { testingDetails: { isTestingResponse: true } },
    ],
  ];
  it.each(refusals)('is refused with %s: %s', (_name, code, overrides) => {
    expect(() => checkIntegrityBinding(bound(overrides))).toThrow(
      expect.objectContaining({ name: 'AttestationError', code }),
    );
  });

  it('for testers is accepted only where that is allowed', () => {
    const input = bound({ testingDetails: { isTestingResponse: true } });
    expect(() => checkIntegrityBinding({ ...input, allowTestingResponses: true })).not.toThrow();
  });

  it.each([
    ['requestDetails', undefined],
    ['requestDetails', { timestampMillis: 'soon' }],
    ['requestDetails', { timestampMillis: undefined }],
    ['appIntegrity', { appRecognitionVerdict: 7 }],
    ['accountDetails', { appLicensingVerdict: 7 }],
    ['deviceIntegrity', { deviceRecognitionVerdict: 'ALL' }],
  ])('is refused where %s is missing or wrong: %o', (section, value) => {
    const json = play.payload(clientDataHash, { overrides: { [section]: value } });
    expect(() => parseIntegrityPayload(json)).toThrow(
      expect.objectContaining({ code: 'integrity-payload-malformed' }),
    );
  });

  it.each(['appIntegrity', 'deviceIntegrity', 'accountDetails', 'environmentDetails'])(
    'without %s says that nothing of it was evaluated, and is bound all the same',
    (section) => {
      const json = play.payload(clientDataHash, { overrides: { [section]: undefined } });
      const payload = parseIntegrityPayload(json);
      expect(() => checkIntegrityBinding({ ...bound(), payload })).not.toThrow();
      expect(payload.appIntegrity.appRecognitionVerdict).toBe(
        section === 'appIntegrity' ? 'UNEVALUATED' : 'PLAY_RECOGNIZED',
      );
      expect(payload.accountDetails.appLicensingVerdict).toBe(
        section === 'accountDetails' ? 'UNEVALUATED' : 'LICENSED',
      );
    },
  );

  it('is read with labels and members nobody knows', () => {
    const overrides = {
      deviceIntegrity: { deviceRecognitionVerdict: ['MEETS_MARTIAN_INTEGRITY'], news: 1 },
      weather: { sunny: true },
    };
    const payload = parseIntegrityPayload(play.payload(clientDataHash, { overrides }));
    expect(payload.deviceIntegrity.deviceRecognitionVerdict).toEqual(['MEETS_MARTIAN_INTEGRITY']);
    expect(payload).not.toHaveProperty('weather');
  });
});

describe('the decoding by Google', () => {
  const google = (answer: (url: string, init: RequestInit) => Response): DecodeClientOptions => ({
    baseUrl: 'http://localhost:1',
    fetch: async (url, init) => answer(String(url), init ?? {}),
    accessToken: async () => 'access',
  });

  it('sends the token as the service account, and reads the payload', async () => {
    const seen: { url?: string; init?: RequestInit } = {};
    const options = google((url, init) => {
      Object.assign(seen, { url, init });
      return Response.json({ tokenPayloadExternal: play.payload(clientDataHash) });
    });
    const payload = await decodeIntegrityToken(options, packageName, 'token');
    expect(payload.requestDetails.requestPackageName).toBe(packageName);
    expect(seen.url).toBe('http://localhost:1/v1/com.example.models:decodeIntegrityToken');
    expect(seen.init?.headers).toMatchObject({ authorization: 'Bearer access' });
    expect(seen.init?.body).toBe('{"integrityToken":"token"}');
  });

  it.each([
    ['a refused token', 'integrity-token-malformed', () => new Response('', { status: 400 })],
    ['our own credentials refused', 'unauthorised', () => new Response('', { status: 403 })],
    ['the quota spent', 'throttled', () => new Response('', { status: 429 })],
    ['an outage', 'unavailable', () => new Response('', { status: 500 })],
    ['no JSON', 'unexpected-answer', () => new Response('<html>')],
    ['no payload', 'unexpected-answer', () => Response.json({})],
    [
      'a payload of another form',
      'integrity-payload-malformed',
      () => Response.json({ tokenPayloadExternal: {} }),
    ],
  ])('tells %s by its cause: %s', async (_name, code, answer) => {
    const decoded = decodeIntegrityToken(google(answer), packageName, 'token');
    await expect(decoded).rejects.toMatchObject({ code });
  });

  it('is asked to remember bits of the phone, by the token that came from it', async () => {
    const seen: { url?: string; init?: RequestInit } = {};
    const options = google((url, init) => {
      Object.assign(seen, { url, init });
      return Response.json({});
    });
    const bits = { bitFirst: true, bitSecond: false, bitThird: true };
    await writeDeviceRecall(options, packageName, 'token', bits);
    expect(seen.url).toBe('http://localhost:1/v1/com.example.models/deviceRecall:write');
    expect(JSON.parse(String(seen.init?.body))).toEqual({
      integrityToken: 'token',
      newValues: bits,
    });
    const refusing = (status: number) =>
      writeDeviceRecall(
        google(() => new Response('', { status })),
        packageName,
        'token',
        bits,
      );
    await expect(refusing(400)).rejects.toMatchObject({ code: 'integrity-token-malformed' });
    // The app is not admitted to device recall.
    await expect(refusing(403)).rejects.toMatchObject({ code: 'unauthorised' });
    await expect(refusing(503)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('takes no other path for a package name', async () => {
    const options = google(() => new Response());
    await expect(decodeIntegrityToken(options, '../x', 'token')).rejects.toThrow(TypeError);
  });
});
