/**
 * What functions work with: interfaces only. registry.ts says which of these a function uses and
 * composition.ts makes those; a domain never reads this file, but names the little it takes itself.
 */
import type { Callers } from './api/callers.ts';
import type { ConcurrencyLimiter } from './api/concurrency-limiter.ts';
import type { AttestationPolicy } from './attestation/policy/schema.ts';
import type { Manifests } from './catalogue/manifests.ts';
import type { OwnerSeals } from './catalogue/owner-seal.ts';
import type { VersionKeys } from './catalogue/version-keys.ts';
import type { DocumentStore } from './cloud/documents.ts';
import type { EventPublisher } from './cloud/event-publisher.ts';
import type { KeyService } from './cloud/keys.ts';
import type { ObjectStore } from './cloud/objects.ts';
import type { Config } from './config.ts';
import type { Emit, EventDelivery } from './fraud/event-delivery.ts';
import type { Pseudonyms } from './fraud/pseudonym-moves.ts';
import type { LicenceIssuer } from './grants/licence-issuer.ts';
import type { UrlSigner } from './grants/url-keys.ts';
import type { Challenges } from './identity/challenge.ts';
import type { DeviceSeals } from './identity/device-seal.ts';
import type { EnrolmentPolicy } from './identity/enrolment.ts';
import type { UserTokens } from './identity/user-token.ts';
import type { Log } from './log.ts';
import type { ConsoleAccess } from './operators/session.ts';

/** What every function has. */
export interface CoreServices {
  readonly config: Config;
  readonly log: Log;
  readonly now: () => Date;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly concurrencyLimiter: ConcurrencyLimiter;
  /** Resolves when what this instance still had to tell has been told; at its end. */
  drain(): Promise<void>;
}

/** The cloud as a function sees it; the part that a local stack or a test replaces. */
export interface CloudClients {
  readonly documents: DocumentStore;
  readonly objects: ObjectStore;
  readonly keys: KeyService;
  readonly publisher: EventPublisher;
}

/** What a function has where its entry in registry.ts names it. */
export interface DeclaredServices extends CloudClients {
  readonly userTokens: UserTokens;
  readonly pseudonyms: Pseudonyms;
  /** Of functions with an endpoint that needs a user. */
  readonly callers: Callers;
  readonly challenges: Challenges;
  readonly attestationPolicy: AttestationPolicy;
  readonly enrolmentPolicy: EnrolmentPolicy;
  readonly deviceSeals: DeviceSeals;
  readonly ownerSeals: OwnerSeals;
  readonly licences: LicenceIssuer;
  readonly versionKeys: VersionKeys;
  readonly manifests: Manifests;
  readonly urls: UrlSigner;
  /** With an outbox where the function has `documents`, too. */
  readonly events: EventDelivery;
  /** Null where no console is configured. */
  readonly consoleAccess: ConsoleAccess | null;
  /** Delivers a server event. Never rejects: what becomes of an event must not cost a good user his model. */
  readonly emit: Emit;
}

export interface Services extends CoreServices, DeclaredServices {}

export type ServiceName = keyof DeclaredServices;
