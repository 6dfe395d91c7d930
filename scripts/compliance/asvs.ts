/**
 * Requirements of OWASP ASVS 5.0 that this backend answers for, with the tests that show it. Numbers
 * as in a late draft of 5.0; https://github.com/OWASP/ASVS has the release.
 */

/** A test by file and title, or a file that is itself the evidence. */
export interface Evidence {
  readonly file: string;
  readonly test?: string;
}

export interface Control {
  readonly id: string;
  readonly words: string;
  readonly status: 'yes' | 'partly' | 'no' | 'not ours';
  readonly evidence: readonly Evidence[];
  /** What is missing, or why it is not ours. */
  readonly note?: string;
}

const shown = (file: string, test?: string): Evidence => ({ file, ...(test && { test }) });
const API = 'functions/api/api.test.ts';
const TOKEN = 'functions/identity/user-token.test.ts';
const CHALLENGE = 'functions/identity/challenge.test.ts';
const REDACTION = 'test/e2e/redaction.test.ts';
const ACCESS = 'infra/access.test.ts';
const MUTATIONS = 'infra/mutations.test.ts';

const yes = (id: string, words: string, ...evidence: readonly Evidence[]): Control => ({
  ...{ id, words, status: 'yes', evidence },
});
const partly = (
  id: string,
  words: string,
  note: string,
  ...evidence: readonly Evidence[]
): Control => ({
  ...{ id, words, status: 'partly', evidence, note },
});
const no = (id: string, words: string, note: string): Control => ({
  ...{ id, words, status: 'no', evidence: [], note },
});

export const ASVS: readonly Control[] = [
  yes(
    '2.1.3',
    'limits for each user and in total are documented',
    shown('docs/mobile/protocol.md'),
    shown('docs/ops/operations.md'),
  ),
  yes(
    '2.2.1',
    'input is checked against an allow-list',
    shown(API, 'client data that is not what it must be'),
  ),
  yes(
    '2.3.1',
    'steps happen in their order only',
    shown(CHALLENGE, 'hold for their user and purpose until they end'),
  ),
  yes(
    '2.3.2',
    'limits are enforced',
    shown(API, 'a hoarder is slowed down, then blocked; his neighbour is not'),
  ),
  yes(
    '2.3.3',
    'transactions succeed or leave nothing',
    shown(
      'test/contract/documents.contract.ts',
      'lets the error of the work through and writes nothing',
    ),
  ),
  yes(
    '2.3.4',
    'one-time resources are taken once',
    shown('test/contract/documents.contract.ts', 'creates once: of 20 racers one wins'),
  ),
  no(
    '2.3.5',
    'two people for high-value changes',
    'publishing needs one writer of the intake bucket; a second pair of eyes is the process around it',
  ),
  yes(
    '2.4.1',
    'automation is slowed down',
    shown(
      'functions/fraud/limits.test.ts',
      'never allows more than burst + rate × time in any span',
    ),
    shown(MUTATIONS),
  ),
  yes(
    '4.1.1',
    'content types are declared and checked',
    shown('functions/api/pipeline.ts'),
    shown(API, 'an unknown path and a wrong method'),
  ),
  yes('4.1.2', 'no redirect from HTTP on an API', shown(MUTATIONS)),
  yes(
    '4.1.3',
    'forwarded headers are not the caller’s',
    shown(
      'functions/api/client-address.test.ts',
      'falls back to the connection only where there is no header',
    ),
  ),
  yes('4.1.4', 'only methods that are used', shown(API, 'an unknown path and a wrong method')),
  yes(
    '4.1.5',
    'messages are signed one by one',
    shown(API, 'a replayed request is a spent challenge'),
  ),
  yes('4.2.5', 'lengths are bounded', shown(API, 'a body without end is cut off at the cap')),
  partly(
    '6',
    'authentication of users',
    'the identity provider’s; tokens are verified here',
    shown(TOKEN, 'names the user of a good token'),
  ),
  partly(
    '7.4.2',
    'a disabled user’s sessions end',
    'a block holds from the next request on; a token lives on at the identity provider until its end',
    shown('functions/workers/score.test.ts', 'is blocked, with reasons'),
  ),
  yes(
    '8.2.2',
    'no access to other users’ objects',
    shown(API, 'a personal model is unknown to everybody else'),
  ),
  yes('8.3.1', 'decisions are made on the server', shown('docs/decisions/0005-one-transaction.md')),
  yes(
    '8.3.2',
    'changes of access hold at once',
    shown(API, 'a hoarder is slowed down, then blocked; his neighbour is not'),
  ),
  yes(
    '8.2.4',
    'access adapts to risk',
    shown('functions/workers/score.test.ts', 'is blocked, with reasons'),
  ),
  yes(
    '9.1.1',
    'signatures of tokens are verified',
    shown(TOKEN, 'refuses a signature by another key, also one that the token brings along'),
  ),
  yes('9.1.2', 'algorithms from a list, never none', shown(TOKEN, 'refuses alg none')),
  yes(
    '9.1.3',
    'keys come from pinned places',
    shown(TOKEN, 'refuses an HMAC keyed with the public key'),
  ),
  yes('9.2.1', 'times are checked', shown(TOKEN, 'lets clocks differ by a minute and no more')),
  yes(
    '9.2.2',
    'types are checked',
    shown('functions/protocol/tokens.test.ts', 'is not a manifest, nor a manifest a licence'),
  ),
  yes(
    '9.2.3',
    'audiences are checked',
    shown(TOKEN, 'refuses a token for another audience, without end, or without subject'),
  ),
  partly('11.1.2', 'an inventory of cryptography', 'in prose', shown('docs/mobile/protocol.md')),
  partly(
    '11.1.4',
    'a plan for quantum computers',
    'X-Wing is a suite; signatures are ECDSA',
    shown(
      'functions/protocol/hpke.test.ts',
      'interoperates with another implementation, both ways',
    ),
  ),
  yes(
    '11.2.2',
    'algorithms can be replaced',
    shown('functions/protocol/hpke.test.ts', 'knows no suite but those listed'),
  ),
  yes(
    '11.2.5',
    'failing is safe',
    shown(
      'functions/protocol/stream.test.ts',
      'never throws anything but its own error, whatever the bytes',
    ),
  ),
  yes(
    '11.3.3',
    'encrypted data is authenticated',
    shown(
      'functions/protocol/stream.test.ts',
      'refuses every single changed byte and every truncation',
    ),
  ),
  yes(
    '11.5.1',
    '128 random bits where it matters',
    shown(CHALLENGE, 'are all different, and so are their hashes'),
  ),
  no(
    '11.7.2',
    'data in use is protected',
    'a model that runs is in memory; JavaScript cannot promise to wipe',
  ),
  yes(
    '13.2.1',
    'services know each other by short-lived identities',
    shown(MUTATIONS),
    shown('infra/iam.tf'),
  ),
  yes('13.2.2', 'least privilege', shown(ACCESS, 'of each function is what was reviewed')),
  no(
    '13.2.4',
    'outgoing connections are on a list',
    'functions reach Google, Apple and identity providers without an egress proxy',
  ),
  yes('13.1.3', 'timeouts and retries are bounded', shown('test/contract/hung-service.test.ts')),
  yes(
    '13.3.1',
    'secrets lie in a vault, keys in an HSM',
    shown('infra/contract.test.ts'),
    shown('infra/kms.tf'),
  ),
  partly(
    '13.3.4',
    'keys rotate',
    'symmetric keys by themselves, signing keys and secrets by the handbook',
    shown('docs/ops/operations.md'),
  ),
  partly(
    '14.2.1',
    'no sensitive data in URLs',
    'a signed URL is a bearer of ciphertext, for minutes',
    shown('test/contract/gcs.test.ts', 'is refused after its end'),
  ),
  yes('14.2.2', 'nothing sensitive is cached', shown('functions/api/pipeline.ts')),
  yes(
    '14.2.7',
    'data ends',
    shown('infra/contract.test.ts', 'deletes what the code gives an end, and nothing else'),
    shown(
      'functions/workers/sweep.test.ts',
      'deletes what is due and what has no business there, and nothing else',
    ),
  ),
  yes('16.2.5', 'logs hold no secrets', shown(REDACTION, 'holds no secret, address or name')),
  yes(
    '16.3.2',
    'refusals are recorded',
    shown(
      API,
      'an attestation under another root is refused, and why is told to nobody but the log',
    ),
  ),
  yes(
    '16.4.1',
    'nothing can be injected into logs',
    shown(REDACTION, 'says something about each call, in one JSON object a line'),
  ),
  partly(
    '16.4.2',
    'records cannot be changed unseen',
    'grants are chained and logs lie in a locked bucket; the audit log of operators is a collection like others',
    shown(
      'functions/ledger/ledger.test.ts',
      'names a grant that was deleted, until its time is over',
    ),
  ),
  partly(
    '16.4.3',
    'logs go to another system',
    'a locked log bucket of the same project',
    shown('infra/monitoring.tf'),
  ),
  yes('16.5.1', 'errors say nothing', shown(API, 'client data that is not what it must be')),
  yes(
    '16.5.3',
    'failing never opens',
    shown(
      'functions/workers/score.test.ts',
      'is never lost: where the dead letters are closed, it comes again',
    ),
    shown(TOKEN, 'says unavailable, not invalid, where the key set cannot be had'),
  ),
];
