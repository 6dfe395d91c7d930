/** Bytes that are made to cost: nesting, lengths, repetitions. */
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { post, sha256 } from './requests.ts';

const CBOR = 'functions/attestation/cbor.ts';
const TOO_LONG_MS = 1_000;

type Iphone = ReturnType<Api['phone']>['platform'];

/** An enrolment with this attestation object, or one made of a genuine one. */
async function enrolWith(
  lab: Lab,
  change: (
    genuine: (overrides?: object) => Promise<Uint8Array>,
  ) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  const api = await lab.api();
  const platform: Iphone = api.phone('mallory').platform;
  const { appId, appVersion, appAttest } = platform;
  const challenge = await api.api('mallory').challenge('device.enroll');
  const data = { type: 'device.enroll', challenge, platform: 'ios', appId, appVersion };
  const bytes = Buffer.from(JSON.stringify(data));
  const keyId = await appAttest.generateKey();
  const object = await change((overrides = {}) =>
    appAttest.attestKey(keyId, sha256(bytes), overrides),
  );
  const attestation = { format: 'apple-appattest', keyId, attestationObject: toBase64url(object) };
  const startedAt = performance.now();
  const outcome = await outcomeOf(
    post(api, '/v1/devices', { clientData: toBase64url(bytes), attestation }),
  );
  const tookMs = performance.now() - startedAt;
  // A crash, or a processor that is busy for a second, is what such bytes are for.
  return outcome.startsWith('500') || tookMs > TOO_LONG_MS ? SUCCEEDED : outcome;
}

const bomb = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '403 attestation_failed',
  ...attack,
});

export const parsers: readonly Attack[] = [
  bomb({
    name: 'parser/cbor-nesting',
    tries: 'an attestation object of 30,000 arrays, one in another',
    defence: 'CBOR is read to a depth of eight',
    off: { edits: [edit(CBOR, 'const MAX_DEPTH = 8;', 'const MAX_DEPTH = 1e9;')] },
    run: (lab) => enrolWith(lab, () => Buffer.alloc(30_000, 0x81)),
  }),
  {
    name: 'parser/ber-nesting',
    refused: '403 device_not_trusted',
    tries: 'a receipt of ten thousand indefinite lengths, one in another',
    defence: 'BER is read to a depth of sixteen',
    off: {
      edits: [
        edit('functions/attestation/ber.ts', 'const MAX_DEPTH = 16;', 'const MAX_DEPTH = 1e9;'),
      ],
    },
    run: (lab) =>
      enrolWith(lab, (genuine) =>
        genuine({ receipt: Buffer.alloc(28_000, Buffer.from([0x30, 0x80])) }),
      ),
  },
  bomb({
    name: 'parser/cbor-length',
    tries: 'an array that says it has eight billion members',
    defence: 'a length must fit into the bytes that are left, before anything is made of it',
    off: {
      edits: [
        edit(
          CBOR,
          "if (count * bytesEach > this.#bytes.length - this.#at) throw malformed('CBOR ends early');",
          'new Array(count);',
        ),
      ],
    },
    run: (lab) => enrolWith(lab, () => Buffer.alloc(64, Buffer.from('9b0000000200000000', 'hex'))),
  }),
  bomb({
    name: 'parser/cbor-indefinite',
    tries: 'lengths that are told later (indefinite)',
    defence: 'definite lengths only',
    off: {
      edits: [
        edit(
          CBOR,
          "if (info > 27) throw malformed('CBOR length is indefinite or reserved');",
          "if (info > 27) throw new Error('no end');",
        ),
      ],
    },
    run: (lab) =>
      enrolWith(lab, () => Buffer.concat([Buffer.from('bf', 'hex'), Buffer.alloc(100, 0x61)])),
  }),
  bomb({
    name: 'parser/cbor-duplicate-key',
    tries: 'an attestation object with two values under one key',
    defence: 'map keys are unique',
    off: { edits: [edit(CBOR, 'if (map.has(key))', 'if (false)')] },
    run: (lab) =>
      enrolWith(lab, async (genuine) => {
        const object = Buffer.from(await genuine());
        const second = Buffer.from('63666d746161', 'hex');
        return Buffer.concat([Buffer.from([0xa4]), second, object.subarray(1)]);
      }),
  }),
  bomb({
    name: 'parser/cbor-trailing',
    tries: 'bytes behind the attestation object, which one reader sees and one does not',
    defence: 'one item, and then the end',
    off: { edits: [edit(CBOR, 'if (end !== bytes.length)', 'if (false)')] },
    run: (lab) =>
      enrolWith(lab, async (genuine) => Buffer.concat([await genuine(), Buffer.from([0])])),
  }),
  {
    name: 'parser/regular-expression',
    tries: 'a token on which a careless pattern would think for years',
    refused: '401 token_invalid',
    defence: 'patterns without nested repetition, which take as long as their input',
    off: {
      edits: [
        edit(
          'functions/identity/user-token.ts',
          '/^Bearer ([\\w-]+\\.[\\w-]+\\.[\\w-]+)$/i',
          '/^Bearer ((?:[\\w-]+)+)\\.$/i',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const headers = { Authorization: `Bearer ${'a'.repeat(27)}!` };
      const startedAt = performance.now();
      const outcome = await outcomeOf(fetch(`${api.baseUrl}/v1/models`, { headers }));
      return performance.now() - startedAt > TOO_LONG_MS ? SUCCEEDED : outcome;
    },
  },
  {
    name: 'parser/certificate-chain',
    tries: 'a chain of thirty certificates, each to be verified',
    refused: '422 request_invalid',
    defence: 'a chain has an end',
    off: {
      edits: [
        edit('functions/attestation/policy/evidence.ts', '.min(1).max(10)', '.min(1).max(100)'),
        edit(
          'functions/attestation/certificate-chain.ts',
          'const MAX_CHAIN_LENGTH = 10;',
          'const MAX_CHAIN_LENGTH = 100;',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { platform } = api.pixel('mallory');
      const challenge = await api.api('mallory').challenge('device.enroll');
      const { appId, appVersion } = platform;
      const data = { type: 'device.enroll', challenge, platform: 'android', appId, appVersion };
      const bytes = Buffer.from(JSON.stringify(data));
      const { attestation } = await platform.createAttestedKey(sha256(bytes));
      const [leaf] = attestation['x5c'] as readonly string[];
      const longer = { ...attestation, x5c: Array.from({ length: 30 }, () => leaf) };
      const body = { clientData: toBase64url(bytes), attestation: longer };
      const outcome = await outcomeOf(post(api, '/v1/devices', body));
      // It fails either way: what counts is whether thirty certificates are looked at first.
      return outcome === '422 request_invalid' ? outcome : SUCCEEDED;
    },
  },
];
