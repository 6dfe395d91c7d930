/** Controls of OWASP MASVS 2 as far as the SDK answers for them; the app around it answers for the rest. */
import type { Control } from './asvs.ts';

const STORE = 'sdk/typescript/opening/model-store.test.ts';

export const MASVS: readonly Control[] = [
  {
    id: 'STORAGE-1',
    words: 'sensitive data is stored securely',
    status: 'yes',
    evidence: [
      { file: STORE, test: 'leaves nothing of the model or its keys in the clear on disk' },
    ],
  },
  {
    id: 'STORAGE-2',
    words: 'no leaks of sensitive data',
    status: 'partly',
    evidence: [
      {
        file: 'sdk/typescript/protected-models.test.ts',
        test: 'leaves no byte of the model in the clear on the disk',
      },
    ],
    note: 'backups and screenshots are the app’s',
  },
  {
    id: 'CRYPTO-1',
    words: 'current cryptography, well used',
    status: 'yes',
    evidence: [
      {
        file: 'functions/protocol/secure-cell.test.ts',
        test: 'is opened by Themis, and opens what Themis sealed',
      },
      { file: 'functions/protocol/hpke-vectors.test.ts' },
    ],
  },
  {
    id: 'CRYPTO-2',
    words: 'keys are managed well',
    status: 'partly',
    evidence: [
      {
        file: STORE,
        test: 'opens under no other hardware key, on no other device and under no other id',
      },
    ],
    note: 'the hardware key is behind an interface; a native module brings the Secure Enclave or Keystore',
  },
  {
    id: 'AUTH-1',
    words: 'secure authentication and authorisation',
    status: 'yes',
    evidence: [
      { file: 'functions/api/api.test.ts', test: 'a replayed request is a spent challenge' },
    ],
  },
  {
    id: 'AUTH-2',
    words: 'local authentication',
    status: 'not ours',
    evidence: [],
    note: 'the app’s',
  },
  {
    id: 'AUTH-3',
    words: 'sensitive operations are authenticated further',
    status: 'yes',
    evidence: [
      { file: 'functions/api/android.test.ts', test: 'attest anew when scoring asks for it' },
    ],
  },
  {
    id: 'NETWORK-1',
    words: 'all traffic is protected',
    status: 'partly',
    evidence: [
      {
        file: 'sdk/typescript/opening/opening.test.ts',
        test: 'refuses a stolen server that signs nothing but serves other bytes',
      },
    ],
    note: 'TLS is the platform’s; contents hold without it',
  },
  {
    id: 'NETWORK-2',
    words: 'identity pinning',
    status: 'partly',
    evidence: [
      {
        file: 'functions/protocol/tokens.test.ts',
        test: 'trusts no key that is not pinned for manifests',
      },
    ],
    note: 'signing keys are pinned, TLS certificates are not',
  },
  {
    id: 'PLATFORM-1',
    words: 'interprocess communication',
    status: 'not ours',
    evidence: [],
    note: 'the SDK has none',
  },
  {
    id: 'PLATFORM-2',
    words: 'web views',
    status: 'not ours',
    evidence: [],
    note: 'the SDK has none',
  },
  {
    id: 'PLATFORM-3',
    words: 'user interface',
    status: 'not ours',
    evidence: [],
    note: 'the SDK has none',
  },
  {
    id: 'CODE-1',
    words: 'up-to-date platform',
    status: 'partly',
    evidence: [{ file: 'docs/mobile/attestation.md' }],
    note: 'patch levels are in the policy, off by default',
  },
  {
    id: 'CODE-2',
    words: 'updates can be enforced',
    status: 'yes',
    evidence: [
      {
        file: 'functions/attestation/policy/evaluate.test.ts',
        test: 'is chosen by app and version',
      },
    ],
  },
  {
    id: 'CODE-3',
    words: 'no components with known vulnerabilities',
    status: 'partly',
    evidence: [{ file: 'package-lock.json' }],
    note: 'pins and audits by people before a release',
  },
  {
    id: 'CODE-4',
    words: 'untrusted input is validated',
    status: 'yes',
    evidence: [
      {
        file: 'functions/protocol/container.test.ts',
        test: 'throws nothing but its own error, whatever the bytes, and reads no two encodings alike',
      },
    ],
  },
  {
    id: 'RESILIENCE-1',
    words: 'integrity of the platform',
    status: 'partly',
    evidence: [
      {
        file: 'functions/api/android.test.ts',
        test: 'is refused once its keybox is on the revocation list',
      },
    ],
    note: 'attested at enrolment; at run time the app’s own checks report',
  },
  {
    id: 'RESILIENCE-2',
    words: 'anti-tampering',
    status: 'partly',
    evidence: [
      {
        file: 'functions/api/api.test.ts',
        test: 'an attestation under another root is refused, and why is told to nobody but the log',
      },
    ],
    note: 'repackaged apps fail attestation; a hooked genuine app does not',
  },
  {
    id: 'RESILIENCE-3',
    words: 'anti-static analysis',
    status: 'no',
    evidence: [],
    note: 'no obfuscation of the SDK; the weights at rest are noise',
  },
  {
    id: 'RESILIENCE-4',
    words: 'anti-dynamic analysis',
    status: 'partly',
    evidence: [{ file: 'functions/api/api.test.ts', test: 'takes reports and scores them' }],
    note: 'signals of a RASP library are taken in and scored; the SDK brings none',
  },
  {
    id: 'PRIVACY-1',
    words: 'least data',
    status: 'yes',
    evidence: [
      { file: 'test/e2e/redaction.test.ts', test: 'hold no address, token or user id either' },
    ],
  },
  {
    id: 'PRIVACY-2',
    words: 'users are not identified',
    status: 'yes',
    evidence: [{ file: 'functions/fraud/pseudonyms.test.ts' }],
  },
  {
    id: 'PRIVACY-3',
    words: 'transparency',
    status: 'partly',
    evidence: [{ file: 'docs/ops/compliance.md' }],
    note: 'the notice is the app’s',
  },
  {
    id: 'PRIVACY-4',
    words: 'users control their data',
    status: 'yes',
    evidence: [
      {
        file: 'functions/privacy/erasure.test.ts',
        test: 'leaves nothing that names him or his devices but the record of it',
      },
      {
        file: 'functions/privacy/erasure.test.ts',
        test: 'holds all that names the user, nobody else, and no judgement',
      },
      {
        file: 'sdk/typescript/protected-models.test.ts',
        test: 'erases its copies when the device is retired or the user forgotten',
      },
    ],
  },
];
