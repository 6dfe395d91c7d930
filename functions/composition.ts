/**
 * The only place that builds what functions work with. A part is read and made where the started
 * function declares it, or another part that it declares needs it: a cold start pays for no other.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createConcurrencyLimiter } from './api/concurrency-limiter.ts';
import type { KeyService } from './cloud/keys.ts';
import { type Config, ConfigError } from './config.ts';
import type { UrlSigner } from './grants/url-keys.ts';
import { createLog, type Log } from './log.ts';
import type { FunctionEntry, SecretName } from './registry.ts';
import type { CloudClients, CoreServices, DeclaredServices, ServiceName } from './services.ts';

/** What a function is composed by; every service there is where it names none. */
export type ComposedEntry<N extends ServiceName = ServiceName> = Pick<
  FunctionEntry,
  'name' | 'secrets'
> & { readonly services?: readonly N[] };

interface Context {
  readonly config: Config;
  readonly log: Log;
  readonly now: () => Date;
  /** Whether the function itself uses a service. */
  readonly declares: (name: ServiceName) => boolean;
  readonly secret: <N extends 'CHALLENGE_SECRET' | 'PSEUDONYM_SECRET'>(
    name: N,
  ) => NonNullable<Config['secrets'][N]>;
  readonly part: <N extends ServiceName>(name: N) => Promise<DeclaredServices[N]>;
}

type Parts<N extends ServiceName> = {
  readonly [K in N]: (context: Context) => Promise<DeclaredServices[K]>;
};

const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });

/** The key service is asked once in a while: its client is read with the first question. */
function onFirstCall(read: () => Promise<KeyService>): KeyService {
  let reading: Promise<KeyService> | undefined;
  const client = () => {
    reading ??= read();
    return reading;
  };
  return {
    wrap: async (...args) => (await client()).wrap(...args),
    unwrap: async (...args) => (await client()).unwrap(...args),
    signingKid: async (...args) => (await client()).signingKid(...args),
    sign: async (...args) => (await client()).sign(...args),
    publicKeys: async (...args) => (await client()).publicKeys(...args),
  };
}

/** The clients of Google Cloud, or of the endpoints in the configuration; each connects on first use. */
const CLOUD = {
  async documents({ projectId, databaseId, endpoints }: Config) {
    const { firestoreDocuments } = await import('./cloud/firestore.ts');
    return firestoreDocuments({ projectId, databaseId, ...at(endpoints.firestore) });
  },
  async objects({ projectId, endpoints }: Config) {
    const { storageObjects } = await import('./cloud/storage.ts');
    return storageObjects({ projectId, ...at(endpoints.storage) });
  },
  async keys({ kmsKeys: keys, signingKeys, endpoints }: Config) {
    const { kmsKeys } = await import('./cloud/kms.ts');
    return kmsKeys({ keys, signingKeys, ...at(endpoints.kms) });
  },
  async publisher({ projectId, topics, endpoints }: Config) {
    const { pubsubPublisher } = await import('./cloud/pubsub.ts');
    return pubsubPublisher({ projectId, topics, ...at(endpoints.pubsub) });
  },
};

/** All four clients, for a local stack and its tools. */
export async function createCloudClients(config: Config): Promise<CloudClients> {
  const [documents, objects, keys, publisher] = await Promise.all([
    CLOUD.documents(config),
    CLOUD.objects(config),
    CLOUD.keys(config),
    CLOUD.publisher(config),
  ]);
  return { documents, objects, keys, publisher };
}

const PARTS: Parts<Exclude<ServiceName, keyof CloudClients>> = {
  async userTokens({ config }) {
    const { createUserTokens } = await import('./identity/user-token.ts');
    return createUserTokens(config.issuers, config.planClaim);
  },
  async pseudonyms({ secret, declares, part }) {
    const { createPseudonyms } = await import('./fraud/pseudonym-moves.ts');
    const { pseudonymKeys } = await import('./fraud/pseudonyms.ts');
    const keys = pseudonymKeys(secret('PSEUDONYM_SECRET'));
    return createPseudonyms(keys, declares('documents') ? await part('documents') : undefined);
  },
  async callers({ config, part }) {
    const [userTokens, pseudonyms] = await Promise.all([part('userTokens'), part('pseudonyms')]);
    const { createCallers } = await import('./api/callers.ts');
    return createCallers({ userTokens, pseudonyms, addressAt: config.forwardedForPosition });
  },
  async challenges({ secret, part }) {
    const [{ newest }, { createChallenges }] = await Promise.all([
      part('pseudonyms'),
      import('./identity/challenge.ts'),
    ]);
    return createChallenges(secret('CHALLENGE_SECRET'), randomBytes, newest);
  },
  async attestationPolicy({ config }) {
    const { parseAttestationPolicy } = await import('./attestation/policy/schema.ts');
    try {
      return parseAttestationPolicy(config.attestation.policy);
    } catch (error) {
      throw new ConfigError([`ATTESTATION_POLICY: ${(error as Error).message}`]);
    }
  },
  async enrolmentPolicy({ config, now, declares, part }) {
    const policy = await part('attestationPolicy');
    const { createEnrolmentPolicy } = await import('./identity/enrolment-policy.ts');
    const documents = declares('documents') ? await part('documents') : undefined;
    const appleKey = config.secrets.APPLE_RECEIPT_KEY;
    try {
      return createEnrolmentPolicy(policy, { ...config.attestation, appleKey }, now, documents);
    } catch (error) {
      throw new ConfigError([`ATTESTATION_POLICY: ${(error as Error).message}`]);
    }
  },
  async deviceSeals({ log, part }) {
    const [keys, pseudonyms] = await Promise.all([part('keys'), part('pseudonyms')]);
    const { createDeviceSeals } = await import('./identity/device-seal.ts');
    return createDeviceSeals({ keys, isNameOf: pseudonyms.follows, log });
  },
  async ownerSeals({ log, part }) {
    const [keys, pseudonyms] = await Promise.all([part('keys'), part('pseudonyms')]);
    const { createOwnerSeals } = await import('./catalogue/owner-seal.ts');
    return createOwnerSeals({ keys, isNameOf: pseudonyms.follows, log });
  },
  async licences({ config, part }) {
    const keys = await part('keys');
    const { createLicenceIssuer } = await import('./grants/licence-issuer.ts');
    return createLicenceIssuer(keys, config.licenceSeconds + config.offlineGraceSeconds);
  },
  async versionKeys({ part }) {
    const keys = await part('keys');
    const { createVersionKeys } = await import('./catalogue/version-keys.ts');
    return createVersionKeys(keys);
  },
  async manifests({ config, part }) {
    const objects = await part('objects');
    const { createManifests } = await import('./catalogue/manifests.ts');
    return createManifests(objects, config.buckets.vault);
  },
  async urls({ config, part }) {
    const [documents, keys] = await Promise.all([part('documents'), part('keys')]);
    const origin = config.endpoints.storage ?? 'https://storage.googleapis.com';
    let signer: UrlSigner | undefined;
    return {
      // Read with the first grant, as it seals.
      async signReadUrl(...args) {
        const { createUrlSigner } = await import('./grants/url-keys.ts');
        signer ??= createUrlSigner({ documents, keys }, origin);
        return signer.signReadUrl(...args);
      },
    };
  },
  async consoleAccess({ config }) {
    const [{ parseConsoleSettings }, { createTokenVerifier }] = await Promise.all([
      import('./operators/console-settings.ts'),
      import('./identity/user-token.ts'),
    ]);
    try {
      const settings = parseConsoleSettings(config.console, config.isOnGoogleCloud, config.issuers);
      return settings && { settings, verifyToken: createTokenVerifier([settings.issuer]) };
    } catch (error) {
      throw new ConfigError([`CONSOLE: ${(error as Error).message}`]);
    }
  },
  async events({ log, now, declares, part }) {
    const publisher = await part('publisher');
    const { createEventDelivery } = await import('./fraud/event-delivery.ts');
    const { eventMessage } = await import('./fraud/event-message.ts');
    const outbox = async () => {
      const { documentOutbox } = await import('./fraud/outbox.ts');
      return documentOutbox(await part('documents'), now);
    };
    return createEventDelivery({
      publish: (event) => publisher.publish('events', eventMessage(event)),
      ...(declares('documents') && { outbox: await outbox() }),
      log,
      pause: (ms) => pause(ms, undefined, { ref: false }),
    });
  },
  async emit({ part }) {
    const events = await part('events');
    const { newEvent } = await import('./fraud/events.ts');
    return async (input, now) => {
      await events.deliver(newEvent(input, now, randomBytes(10)));
    };
  },
};

const CLOUD_NAMES = Object.keys(CLOUD) as readonly (keyof CloudClients)[];
const ALL_NAMES = [...CLOUD_NAMES, ...(Object.keys(PARTS) as ServiceName[])];
/** Nobody who may not read the secret is handed what is made with it. */
const SECRET_OF: { readonly [N in ServiceName]?: SecretName } = {
  pseudonyms: 'PSEUDONYM_SECRET',
  callers: 'PSEUDONYM_SECRET',
  challenges: 'CHALLENGE_SECRET',
  deviceSeals: 'PSEUDONYM_SECRET',
  ownerSeals: 'PSEUDONYM_SECRET',
};

/**
 * What `entry` works with, and nothing that it does not declare; an entry that names no services, as
 * tools and tests have it, gets all that its secrets allow. Throws ConfigError where one of its
 * secrets is missing, or a part of the configuration that it uses is wrong.
 */
export async function createServices<N extends ServiceName = ServiceName>(
  config: Config,
  entry: ComposedEntry<N>,
  clients?: CloudClients,
  writeLog: (line: string) => void = (line) => process.stdout.write(line),
): Promise<CoreServices & Pick<DeclaredServices, N>> {
  const secret = secretsOf(config, entry);
  const lines = createLog(entry.name, writeLog);
  const telemetry =
    config.telemetry &&
    (await import('./observability/telemetry.ts')).createTelemetry(lines, {
      ...config.telemetry,
      functionName: entry.name,
    });
  const log = telemetry?.log ?? lines;
  const now = () => new Date();
  const isAllowed = (name: ServiceName) => {
    const needed = SECRET_OF[name];
    return needed === undefined || entry.secrets.includes(needed);
  };
  const names: readonly ServiceName[] = entry.services ?? ALL_NAMES.filter(isAllowed);

  const made = new Map<ServiceName, Promise<unknown>>();
  const part = <K extends ServiceName>(name: K): Promise<DeclaredServices[K]> => {
    const known = made.get(name) ?? make(name);
    made.set(name, known);
    return known as Promise<DeclaredServices[K]>;
  };
  const context: Context = {
    ...{ config, log, now, secret, part },
    declares: (name) => names.includes(name),
  };
  const make = async (name: ServiceName): Promise<unknown> => {
    if (name in PARTS) return PARTS[name as keyof typeof PARTS](context);
    const client = name as keyof CloudClients;
    if (clients) return clients[client];
    return client === 'keys' ? onFirstCall(() => CLOUD.keys(config)) : CLOUD[client](config);
  };
  const declared = await Promise.all(names.map(async (name) => [name, await part(name)] as const));
  const core: CoreServices = {
    config,
    log,
    now,
    randomBytes,
    concurrencyLimiter: createConcurrencyLimiter({
      slots: config.instanceConcurrency,
      random: Math.random,
    }),
    async drain() {
      if (made.has('events')) await (await part('events')).drain();
      await telemetry?.shutdown();
    },
  };
  // What is there is what was declared, by the names themselves: the compiler cannot see that.
  return Object.assign(core, Object.fromEntries(declared)) as never;
}

function secretsOf(config: Config, entry: Pick<FunctionEntry, 'secrets'>): Context['secret'] {
  const missing = entry.secrets.filter((name) => config.secrets[name] === undefined);
  if (missing.length > 0) throw new ConfigError(missing.map((name) => `${name}: missing`));
  return (name) => {
    const secret = entry.secrets.includes(name) ? config.secrets[name] : undefined;
    if (!secret) throw new Error(`this function may not read ${name}`);
    return secret;
  };
}
