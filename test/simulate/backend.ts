/**
 * The backend of a simulated world: the functions' own code over a map instead of a database, from
 * the challenge to the scoring. Left out are the network, the sealing of bytes, and the parsing of
 * attestations, whose outcome the phone knows.
 */
import { createHash, randomBytes as cryptoBytes, sign } from 'node:crypto';
import { parseAttestationPolicy } from '../../functions/attestation/policy/schema.ts';
import type {
  DocumentData,
  DocumentQuery,
  DocumentStore,
  StoredDocument,
} from '../../functions/cloud/documents.ts';
import { loadConfig } from '../../functions/config.ts';
import { ServiceError } from '../../functions/errors.ts';
import { restrictionsDocument } from '../../functions/fraud/blocklist.ts';
import {
  ALERT_PATH,
  type Alert,
  alertPathOf,
  raisedAlert,
  readAlert,
} from '../../functions/fraud/campaign.ts';
import type { Decision } from '../../functions/fraud/decisions.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import type { RuleBook } from '../../functions/fraud/scorer.ts';
import { blockPath, type Subject } from '../../functions/fraud/subjects.ts';
import { tallyPath } from '../../functions/fraud/tally.ts';
import { updateBaseline } from '../../functions/fraud/update-baseline.ts';
import { admit } from '../../functions/grants/admit.ts';
import { grantPath } from '../../functions/grants/grant-record.ts';
import { renewLicence } from '../../functions/grants/renew.ts';
import { challengePath, createChallenges } from '../../functions/identity/challenge.ts';
import { devicePath } from '../../functions/identity/devices.ts';
import { payAttempt } from '../../functions/identity/enrolment-attempt.ts';
import {
  type RegistrationServices,
  registerDevice,
} from '../../functions/identity/register-device.ts';
import { userDevicesPath } from '../../functions/identity/user-devices.ts';
import { requestErasure } from '../../functions/privacy/request-erasure.ts';
import { runErasures } from '../../functions/privacy/run-erasures.ts';
import { utf8 } from '../../functions/protocol/bytes.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { memoryObjects } from '../doubles/memory/objects.ts';
import { sequentialDocuments } from '../doubles/memory/sequential-documents.ts';
import { LOCAL_ANDROID_APP } from '../doubles/vendors.ts';
import { testEnvironment } from '../support/environment.ts';
import { type Install, marksAt, remember } from './phones.ts';

/** Who calls, from where and with what. */
export interface Caller {
  readonly user: string;
  readonly install: Install;
  readonly network: string;
  /** As the user's token says; null for none. */
  readonly plan?: string | null;
}

export type Backend = ReturnType<typeof createBackend>;
/** The services that a grant and a renewal take. */
type Services = Parameters<typeof admit>[0] & Parameters<typeof renewLicence>[0];

/** The plan of those who pay for more. */
const PLANS = JSON.stringify({
  default: { grantsPerDay: 1_000, modelsPerDay: 40 },
  studio: { grantsPerDay: 1_000, modelsPerDay: 100, newModelsPerMonth: 120 },
});
const APP_ID = LOCAL_ANDROID_APP.packageName;
const RECIPIENT = new Uint8Array(32);
const DIGEST = toBase64url(new Uint8Array(32));

/** A release record that never ends; nobody here looks at its signature. */
function releaseToken(model: string, version: string): string {
  const header = { alg: 'ES256', typ: 'modelseal-release+jwt', kid: 'manifest.1' };
  const offered = [{ version, manifestDigest: DIGEST }];
  const record = { v: 1, model, serial: 1, offered, iat: 0, exp: 0xff_ffff_ffff };
  const parts = [header, record].map((part) => toBase64url(utf8(JSON.stringify(part))));
  return [...parts, DIGEST].join('.');
}

/** @param environment changes the configuration of the functions: a limit, a plan. */
export function createBackend(book: RuleBook, environment: Readonly<Record<string, string>> = {}) {
  const documents = new Map<string, DocumentData>();
  const base = sequentialDocuments(documents);
  /** Grants since the last look at them: a map knows no order of time. */
  let recent: StoredDocument[] = [];
  const inShard = async ({ where = [] }: DocumentQuery) => {
    const shard = String(where[0]?.[2] ?? '')[0];
    return recent.filter(({ data }) => String(data['ledgerKey'])[0] === shard);
  };
  const store: DocumentStore = {
    ...base,
    query: (query) =>
      query.collection === 'grants' && query.orderBy ? inShard(query) : base.query(query),
  };
  const config = loadConfig({ ...testEnvironment(), PLANS, ...environment });
  const replay = createReplay(book, documents);
  const challenges = createChallenges(new Uint8Array(32), (size) => cryptoBytes(size));
  const services = {
    config,
    documents: store,
    objects: memoryObjects(),
    challenges,
    // Nobody here writes past the functions.
    deviceSeals: { seal: async () => '', verifier: async () => async () => true },
    ownerSeals: { verifier: async () => async () => true },
    attestationPolicy: parseAttestationPolicy(config.attestation.policy),
    randomBytes: (size: number) => cryptoBytes(size),
    // What follows the decision to renew; nothing of it is simulated.
    manifests: {
      get: async () => ({ policy: { licenceSeconds: 86_400, offlineGraceSeconds: 0 } }),
    },
    licences: { issue: async () => '' },
    pseudonyms: {
      user: (_issuer: string, subject: string) => subject,
      users: (_issuer: string, subject: string) => [subject],
      network: () => null,
    },
    log: () => undefined,
  } as unknown as Services & RegistrationServices & Parameters<typeof runErasures>[0];
  const proofOf = ({ privateKey }: Install, hash: Uint8Array) => ({
    format: 'android-key' as const,
    signature: new Uint8Array(sign('sha256', hash, privateKey)),
  });
  const hashOf = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());

  return {
    documents,
    config,
    /** Judges an event as the scoring function does. */
    score(event: FraudEvent): readonly Decision[] {
      const path = alertPathOf(event);
      const alert = path && raisedAlert(event, documents.get(path));
      if (alert) documents.set(path, { ...alert });
      return replay.apply(event);
    },
    alert: (): Alert | undefined => readAlert(documents.get(ALERT_PATH)),
    async updateBaseline(now: Date) {
      await updateBaseline(store, now);
      recent = [];
    },

    publish(model: string, versions: readonly string[], at: Date, owner: string | null = null) {
      const version = {
        format: 'opaque',
        sizeBytes: 1,
        sha256: 'x',
        manifestDigest: DIGEST,
        manifestObject: 'x',
        vaultObject: 'x',
        wrappedKey: 'x',
        tracing: 'off',
        publishedAt: at,
        revoked: false,
      };
      documents.set(`models/${model}`, {
        modelId: model,
        owner,
        versions: Object.fromEntries(versions.map((name) => [name, version])),
        release: releaseToken(model, versions.at(-1) ?? '1.0.0'),
        releaseDueAt: at,
      });
    },

    /**
     * Makes a user known since an earlier day, with what he has had since, and when he was seen last.
     * Where he has had models, there is the device that has them.
     */
    adopt(user: string, since: Date, usedAt: Date, models: readonly string[] = []) {
      documents.set(tallyPath(user), {
        firstSeenAt: since,
        usedAt,
        items: Object.fromEntries(models.map((model) => [model, since.getTime()])),
        erased: [],
        blockedUntil: null,
        expireAt: new Date(usedAt.getTime() + 400 * 86_400_000),
      });
      if (models.length > 0) {
        documents.set(userDevicesPath(user), { devices: [`d_of-${user}`], provisional: {} });
      }
    },

    /** An operator's exception. */
    allow(subject: Subject, until: Date) {
      documents.set(blockPath(subject), restrictionsDocument(subject, { allowedUntil: until }));
    },

    /** Enrols the key of an installation, and has the vendor remember it. Throws as the function does. */
    async enrol({ user, install }: Caller, replaces: string | undefined, now: Date) {
      const { challenge } = challenges.issue(user, 'device.enroll', now);
      const verified = challenges.verify(challenge, user, 'device.enroll', now);
      await payAttempt(store, { userId: user, challenge: verified }, now);
      const { phone } = install;
      if (!phone.genuine)
        throw new ServiceError('attestation_failed', { reason: 'chain-untrusted' });
      const marks = marksAt(phone, now.getTime());
      const device = {
        user,
        // Proofs of Android's kind on either platform: an assertion's CBOR adds nothing here.
        platform: 'android' as const,
        appId: APP_ID,
        appVersion: install.appVersion,
        environment: 'production' as const,
        publicKey: install.publicKey,
        signCount: 0,
        assurance: 'hardware' as const,
        receipt: null,
        receiptDueAt: null,
        phone: marks,
        serialNumbers: [],
        enrolledAt: now,
        approvedFrom: null,
        retiredAt: null,
      };
      const { maxDevicesPerUser: limit, deviceCoolingOffSeconds: coolingOffSeconds } = config;
      const registered = await registerDevice(
        services,
        { userId: user, device, replaces, limit, coolingOffSeconds },
        now,
      );
      phone.attestedAt.push(now.getTime());
      remember(phone, { newAccount: replaces === undefined }, now.getTime());
      install.enrolledAt = now.getTime();
      return { ...registered, marks };
    },

    /** The vendor's count of keys, as the receipts worker learns it an hour later. */
    learnMetric(deviceId: string, riskMetric: number) {
      const found = documents.get(devicePath(deviceId));
      if (found) documents.set(devicePath(deviceId), { ...found, riskMetric });
    },

    async grant(caller: Caller, model: string, version: string, now: Date, badProof = false) {
      const { user, install, network, plan = null } = caller;
      const { challenge } = challenges.issue(user, 'model.grant', now);
      const hash = hashOf(challenge);
      const proof = proofOf(install, badProof ? hashOf('another') : hash);
      const clientData = {
        type: 'model.grant' as const,
        challenge,
        deviceId: install.deviceId,
        modelId: model,
        version,
        recipientKey: RECIPIENT,
        suite: 'DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM' as never,
        appVersion: install.appVersion,
      };
      const admission = await admit(
        services,
        { userId: user, plan, network, clientData, clientDataHash: hash, proof },
        now,
      );
      const path = grantPath(admission.grant.grantId);
      recent.push({ path, data: documents.get(path) ?? {} });
      documents.delete(challengePath(challenges.verify(challenge, user, 'model.grant', now)));
      return admission;
    },

    async renew({ user, install, network }: Caller, grantId: string, now: Date) {
      const { challenge } = challenges.issue(user, 'licence.renew', now);
      const hash = hashOf(challenge);
      const clientData = {
        type: 'licence.renew' as const,
        challenge,
        deviceId: install.deviceId,
        grantId,
        digest: 'x',
        appVersion: install.appVersion,
      };
      return renewLicence(
        services,
        { userId: user, network, clientData, clientDataHash: hash, proof: proofOf(install, hash) },
        now,
      );
    },

    async requestErasure({ user, install }: Caller, now: Date) {
      const { challenge } = challenges.issue(user, 'user.erase', now);
      const hash = hashOf(challenge);
      const { deviceId, appVersion } = install;
      const clientData = { type: 'user.erase' as const, challenge, deviceId, appVersion };
      return requestErasure(
        services,
        { userId: user, clientData, clientDataHash: hash, proof: proofOf(install, hash) },
        now,
      );
    },
    runErasures: (now: Date) => runErasures(services, now),
  };
}
