/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: source texts, as they are written there. */
/** What a stolen server, a man in the middle or a thief of files can do to a delivery and to a stored copy. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type * as softwareKeys from '../../device/node/software-key.ts';
import type * as accepting from '../../device/opening/accept-grant.ts';
import type { ModelStorage } from '../../device/opening/model-storage.ts';
import type * as stores from '../../device/opening/model-store.ts';
import type * as opening from '../../device/opening/open-grant.ts';
import { concat } from '../../functions/sealing/bytes.ts';
import { announcedHeaderBytes, chunkAt, decodeHeader } from '../../functions/sealing/container.ts';
import type * as hpke from '../../functions/sealing/hpke.ts';
import type * as manifests from '../../functions/sealing/manifest.ts';
import type * as crypto from '../../functions/sealing/node-crypto.ts';
import type * as clouds from '../../test/test-cloud.ts';
import { withFlippedByte, withoutLastChunk, withSwappedChunks } from '../demo/tampering.ts';
import { type Attack, edit, outcomeOf } from './attack.ts';
import type { Lab } from './lab.ts';
import { SUITE } from './requests.ts';

const ACCEPT = 'device/opening/accept-grant.ts';
const VERIFIED = 'device/opening/verified-model.ts';
const STORE = 'device/opening/model-store.ts';
const LICENCE = 'functions/sealing/licence.ts';
const JWS = 'functions/sealing/jws.ts';
const ANY_DIGEST = edit(
  VERIFIED,
  'if (!equalBytes(digest.digest(), fromBase64url(sha256) ?? new Uint8Array())) {',
  'if (false) {',
);
const ANY_LAYOUT = edit(
  VERIFIED,
  "if (!same) throw new SealError('token-mismatch', 'the container is not laid out as the manifest');",
);
const ANY_PLACE = edit(
  'functions/sealing/container.ts',
  'return concat(headerHash, u32be(index), new Uint8Array([last ? 1 : 0]));',
  'return new Uint8Array(1);',
);
const UNAUTHENTICATED = edit(
  'functions/sealing/openssl-crypto.ts',
  'plaintext.fill(0);\n        return null;',
  '',
);
const UNSIGNED = edit(
  JWS,
  'if (!(await crypto.verifyEs256(key, signingInput, signature))) {',
  'if (false) {',
);

const MODEL = new Uint8Array(Buffer.alloc(200_000, 'weights '));
const HOUR_MS = 3_600_000;

/** A cloud and a device in this world, with one model between them. */
async function delivery(lab: Lab) {
  const { nodeCrypto } = await lab.load<typeof crypto>('functions/sealing/node-crypto.ts');
  const { createTestCloud, inPieces, TEST_NOW } =
    await lab.load<typeof clouds>('test/test-cloud.ts');
  const { acceptGrant } = await lab.load<typeof accepting>(ACCEPT);
  const { openGrant } = await lab.load<typeof opening>('device/opening/open-grant.ts');
  const { generateRecipientKey } = await lab.load<typeof hpke>('functions/sealing/hpke.ts');
  const cloud = createTestCloud();
  const recipientKey = await generateRecipientKey(SUITE);
  const published = await cloud.publish(MODEL);
  type Delivered = Awaited<ReturnType<typeof cloud.grant>>;
  const accept = ({ grant }: Delivered, key = recipientKey, now = TEST_NOW) =>
    acceptGrant(nodeCrypto, {
      grant,
      expected: { deviceId: 'd_1', model: 'pose' },
      recipientKey: key,
      pinnedKeys: cloud.pinnedKeys,
      now,
    });
  const open = async (delivered: Delivered, key = recipientKey) =>
    openGrant(nodeCrypto, await accept(delivered, key), inPieces(delivered.sealed));
  return {
    cloud,
    recipientKey,
    published,
    accept,
    open,
    generateRecipientKey,
    nodeCrypto,
    inPieces,
    now: TEST_NOW,
  };
}

type Delivery = Awaited<ReturnType<typeof delivery>>;
type Delivered = Awaited<ReturnType<Delivery['cloud']['grant']>>;

const opened =
  (change: (genuine: Delivered, lab: Delivery) => Delivered | Promise<Delivered>) =>
  async (lab: Lab) => {
    const between = await delivery(lab);
    const genuine = await between.cloud.grant(between.published, between.recipientKey);
    return outcomeOf(between.open(await change(genuine, between)));
  };

const sealed =
  (change: (bytes: Uint8Array) => Uint8Array): Attack['run'] =>
  (lab) =>
    opened((genuine) => ({ ...genuine, sealed: change(genuine.sealed) }))(lab);

const swap = (token: string, part: number, change: (json: Record<string, unknown>) => unknown) =>
  token
    .split('.')
    .map((text, i) => {
      if (i !== part) return text;
      const json = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
      return Buffer.from(JSON.stringify(change(json))).toString('base64url');
    })
    .join('.');

const deliveries: readonly Attack[] = [
  {
    name: 'seal/other-recipient',
    tries: 'a delivery to somebody else’s key, recorded on its way',
    refused: 'key-refused',
    defence: 'HPKE to a key that was made for this one request',
    off: {
      edits: [
        edit('functions/sealing/hpke.ts', 'ct: sealed.ciphertext', 'ct: contentKey'),
        edit(
          'functions/sealing/hpke.ts',
          'return await suite.Open(pair, enc, ct, { info, aad });',
          'return ct;',
        ),
      ],
    },
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
          'functions/sealing/grant-binding.ts',
          'export function grantInfo(binding: GrantBinding): Uint8Array {',
          'export function grantInfo(binding: GrantBinding): Uint8Array { if (binding) return new Uint8Array(1);',
        ),
        edit(
          ACCEPT,
          'const aad = tokenDigest(crypto, grant.licence);',
          'const aad = new Uint8Array(0);',
        ),
        edit('test/test-cloud.ts', 'aad: tokenDigest(crypto, token),', 'aad: new Uint8Array(0),'),
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
    off: {
      edits: [
        edit(
          ACCEPT,
          "if (!isOfManifest) throw new SealError('token-mismatch', 'the licence is for another manifest');",
        ),
        edit(
          ACCEPT,
          'manifestDigest: tokenDigest(crypto, grant.manifest),',
          'manifestDigest: fromBase64url(licence.manifestDigest) as Uint8Array,',
        ),
      ],
    },
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
      const { nodeCrypto } = await lab.load<typeof crypto>('functions/sealing/node-crypto.ts');
      const { signManifest, verifyManifest } = await lab.load<typeof manifests>(
        'functions/sealing/manifest.ts',
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
    off: { edits: [edit(JWS, "given['alg'] !== 'ES256' ||"), UNSIGNED, ...unboundManifest()] },
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
    off: {
      edits: [
        UNSIGNED,
        edit(
          LICENCE,
          "if (!certified) throw new SealError('signer-untrusted', 'outside what the delegate may sign');",
        ),
        edit('functions/sealing/hpke.ts', 'ct: sealed.ciphertext', 'ct: contentKey'),
        edit(
          'functions/sealing/hpke.ts',
          'return await suite.Open(pair, enc, ct, { info, aad });',
          'return ct;',
        ),
      ],
    },
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
    off: {
      edits: [
        edit(
          LICENCE,
          "if (!certified) throw new SealError('signer-untrusted', 'outside what the delegate may sign');",
        ),
      ],
    },
    run: opened((_, { cloud, published, recipientKey, now }) =>
      cloud.grant(published, recipientKey, {
        licence: { exp: Math.floor(now.getTime() / 1000) + 3e8 },
      }),
    ),
  },
  {
    name: 'seal/flipped-byte',
    tries: 'one bit of the ciphertext flipped',
    refused: 'chunk-forged',
    defence: 'each chunk is authenticated',
    off: { edits: [UNAUTHENTICATED, ANY_DIGEST] },
    run: sealed(withFlippedByte),
  },
  {
    name: 'seal/swapped-chunks',
    tries: 'two chunks in each other’s place',
    refused: 'chunk-forged',
    defence: 'a chunk opens at its place only',
    off: { edits: [ANY_PLACE, ANY_DIGEST] },
    run: sealed(withSwappedChunks),
  },
  {
    name: 'seal/truncated',
    tries: 'a delivery without its last chunk and with a header that says so',
    refused: 'token-mismatch',
    defence: 'the layout is the manifest’s; the last chunk is marked, the header covered',
    off: { edits: [ANY_LAYOUT, ANY_PLACE, ANY_DIGEST] },
    run: sealed((bytes) => {
      const header = decodeHeader(bytes.subarray(0, announcedHeaderBytes(bytes)));
      const cut = Uint8Array.from(withoutLastChunk(bytes));
      const { offset } = chunkAt(header, Math.ceil(header.plainBytes / header.chunkBytes) - 1);
      const view = new DataView(cut.buffer);
      view.setBigUint64(16, BigInt(offset));
      // And its only layer ends there.
      view.setBigUint64(40, BigInt(offset));
      return cut;
    }),
  },
  {
    name: 'seal/spliced',
    tries: 'the first chunk of another grant’s delivery',
    refused: 'chunk-forged',
    defence: 'each grant has a content key of its own',
    off: {
      edits: [
        edit(
          'test/test-cloud.ts',
          'const contentKey = crypto.randomBytes(32);',
          'const contentKey = new Uint8Array(32).fill(7);',
        ),
        ANY_DIGEST,
      ],
    },
    run: opened(async (genuine, { cloud, recipientKey }) => {
      const other = await cloud.publish(MODEL.map((byte) => byte ^ 1));
      const { sealed: foreign } = await cloud.grant(other, recipientKey);
      const header = decodeHeader(foreign.subarray(0, announcedHeaderBytes(foreign)));
      const { end } = chunkAt(header, 0);
      return { ...genuine, sealed: concat(foreign.subarray(0, end), genuine.sealed.subarray(end)) };
    }),
  },
];

/** What ties a manifest to its licence and key, so that a changed one is judged by its signature alone. */
function unboundManifest() {
  return [
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
}

/** Files of a phone in memory, which a thief can copy. */
function memoryFiles(): ModelStorage & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    async write(name, source) {
      const parts: Uint8Array[] = [];
      for await (const part of source) parts.push(Uint8Array.from(part));
      files.set(name, concat(...parts));
    },
    read: async (name, offset, length) => files.get(name)?.slice(offset, offset + length) ?? null,
    sizeBytes: async (name) => files.get(name)?.byteLength ?? null,
    list: async () => [...files.keys()],
    delete: async (name) => void files.delete(name),
  };
}

/** A phone on which the model was installed. */
async function installed(lab: Lab) {
  const between = await delivery(lab);
  const { nodeCrypto, cloud, published, recipientKey, accept, inPieces, now } = between;
  const { ModelStore } = await lab.load<typeof stores>(STORE);
  const { softwareKey } = await lab.load<typeof softwareKeys>('device/node/software-key.ts');
  const storage = memoryFiles();
  const storeUnder = (hardware: number) =>
    new ModelStore({
      crypto: nodeCrypto,
      storage,
      hardwareKey: softwareKey(nodeCrypto, new Uint8Array(32).fill(hardware)),
      pinnedKeys: cloud.pinnedKeys,
    });
  const store = storeUnder(1);
  const delivered = await cloud.grant(published, recipientKey);
  await store.install(await accept(delivered), inPieces(delivered.sealed), now);
  const later = (ms: number) => new Date(now.getTime() + ms);
  return { ...between, store, storage, storeUnder, later };
}

const stored: readonly Attack[] = [
  {
    name: 'store/copied-to-other-phone',
    tries: 'all files of the app, copied to another phone',
    refused: 'storage-corrupt',
    defence: 'the storage key is wrapped by a key of this phone’s hardware',
    off: {
      edits: [
        edit(
          'device/node/software-key.ts',
          'const secret = await crypto.gcmOpen(key, iv, NO_AAD, ciphertext, tag);',
          'const secret = await crypto.gcmOpen(new Uint8Array(32), iv, NO_AAD, ciphertext, tag);',
        ),
        edit(
          'device/node/software-key.ts',
          'await crypto.gcmSeal(key, iv, NO_AAD, secret)',
          'await crypto.gcmSeal(new Uint8Array(32), iv, NO_AAD, secret)',
        ),
      ],
    },
    async run(lab) {
      const { storeUnder, later } = await installed(lab);
      return outcomeOf(storeUnder(2).open('g_1', later(60_000)));
    },
  },
  {
    name: 'store/record-of-other-model',
    tries: 'the record of one stored model under the name of another',
    refused: 'storage-corrupt',
    defence: 'a record is bound to its id',
    off: {
      edits: [
        edit(
          'device/opening/model-record.ts',
          'utf8(`modelseal/1 record ${id}`)',
          'utf8(`modelseal/1 record ${id.length}`)',
        ),
      ],
    },
    async run(lab) {
      const { store, storage, later } = await installed(lab);
      for (const kind of ['record', 'model']) {
        storage.files.set(`g_2.${kind}`, storage.files.get(`g_1.${kind}`) as Uint8Array);
      }
      return outcomeOf(store.open('g_2', later(60_000)));
    },
  },
  {
    name: 'store/clock-set-back',
    tries: 'the clock set back by an hour, so that a licence lasts longer',
    refused: 'clock-rolled-back',
    defence: 'the latest time seen is remembered',
    off: {
      edits: [
        edit(STORE, 'if (now.getTime() < record.seenMs - CLOCK_TOLERANCE_MS) {', 'if (false) {'),
      ],
    },
    async run(lab) {
      const { store, later } = await installed(lab);
      (await store.open('g_1', later(2 * HOUR_MS)))[Symbol.dispose]();
      return outcomeOf(store.open('g_1', later(HOUR_MS)));
    },
  },
  {
    name: 'store/expired',
    tries: 'a copy whose licence has ended, grace and all',
    refused: 'licence-expired',
    defence: 'the licence is looked at with each opening',
    off: { edits: [edit(LICENCE, "? 'grace' : 'expired';", "? 'grace' : 'grace';")] },
    async run(lab) {
      const { store, later } = await installed(lab);
      return outcomeOf(store.open('g_1', later(26 * HOUR_MS)));
    },
  },
  {
    name: 'store/renewed-with-other-licence',
    tries: 'a renewal by the licence of another grant',
    refused: 'token-mismatch',
    defence: 'a renewal is for the same grant, user, device and bytes',
    off: {
      edits: [
        edit(
          STORE,
          'if (!isSameCopy || renewed.licence.iat < tokens.licence.iat) {',
          'if (false) {',
        ),
      ],
    },
    async run(lab) {
      const { store, cloud, published, later } = await installed(lab);
      const other = await cloud.licence(published, later(HOUR_MS), { grantId: 'g_2' });
      return outcomeOf(store.renew('g_1', other));
    },
  },
  {
    name: 'store/path-in-grant-id',
    tries: 'a grant id from the server that is a path on the device',
    refused: 'token-mismatch',
    defence: 'grant ids that become file names have a small alphabet',
    off: { edits: [edit(STORE, 'if (!/^[\\w-]{1,128}$/.test(grantId))', 'if (false)')] },
    async run(lab) {
      const { store } = await installed(lab);
      return outcomeOf(store.erase('../../other-app/data'));
    },
  },
];

export const sealing: readonly Attack[] = [...deliveries, ...stored];
