/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** What a stolen server or a man in the middle can do to a grant: sealed key, licence and manifest. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type * as manifests from '../../functions/protocol/manifest.ts';
import type * as crypto from '../../functions/protocol/node-crypto.ts';
import { type Attack, edit, outcomeOf } from './attack.ts';
import { delivery, MODEL, opened } from './delivery.ts';
import { SUITE } from './requests.ts';

const ACCEPT = 'sdk/typescript/opening/accept-grant.ts';
const JWS = 'functions/protocol/jws.ts';
const UNSIGNED = edit(
  JWS,
  'if (!(await crypto.verifyEs256(key, signingInput, signature))) {',
  'if (false) {',
);
/** The content key is in the clear. */
const UNSEALED_KEY = [
  edit(
    'functions/protocol/hpke-sender.ts',
    'return { enc, ct: concat(...parts) };',
    'return { enc, ct: contentKey.slice() };',
  ),
  edit(
    'functions/protocol/hpke.ts',
    'return await suite.Open(pair, enc, ct, { info, aad });',
    'return ct;',
  ),
];
const UNCERTIFIED = edit(
  'functions/protocol/licence.ts',
  "if (!isCertified) throw new SealError('signer-untrusted', 'outside what the delegate may sign');",
);
/** Nothing ties a manifest to its licence and key: a changed one is judged by its signature alone. */
const UNBOUND_MANIFEST = [
  edit(
    ACCEPT,
    "if (!isOfManifest) throw new SealError('token-mismatch', 'the licence is for another manifest');",
  ),
  edit(
    ACCEPT,
    'manifestDigest: tokenDigest(crypto, grant.manifest),',
    'manifestDigest: fromBase64url(licence.manifestDigest) as Uint8Array,',
  ),
];

const swap = (token: string, part: number, change: (json: Record<string, unknown>) => unknown) =>
  token
    .split('.')
    .map((text, i) => {
      if (i !== part) return text;
      const json = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
      return Buffer.from(JSON.stringify(change(json))).toString('base64url');
    })
    .join('.');

export const deliveredGrants: readonly Attack[] = [
  {
    name: 'seal/other-recipient',
    tries: 'a delivery to somebody else’s key, recorded on its way',
    refused: 'key-refused',
    defence: 'HPKE to a key that was made for this one request',
    off: { edits: UNSEALED_KEY },
    async run(lab) {
      const between = await delivery(lab);
      const recorded = await between.cloud.grant(between.published, between.recipientKey);
      return outcomeOf(between.open(recorded, await between.generateRecipientKey(SUITE)));
    },
  },
  {
    name: 'seal/other-grants-licence',
    tries: 'a sealed key together with the longer licence of another grant',
    refused: 'key-refused',
    defence: 'info and aad bind the content key to grant and licence',
    off: {
      edits: [
        edit(
          'functions/protocol/grant-binding.ts',
          'export function grantInfo(binding: GrantBinding): Uint8Array {',
          'export function grantInfo(binding: GrantBinding): Uint8Array { if (binding) return new Uint8Array(1);',
        ),
        edit(
          ACCEPT,
          'const aad = tokenDigest(crypto, grant.licence);',
          'const aad = new Uint8Array(0);',
        ),
        edit('test/support/test-cloud.ts', 'tokenDigest(crypto, token));', 'new Uint8Array(0));'),
      ],
    },
    run: opened(async (genuine, { cloud, published, recipientKey, now }) => {
      const exp = Math.floor(now.getTime() / 1000) + 20 * 86_400;
      const other = await cloud.grant(published, recipientKey, { licence: { exp } });
      return { ...genuine, grant: { ...genuine.grant, licence: other.grant.licence } };
    }),
  },
  {
    name: 'seal/other-device',
    tries: 'a grant for another device of the same user',
    refused: 'token-mismatch',
    defence: 'the device takes licences that name it',
    off: { edits: [edit(ACCEPT, 'licence.deviceId === expected.deviceId &&')] },
    run: opened((_, { cloud, published, recipientKey }) =>
      cloud.grant(published, recipientKey, { licence: { deviceId: 'd_2' } }),
    ),
  },
  {
    name: 'seal/manifest-of-other-model',
    tries: 'another model, with its own genuine manifest, in place of the one asked for',
    refused: 'token-mismatch',
    defence: 'the device takes the model that it asked for',
    off: { edits: [edit(ACCEPT, 'manifest.model === expected.model &&')] },
    run: opened(async (_, { cloud, recipientKey }) => {
      const other = await cloud.publish(MODEL, { manifest: { model: 'other' } });
      return cloud.grant(other, recipientKey, { licence: { model: 'other' } });
    }),
  },
  {
    name: 'seal/manifest-swapped',
    tries: 'a licence for one manifest together with another’s',
    refused: 'token-mismatch',
    defence: 'a licence names its manifest by digest',
    off: { edits: UNBOUND_MANIFEST },
    run: opened(async (genuine, { cloud }) => {
      const other = await cloud.publish(MODEL, { manifest: { publishedAt: 1 } });
      return { ...genuine, grant: { ...genuine.grant, manifest: other.manifest } };
    }),
  },
  {
    name: 'seal/poisoned-by-server',
    tries: 'a stolen server that licenses other bytes under a genuine manifest',
    refused: 'token-mismatch',
    defence: 'bytes have the digest that the publisher signed',
    off: {
      edits: [
        edit(
          ACCEPT,
          "if (manifest.policy.tracing === 'off' && licence.sha256 !== manifest.sha256) {",
          'if (false) {',
        ),
      ],
    },
    run: opened(async (_, { cloud, published, recipientKey }) => {
      const poison = await cloud.publish(MODEL.map((byte) => byte ^ 1));
      const stolen = { ...poison, manifest: published.manifest };
      return cloud.grant(stolen, recipientKey);
    }),
  },
  {
    name: 'seal/manifest-signed-by-server',
    tries: 'a manifest signed with the licence key, which a stolen server has',
    refused: 'signer-untrusted',
    defence: 'each key signs for one purpose',
    off: { edits: [edit(JWS, 'if (!key?.kid.startsWith(`${purpose}.`))', 'if (!key)')] },
    async run(lab) {
      const { nodeCrypto } = await lab.load<typeof crypto>('functions/protocol/node-crypto.ts');
      const { signManifest, verifyManifest } = await lab.load<typeof manifests>(
        'functions/protocol/manifest.ts',
      );
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = publicKey.export({ format: 'jwk' }) as never;
      const manifest = {
        model: 'pose',
        version: '1',
        format: 'opaque',
        sizeBytes: 1,
        sha256: 'A'.repeat(43),
        layers: [],
        publishedAt: 1,
        policy: { licenceSeconds: 60, offlineGraceSeconds: 0 },
      };
      const token = await signManifest(
        manifest,
        'licence.1',
        (message) =>
          new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
      );
      return outcomeOf(verifyManifest(nodeCrypto, token, [{ kid: 'licence.1', jwk }]));
    },
  },
  {
    name: 'seal/manifest-alg-none',
    tries: 'a manifest that says alg none',
    refused: 'token-malformed',
    defence: 'tokens are ES256 and nothing else',
    off: { edits: [edit(JWS, "given['alg'] !== 'ES256' ||"), UNSIGNED, ...UNBOUND_MANIFEST] },
    run: opened((genuine) => {
      const manifest = swap(genuine.grant.manifest, 0, (header) => ({ ...header, alg: 'none' }));
      return { ...genuine, grant: { ...genuine.grant, manifest } };
    }),
  },
  {
    name: 'seal/licence-changed',
    tries: 'a licence whose end was moved ten years on',
    refused: 'signature-invalid',
    defence: 'a licence is signed by a certified delegate',
    off: { edits: [UNSIGNED, UNCERTIFIED, ...UNSEALED_KEY] },
    run: opened((genuine) => {
      const licence = swap(genuine.grant.licence, 1, (claims) => ({
        ...claims,
        exp: Number(claims['exp']) + 3e8,
      }));
      return { ...genuine, grant: { ...genuine.grant, licence } };
    }),
  },
  {
    name: 'seal/licence-beyond-delegate',
    tries: 'a stolen delegate that signs a licence for ten years',
    refused: 'signer-untrusted',
    defence: 'no licence outlives what its delegate was certified for',
    off: { edits: [UNCERTIFIED] },
    run: opened((_, { cloud, published, recipientKey, now }) =>
      cloud.grant(published, recipientKey, {
        licence: { exp: Math.floor(now.getTime() / 1000) + 3e8 },
      }),
    ),
  },
];
