/** Controls of ASVS taken away one at a time, each by an edit, and the test named as evidence that must notice. */
import type { Edit } from '../attack/mutant.ts';

export interface LostControl {
  /** The requirement's id in docs/ops/asvs.yaml. */
  readonly id: string;
  /** `file: title`, as it stands there. */
  readonly evidence: string;
  readonly edits: readonly Edit[];
}

const lost = (id: string, evidence: string, ...edits: readonly Edit[]): LostControl => ({
  id,
  evidence,
  edits,
});
const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

const API = 'functions/api/api.test.ts';
const TOKEN = 'functions/identity/user-token.test.ts';

export const LOST_CONTROLS: readonly LostControl[] = [
  lost(
    '2.3.1',
    'functions/identity/challenge.test.ts: are refused to %s',
    edit(
      'functions/identity/challenge.ts',
      "if (CHALLENGE_PURPOSES[view.readUInt8(1)] !== purpose) throw refusal('challenge_purpose');",
      '',
    ),
  ),
  lost(
    '2.3.2',
    'functions/fraud/limits.test.ts: never allows more than burst + rate × time in any span',
    edit('functions/fraud/limits.ts', 'after - at <= capacity', 'true'),
  ),
  lost(
    '2.3.4',
    'test/contract/documents.contract.ts: creates once: of 20 racers one wins',
    edit(
      'test/doubles/memory/documents.ts',
      'if (before) throw new DocumentExistsError(write.path);',
      'void DocumentExistsError;',
    ),
  ),
  lost(
    '2.4.1',
    'functions/api/models.test.ts: is read in full so often a minute, and asked about as often as an app likes',
    edit(
      'functions/api/models.ts',
      "if (retryAfterSeconds > 0) throw new ServiceError('rate_limited', { retryAfterSeconds });",
      '',
    ),
  ),
  lost(
    '3.4.4',
    'functions/api/answer-headers.test.ts: %s: says what the body is, and lets nobody keep or reinterpret it',
    edit(
      'functions/api/ingress.ts',
      "response.setHeader('X-Content-Type-Options', 'nosniff');",
      '',
    ),
  ),
  lost(
    '4.1.1',
    'functions/api/answer-headers.test.ts: %s: says what the body is, and lets nobody keep or reinterpret it',
    edit(
      'functions/api/pipeline.ts',
      "response.setHeader('Content-Type', 'application/json');",
      '',
    ),
  ),
  lost(
    '4.1.3',
    'functions/api/client-address.test.ts: takes %s',
    edit('functions/api/client-address.ts', 'entries.at(-position)', 'entries.at(0)'),
  ),
  lost(
    '6.5.1',
    `${API}: a replayed request is a spent challenge`,
    edit(
      'functions/identity/device-call.ts',
      "if (own.spent) throw new ServiceError('challenge_spent');",
      '',
    ),
    edit(
      'functions/identity/device-call.ts',
      'tx.create(challengePath(challenge), spentChallengeDocument(challenge));',
      '',
    ),
  ),
  lost(
    '8.2.2',
    `${API}: a personal model is unknown to everybody else`,
    edit(
      'functions/catalogue/model-record.ts',
      "if (model.owner !== null && model.owner !== userId) throw unknown('model_of_another_user');",
      '',
    ),
  ),
  lost(
    '8.3.1',
    `${API}: an app that was not launched as the policy wants is refused at its next grant`,
    edit(
      'functions/identity/running-app.ts',
      "if (findings.refusal) throw new ServiceError('device_not_trusted', { reason: findings.refusal });",
      '',
    ),
  ),
  lost(
    '9.1.3',
    'functions/identity/issuer-keys.test.ts: stay good for an hour while the issuer is down, and not longer',
    edit(
      'functions/identity/issuer-keys.ts',
      'const STALE_MS = 60 * 60_000;',
      'const STALE_MS = 1e15;',
    ),
  ),
  lost(
    '9.2.1',
    'sdk/typescript/opening/model-store.test.ts: R17: is not prolonged by renewals that were put by: each answers one request',
    edit(
      'sdk/typescript/opening/model-store.ts',
      'const isAnswer = renewed.licence.nonce !== undefined && renewed.licence.nonce === nonce;',
      'const isAnswer = true;',
    ),
  ),
  lost(
    '9.2.1',
    `${TOKEN}: lets clocks differ by a minute and no more`,
    edit(
      'functions/identity/user-token.ts',
      'clockTolerance: CLOCK_SKEW_SECONDS',
      'clockTolerance: 600',
    ),
  ),
  lost(
    '9.2.3',
    `${TOKEN}: refuses a token for another audience, without end, or without subject`,
    edit(
      'functions/identity/user-token.ts',
      'audience: issuer.audience,\n        algorithms',
      'algorithms',
    ),
  ),
  lost(
    '11.1.1',
    'functions/cloud/signing-versions.test.ts: is the one that was chosen, whatever else there is',
    edit(
      'functions/cloud/signing-versions.ts',
      'signingKidOf(keys, key) === kid',
      'kid.startsWith(key)',
    ),
  ),
  lost(
    '11.2.2',
    'functions/protocol/container.test.ts: refuses a later version, unknown flags and lengths that do not fit',
    edit('functions/protocol/container.ts', 'if (flags > IMPRINTED)', 'if (flags > 0xffff)'),
  ),
  lost(
    '13.2.2',
    'functions/identity/device-seal.test.ts: is nobody else’s, by its own seal or by another device’s',
    edit('functions/identity/device-seal.ts', 'sealed.record === digestOf(device) &&', ''),
    edit('functions/identity/device-seal.ts', 'isNameOf(sealed.user, device.user);', 'true;'),
  ),
  lost(
    '16.2.5',
    'test/e2e/redaction.test.ts: holds no secret, address or name',
    edit(
      'functions/api/pipeline.ts',
      'status: response.statusCode,',
      "status: response.statusCode, sent: request.headers['authorization'],",
    ),
  ),
];
