/**
 * The environment of a function, validated once at start into one frozen object. A function with a
 * wrong environment does not start. On Google Cloud (K_SERVICE is set there) nothing of a local
 * stack is taken: no emulator, no test root, no plain-http issuer.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { fromBase64url } from './protocol/encoding.ts';
import { WATERMARK_STRENGTHS } from './protocol/watermark-strength.ts';

/** The environment is not usable; the message names each variable and never its value. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`the environment is not usable:\n  ${problems.join('\n  ')}`);
    this.name = 'ConfigError';
  }
}

const json = <T>(schema: z.ZodType<T>) =>
  z.string().transform((text, context): T => {
    try {
      const parsed = schema.safeParse(JSON.parse(text));
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) {
        context.addIssue(`${issue.path.join('.')}: ${issue.message}`);
      }
    } catch {
      context.addIssue('is not JSON');
    }
    return z.NEVER;
  });

const MAX_PSEUDONYM_SECRETS = 8;

const secret = z
  .string()
  .transform((text) => fromBase64url(text))
  .refine((bytes) => bytes !== null && bytes.byteLength >= 32, 'needs ≥ 32 bytes in base64url')
  .transform((bytes) => bytes as Uint8Array);

/** The bytes of one secret, or of several behind commas, the oldest first. */
const secrets = z
  .string()
  .transform((text) => text.split(',').map(fromBase64url))
  .refine(
    (all) =>
      all.length <= MAX_PSEUDONYM_SECRETS && all.every((each) => (each?.byteLength ?? 0) >= 32),
    `needs ≥ 32 bytes in base64url, or up to ${MAX_PSEUDONYM_SECRETS} times that behind commas`,
  )
  .transform((all) => all as readonly Uint8Array[]);

const seconds = (fallback: number, max: number) =>
  z.coerce.number().int().min(1).max(max).default(fallback);

const issuer = z.strictObject({
  issuer: z.url(),
  audience: z.string().min(1),
  jwksUri: z.url(),
  algorithms: z
    .array(z.enum(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']))
    .min(1)
    .default(['RS256', 'ES256']),
});

/** Response encryption keys of Play Integrity, as Play Console shows them, by package name. */
const integrityKeys = z.record(
  z.string(),
  z.strictObject({ decryptionKey: z.string(), verificationKey: z.string() }),
);

/** The DeviceCheck key of a developer account. */
const appleReceiptKey = z.strictObject({
  teamId: z.string().regex(/^[A-Z0-9]{10}$/),
  keyId: z.string().regex(/^[A-Z0-9]{10}$/),
  privateKeyPem: z.string().transform((pem, context): KeyObject => {
    try {
      const key = createPrivateKey(pem);
      if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
    } catch {
      // Reported below: the error of the parser may quote the key.
    }
    context.addIssue('is no private key on P-256');
    return z.NEVER;
  }),
});

/**
 * An HMAC key of the service account that readers of signed URLs act as; a person's would be shorter:
 * https://cloud.google.com/storage/docs/authentication/hmackeys#overview.
 */
const urlSigningKey = z.strictObject({
  accessId: z.string().regex(/^GOOG[A-Z0-9]{57}$/),
  secret: z.string().regex(/^[A-Za-z0-9+/]{40}$/),
});

/** Of one key, so that `/v1/keys` stays small. */
const MAX_OTHER_VERSIONS = 8;
const keyVersion = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const signingVersions = z
  .strictObject({
    signing: keyVersion,
    announced: z.array(keyVersion).max(MAX_OTHER_VERSIONS),
    retired: z.array(keyVersion).max(MAX_OTHER_VERSIONS),
  })
  .refine(({ signing, announced, retired }) => {
    const all = [signing, ...announced, ...retired];
    return new Set(all).size === all.length;
  }, 'names a version twice');

/** A day's models are listed in one document. */
const MAX_MODELS_A_DAY = 1_000;

const plan = z.strictObject({
  grantsPerDay: z.int().min(1).max(1_000_000),
  modelsPerDay: z.int().min(1).max(MAX_MODELS_A_DAY),
  newModelsPerMonth: z.int().min(1).max(MAX_MODELS_A_DAY).optional(),
});
const planName = /^[\w.-]{1,64}$/;
const plans = z
  .object({ default: plan })
  .catchall(plan)
  .refine((all) => Object.keys(all).every((name) => planName.test(name)), 'has a wrong name');

const certificates = z.array(z.string()).default([]);

const environment = z.object({
  GOOGLE_CLOUD_PROJECT: z.string().min(1),
  /** Another than the default one after a restore into a new database. */
  FIRESTORE_DATABASE: z.string().min(1).default('(default)'),
  INTAKE_BUCKET: z.string().min(3),
  VAULT_BUCKET: z.string().min(3),
  SEALED_BUCKET: z.string().min(3),
  LEAKS_BUCKET: z.string().min(3),
  /** Resource names of the crypto keys: the one that wraps data keys, and the three that sign. */
  KMS_VAULT_KEY: z.string().min(1),
  KMS_MANIFEST_KEY: z.string().min(1),
  KMS_LICENCE_KEY: z.string().min(1),
  KMS_DEVICE_KEY: z.string().min(1),
  /**
   * Which version of each signs, which are announced and which retired. There is no default: that the
   * newest version signs is what it prevents.
   */
  SIGNING_KEYS: json(
    z.strictObject({
      manifest: signingVersions,
      licence: signingVersions,
      device: signingVersions,
    }),
  ),
  EVENTS_TOPIC: z.string().min(3).default('events'),
  DECISIONS_TOPIC: z.string().min(3).default('decisions'),
  ORDERS_TOPIC: z.string().min(3).default('orders'),
  DEAD_LETTERS_TOPIC: z.string().min(3).default('dead-letters'),
  CHALLENGE_SECRET: secret.optional(),
  /** Several while it is rotated and ever after: names of the newest follow from those of the one before. */
  PSEUDONYM_SECRET: secrets.optional(),
  OIDC_ISSUERS: json(z.array(issuer).min(1)),
  /** Which apps may enrol devices, and what is required of them: docs/mobile/attestation.md. Functions that go by it read it. */
  ATTESTATION_POLICY: json(z.unknown()),
  /** A secret: apps that are not named here have their tokens decoded by Google. */
  INTEGRITY_KEYS: json(integrityKeys).default({}),
  /** A secret; null where receipts are not refreshed. */
  APPLE_RECEIPT_KEY: json(appleReceiptKey.nullable()).default(null),
  URL_SIGNING_KEY: json(urlSigningKey).optional(),
  /** Apple's and Google's own unless told. */
  APPLE_RECEIPT_URL: z.url().optional(),
  REVOCATION_LIST_URL: z.url().optional(),
  /** How long past its freshness the revocation list may serve while it cannot be fetched. */
  REVOCATION_MAX_STALE_SECONDS: z.coerce.number().int().min(0).max(604_800).default(86_400),
  /** A device whose attestation is older has to attest anew. */
  ATTESTATION_MAX_AGE_SECONDS: seconds(90 * 86_400, 400 * 86_400),
  /** Enrolling one more retires the one that was enrolled first. */
  MAX_DEVICES_PER_USER: z.coerce.number().int().min(1).max(50).default(6),
  /** Models whose ids begin with it are personal: one without an owner is refused; empty for no such rule. */
  PERSONAL_MODEL_PREFIX: z.string().max(64).default(''),
  /** How long a further device is provisional that no other one approves; 0 for not at all. */
  DEVICE_COOLING_OFF_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400),
  URL_TTL_SECONDS: seconds(120, 900),
  /** How long a sealed object lies in storage before the sweep deletes it. */
  SEALED_TTL_SECONDS: seconds(300, 3600),
  LICENCE_SECONDS: seconds(86_400, 30 * 86_400),
  OFFLINE_GRACE_SECONDS: seconds(7_200, 7 * 86_400),
  /**
   * How long a release record holds: so long may an old one be played back, and so long may signing
   * anew fail before nobody gets a model. It is signed anew after a fourteenth of it.
   */
  RELEASE_SECONDS: z.coerce
    .number()
    .int()
    .min(86_400)
    .max(90 * 86_400)
    .default(14 * 86_400),
  /** A collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; empty for none. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.union([z.url(), z.literal('')]).default(''),
  /** The share of traces that is sent to it. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(0.1),
  /** Of models whose publisher does not say otherwise: docs/analysts/tracing.md. */
  TRACING: z.enum(WATERMARK_STRENGTHS).default('off'),
  /** Grants in a minute before a caller is throttled. */
  GRANTS_PER_USER_MINUTE: z.coerce.number().int().min(1).default(10),
  GRANTS_PER_DEVICE_MINUTE: z.coerce.number().int().min(1).default(20),
  /** An app reports when it starts and in batches; after days without a network in many at once. */
  REPORTS_PER_DEVICE_MINUTE: z.coerce.number().int().min(1).default(20),
  /** Of one /24 or /48, where a whole town may sit behind one address. */
  GRANTS_PER_NETWORK_MINUTE: z.coerce.number().int().min(64).default(600),
  /** Of one model by everybody: what stops a leaked app from emptying the budget. */
  GRANTS_PER_MODEL_MINUTE: z.coerce.number().int().min(256).default(60_000),
  /**
   * From the decision of the rules to block somebody until it takes effect: the time in which the breaker
   * sees a mistake of ours. The budget of new models bounds what it costs.
   */
  BLOCK_DELAY_SECONDS: z.coerce.number().int().min(0).max(86_400).default(43_200),
  /** What each plan gives in a day, by its name; `default` is for who has none. */
  PLANS: json(plans).default({ default: { grantsPerDay: 1_000, modelsPerDay: 40 } }),
  /** The claim of a user token that names the plan. */
  PLAN_CLAIM: z.string().min(1).max(200).default('plan'),
  /** Of a published model's bytes that are not structure, the least share that lies in layers. */
  MIN_SEALED_SHARE: z.coerce.number().min(0).max(1).default(0.95),
  MAX_MODEL_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(4 * 2 ** 30),
  /** The operators' console: docs/ops/console.md. The function behind it reads it; null where there is none. */
  CONSOLE: json(z.unknown()).default(null),
  /** Calls that an instance works on at once, as the platform sends it no more. */
  INSTANCE_CONCURRENCY: z.coerce.number().int().min(1).max(1000).default(40),
  /** Which entry of X-Forwarded-For, counted from the right, is the caller: the load balancer appends the client's address and its own. */
  FORWARDED_FOR_POSITION: z.coerce.number().int().min(1).max(5).default(2),
  K_SERVICE: z.string().optional(),
  FUNCTION_TARGET: z.string().optional(),
  /** Local stack only. */
  FIRESTORE_ENDPOINT: z.url().optional(),
  PUBSUB_ENDPOINT: z.url().optional(),
  STORAGE_ENDPOINT: z.url().optional(),
  KMS_ENDPOINT: z.url().optional(),
  /** Certificates in PEM. */
  TEST_TRUST_ANCHORS: json(
    z.strictObject({
      appAttest: certificates,
      appleReceipt: certificates,
      keyAttestation: certificates,
    }),
  ).optional(),
});

type Environment = z.infer<typeof environment>;

/** The name of every variable that a function reads. */
export const ENVIRONMENT_VARIABLES: readonly string[] = Object.keys(environment.shape);

/** Variables that only a local stack or a test may set. */
export const LOCAL_ONLY = [
  'FIRESTORE_ENDPOINT',
  'FIRESTORE_EMULATOR_HOST',
  'PUBSUB_ENDPOINT',
  'PUBSUB_EMULATOR_HOST',
  'STORAGE_ENDPOINT',
  'STORAGE_EMULATOR_HOST',
  'KMS_ENDPOINT',
  'TEST_TRUST_ANCHORS',
] as const;

export type Config = ReturnType<typeof shape>;

/** Throws ConfigError, with every problem at once. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(env);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (env['K_SERVICE']) {
    for (const name of LOCAL_ONLY) {
      if (env[name]) problems.push(`${name}: not allowed on Google Cloud`);
    }
    for (const { issuer, jwksUri } of parsed.data?.OIDC_ISSUERS ?? []) {
      if (!issuer.startsWith('https://') || !jwksUri.startsWith('https://')) {
        problems.push('OIDC_ISSUERS: an issuer must use https on Google Cloud');
      }
    }
    for (const name of ['REVOCATION_LIST_URL', 'APPLE_RECEIPT_URL'] as const) {
      if (parsed.data?.[name]?.startsWith('https://') === false) {
        problems.push(`${name}: must use https on Google Cloud`);
      }
    }
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(shape(parsed.data));
}

/** The configuration of this process. */
export const processConfig = (): Config => loadConfig(process.env);

function shape(env: Environment) {
  return {
    projectId: env.GOOGLE_CLOUD_PROJECT,
    databaseId: env.FIRESTORE_DATABASE,
    functionTarget: env.FUNCTION_TARGET,
    buckets: {
      intake: env.INTAKE_BUCKET,
      vault: env.VAULT_BUCKET,
      sealed: env.SEALED_BUCKET,
      leaks: env.LEAKS_BUCKET,
    },
    kmsKeys: {
      vault: env.KMS_VAULT_KEY,
      manifest: env.KMS_MANIFEST_KEY,
      licence: env.KMS_LICENCE_KEY,
      device: env.KMS_DEVICE_KEY,
    },
    signingKeys: env.SIGNING_KEYS,
    topics: {
      events: env.EVENTS_TOPIC,
      decisions: env.DECISIONS_TOPIC,
      orders: env.ORDERS_TOPIC,
      'dead-letters': env.DEAD_LETTERS_TOPIC,
    },
    secrets: {
      CHALLENGE_SECRET: env.CHALLENGE_SECRET,
      PSEUDONYM_SECRET: env.PSEUDONYM_SECRET,
      APPLE_RECEIPT_KEY: env.APPLE_RECEIPT_KEY,
      URL_SIGNING_KEY: env.URL_SIGNING_KEY,
    },
    issuers: env.OIDC_ISSUERS,
    attestation: {
      policy: env.ATTESTATION_POLICY,
      integrityKeys: env.INTEGRITY_KEYS,
      appleReceiptUrl: env.APPLE_RECEIPT_URL,
      revocationListUrl: env.REVOCATION_LIST_URL,
      revocationMaxStaleSeconds: env.REVOCATION_MAX_STALE_SECONDS,
      maxAgeSeconds: env.ATTESTATION_MAX_AGE_SECONDS,
      testTrustAnchors: env.TEST_TRUST_ANCHORS,
    },
    maxDevicesPerUser: env.MAX_DEVICES_PER_USER,
    deviceCoolingOffSeconds: env.DEVICE_COOLING_OFF_SECONDS,
    personalModelPrefix: env.PERSONAL_MODEL_PREFIX,
    urlTtlSeconds: env.URL_TTL_SECONDS,
    sealedTtlSeconds: env.SEALED_TTL_SECONDS,
    licenceSeconds: env.LICENCE_SECONDS,
    offlineGraceSeconds: env.OFFLINE_GRACE_SECONDS,
    releaseSeconds: env.RELEASE_SECONDS,
    tracing: env.TRACING,
    limits: {
      grantsPerUserMinute: env.GRANTS_PER_USER_MINUTE,
      grantsPerDeviceMinute: env.GRANTS_PER_DEVICE_MINUTE,
      reportsPerDeviceMinute: env.REPORTS_PER_DEVICE_MINUTE,
      grantsPerNetworkMinute: env.GRANTS_PER_NETWORK_MINUTE,
      grantsPerModelMinute: env.GRANTS_PER_MODEL_MINUTE,
    },
    blockDelaySeconds: env.BLOCK_DELAY_SECONDS,
    plans: env.PLANS,
    planClaim: env.PLAN_CLAIM,
    maxModelBytes: env.MAX_MODEL_BYTES,
    minSealedShare: env.MIN_SEALED_SHARE,
    /** Null where nobody collects. */
    telemetry: env.OTEL_EXPORTER_OTLP_ENDPOINT
      ? { endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT, traceShare: env.OTEL_TRACES_SAMPLER_ARG }
      : null,
    console: env.CONSOLE,
    /** Nothing of a local stack is taken there. */
    isOnGoogleCloud: env.K_SERVICE !== undefined,
    instanceConcurrency: env.INSTANCE_CONCURRENCY,
    forwardedForPosition: env.FORWARDED_FOR_POSITION,
    /** Undefined on Google Cloud: the clients' own endpoints and credentials. */
    endpoints: {
      firestore: env.FIRESTORE_ENDPOINT,
      pubsub: env.PUBSUB_ENDPOINT,
      storage: env.STORAGE_ENDPOINT,
      kms: env.KMS_ENDPOINT,
    },
  };
}
