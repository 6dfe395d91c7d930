/** The only place that builds cloud clients; everything else is handed what it needs from here. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConcurrencyLimiter, createConcurrencyLimiter } from './api/concurrency-limiter.ts';
import { APPLE_APP_ATTEST_ROOTS, APPLE_RECEIPT_ROOTS } from './attestation/trust-anchors/apple.ts';
import { GOOGLE_KEY_ATTESTATION_ROOTS } from './attestation/trust-anchors/google.ts';
import { createManifests, type Manifests } from './catalogue/manifests.ts';
import { createVersionKeys, type VersionKeys } from './catalogue/version-keys.ts';
import type { DocumentStore } from './cloud/documents.ts';
import type { EventPublisher } from './cloud/event-publisher.ts';
import { firestoreDocuments } from './cloud/firestore.ts';
import type { KeyService } from './cloud/keys.ts';
import { kmsKeys } from './cloud/kms.ts';
import type { ObjectStore } from './cloud/objects.ts';
import { pubsubPublisher } from './cloud/pubsub.ts';
import { storageObjects } from './cloud/storage.ts';
import { type Config, ConfigError } from './config.ts';
import { createEventDelivery, type EventDelivery } from './fraud/event-delivery.ts';
import { eventMessage } from './fraud/event-message.ts';
import { type EventInput, newEvent } from './fraud/events.ts';
import {
  createInMemoryRateLimiter,
  type InMemoryRateLimiter,
} from './fraud/in-memory-rate-limiter.ts';
import type { LimitPolicy } from './fraud/limits.ts';
import { documentOutbox } from './fraud/outbox.ts';
import { networkPseudonym, type PseudonymKey, userPseudonym } from './fraud/pseudonyms.ts';
import { createLicenceIssuer, type LicenceIssuer } from './grants/licence-issuer.ts';
import { type Challenges, createChallenges } from './identity/challenge.ts';
import type { EnrolmentPolicy } from './identity/enrolment.ts';
import { createUserTokens, type UserTokens } from './identity/user-token.ts';
import { createVendorServices } from './identity/vendor-services.ts';
import { createLog, type Log } from './log.ts';
import { createTelemetry } from './observability/telemetry.ts';
import type { FunctionEntry, SecretName } from './registry.ts';

/** The cloud as a function sees it; the part that a local stack or a test replaces. */
export interface CloudClients {
  readonly documents: DocumentStore;
  readonly objects: ObjectStore;
  readonly keys: KeyService;
  readonly publisher: EventPublisher;
}

export interface Services extends CloudClients {
  readonly config: Config;
  readonly log: Log;
  /** Resolves when what this instance still had to tell has been told; at its end. */
  drain(): Promise<void>;
  readonly now: () => Date;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly userTokens: UserTokens;
  readonly pseudonyms: {
    user(issuer: string, subject: string): string;
    network(address: string): string | null;
  };
  readonly challenges: Challenges;
  readonly enrolmentPolicy: EnrolmentPolicy;
  readonly rateLimiter: InMemoryRateLimiter;
  readonly concurrencyLimiter: ConcurrencyLimiter;
  readonly licences: LicenceIssuer;
  readonly versionKeys: VersionKeys;
  readonly manifests: Manifests;
  readonly events: EventDelivery;
  /** Delivers a server event. Never rejects: what becomes of an event must not cost a good user his model. */
  readonly emit: (input: EventInput, now: Date) => Promise<void>;
}

/** What one instance takes of one user, of all calls together: no app comes near it. */
const INSTANCE_LIMIT: LimitPolicy = {
  name: 'instance',
  limit: 600,
  windowSeconds: 60,
  burst: 120,
};

/** The clients of Google Cloud, or of the endpoints in the configuration; each connects on first use. */
export function createCloudClients(config: Config): CloudClients {
  const { projectId, endpoints, topics, kmsKeys: keys } = config;
  const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });
  return {
    documents: firestoreDocuments({ projectId, ...at(endpoints.firestore) }),
    objects: storageObjects({
      projectId,
      ...at(endpoints.storage),
      ...(config.storageSigner && { signer: config.storageSigner }),
    }),
    keys: kmsKeys({ keys, ...at(endpoints.kms) }),
    publisher: pubsubPublisher({ projectId, topics, ...at(endpoints.pubsub) }),
  };
}

/** What `entry` works with. Throws ConfigError where one of its secrets is missing. */
export function createServices(
  config: Config,
  entry: Pick<FunctionEntry, 'name' | 'secrets' | 'database'>,
  clients: CloudClients = createCloudClients(config),
  writeLog: (line: string) => void = (line) => process.stdout.write(line),
): Services {
  const lines = createLog(entry.name, writeLog);
  const telemetry = config.telemetry
    ? createTelemetry(lines, { ...config.telemetry, functionName: entry.name })
    : undefined;
  const log = telemetry?.log ?? lines;
  const now = () => new Date();
  const secrets = secretsOf(config, entry);
  const events = createEventDelivery({
    publish: (event) => clients.publisher.publish('events', eventMessage(event)),
    ...(entry.database !== false && { outbox: documentOutbox(clients.documents, now) }),
    log,
    pause: (ms) => pause(ms, undefined, { ref: false }),
  });
  const pseudonymKey = (): PseudonymKey => ({ id: 'p1', secret: secrets('PSEUDONYM_SECRET') });
  return {
    ...clients,
    config,
    log,
    async drain() {
      await events.drain();
      await telemetry?.shutdown();
    },
    now,
    randomBytes,
    userTokens: createUserTokens(config.issuers, config.planClaim),
    pseudonyms: {
      user: (issuer, subject) => userPseudonym(pseudonymKey(), issuer, subject),
      network: (address) =>
        entry.secrets.includes('PSEUDONYM_SECRET')
          ? networkPseudonym(pseudonymKey(), address)
          : null,
    },
    get challenges() {
      return createChallenges(secrets('CHALLENGE_SECRET'), randomBytes);
    },
    enrolmentPolicy: createEnrolmentPolicy(config, now),
    rateLimiter: createInMemoryRateLimiter({ policy: INSTANCE_LIMIT, maxCallers: 10_000 }),
    concurrencyLimiter: createConcurrencyLimiter({
      slots: config.instanceConcurrency,
      random: Math.random,
    }),
    licences: createLicenceIssuer(clients.keys, config.licenceSeconds + config.offlineGraceSeconds),
    versionKeys: createVersionKeys(clients.keys),
    manifests: createManifests(clients.objects, config.buckets.vault),
    events,
    async emit(input, at) {
      await events.deliver(newEvent(input, at, randomBytes(10)));
    },
  };
}

function createEnrolmentPolicy({ attestation }: Config, now: () => Date): EnrolmentPolicy {
  const { policy, integrityKeys, revocationListUrl, testTrustAnchors } = attestation;
  const pinned = (
    roots: readonly X509Certificate[],
    vendor: 'appAttest' | 'appleReceipt' | 'keyAttestation',
  ) => [...roots, ...(testTrustAnchors?.[vendor] ?? []).map((pem) => new X509Certificate(pem))];
  return {
    policy,
    trust: {
      appAttest: pinned(APPLE_APP_ATTEST_ROOTS, 'appAttest'),
      appleReceipt: pinned(APPLE_RECEIPT_ROOTS, 'appleReceipt'),
      keyAttestation: pinned(GOOGLE_KEY_ATTESTATION_ROOTS, 'keyAttestation'),
    },
    services: createVendorServices({
      revocationListUrl,
      maxStaleSeconds: attestation.revocationMaxStaleSeconds,
      integrityKeys,
      now,
    }),
  };
}

function secretsOf(config: Config, entry: Pick<FunctionEntry, 'secrets'>) {
  const missing = entry.secrets.filter((name) => config.secrets[name] === undefined);
  if (missing.length > 0) throw new ConfigError(missing.map((name) => `${name}: missing`));
  return (name: Exclude<SecretName, 'APPLE_RECEIPT_KEY'>): Uint8Array => {
    const secret = entry.secrets.includes(name) ? config.secrets[name] : undefined;
    if (!secret) throw new Error(`this function may not read ${name}`);
    return secret;
  };
}
