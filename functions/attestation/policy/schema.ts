import { z } from 'zod';

/**
 * What is required of a device, as data. Every check has a mode: `off` is not looked at, `monitor`
 * is reported and scored but refuses nobody, `enforce` refuses. A policy that names nothing enforces
 * everything it can: roll-outs relax it, one check at a time.
 *
 * What proves the evidence to be genuine (signatures, chains, nonces, counters) has no mode.
 */
export const checkMode = z.enum(['off', 'monitor', 'enforce']);
export type CheckMode = z.infer<typeof checkMode>;

const check = <T extends z.ZodRawShape>(mode: CheckMode, parameters: T) =>
  z.strictObject({ mode: checkMode.default(mode), ...parameters }).prefault({} as never);

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 in lower-case hexadecimal');
const patchMonth = z.int().min(201_501).max(999_912);

/** Dotted numbers, such as 2.10.1. */
const appVersion = z.string().regex(/^\d{1,9}(\.\d{1,9}){0,3}$/);

/** Inclusive at both ends; absent ends are open. */
const versionRange = z
  .strictObject({ min: appVersion.optional(), max: appVersion.optional() })
  .prefault({});

export const iosRule = z.strictObject({
  versions: versionRange,
  environments: z.array(z.enum(['production', 'development'])).default(['production']),
  /** A device that cannot attest at all. */
  unsupported: check('enforce', {}),
  /** The receipt beside the attestation is Apple's, for this app and key. */
  receipt: check('enforce', {}),
  /** How the running app came to the device (iOS 27 and later): by default App Store and TestFlight. */
  launchCategory: check('enforce', {
    allowed: z.array(z.int().nonnegative()).default([2, 4]),
    /** Whether devices that do not say so are refused: all before iOS 27. */
    required: z.boolean().default(false),
  }),
  /** CFBundleVersion of the running app (iOS 27 and later). */
  bundleVersion: check('off', { allowed: z.array(z.string()).default([]) }),
  /** Keys attested for the app on the device in about 30 days. Apple advises against refusing by it. */
  riskMetric: check('monitor', { maximum: z.int().nonnegative().default(10) }),
  /**
   * A token of Apple's DeviceCheck comes along, by which the phone's two bits are read and enrolments are
   * counted in them. Leave it off where law wants consent for it, and where other apps of the team have
   * their own meaning for the bits. An outage of Apple's refuses nobody in any mode.
   */
  deviceCheck: check('off', {}),
});

const keyAttestation = z
  .strictObject({
    securityLevel: check('enforce', {
      minimum: z.enum(['TRUSTED_ENVIRONMENT', 'STRONG_BOX']).default('TRUSTED_ENVIRONMENT'),
    }),
    /** Attestation and key at the same level, as they are on any phone. */
    levelsAgree: check('enforce', {}),
    /**
     * The key at the level that the chain's issuers vouch for. StrongBox that only the phone claims
     * counts as a trusted environment in any case.
     */
    certifiedLevel: check('monitor', {}),
    /** An attestation key of Google's that expires within weeks, and no keybox of the factory. */
    remoteProvisioning: check('off', {}),
    /** Attestation certificates that Google issued to the phone within 30 days. */
    certificatesIssued: check('monitor', { maximum: z.int().positive().default(1000) }),
    /** All of the description as its schema has it; what security rests on is looked at in any case. */
    description: check('monitor', {}),
    /** Made in the hardware, not imported into it. */
    origin: check('enforce', {}),
    /** For signatures and nothing else. */
    purposes: check('enforce', {}),
    /** EC on P-256, which is what the device's proofs are made with. */
    algorithm: check('enforce', {}),
    /** Its dates of use are not over. */
    keyValidity: check('enforce', {}),
    /** For the app that asked for it, and not for all. */
    appBound: check('enforce', {}),
    packageName: check('enforce', {}),
    signingCertificate: check('enforce', {}),
    verifiedBoot: check('enforce', {}),
    /** A verified system names the key it was verified with. Some engineering devices do not. */
    bootKey: check('monitor', {}),
    deviceLocked: check('enforce', {}),
    /** Such as 130000 for Android 13. */
    osVersion: check('off', { minimum: z.int().nonnegative().default(0) }),
    osPatchLevel: check('off', { minimum: patchMonth.default(201_501) }),
    vendorPatchLevel: check('off', { minimum: patchMonth.default(201_501) }),
    bootPatchLevel: check('off', { minimum: patchMonth.default(201_501) }),
  })
  .prefault({});

const playIntegrity = z
  .strictObject({
    /** That there is a token, genuine, fresh and for this request; with `off`, none is looked at. */
    token: check('enforce', {}),
    maxAgeSeconds: z.int().min(30).max(3600).default(300),
    allowTestingResponses: z.boolean().default(false),
    appRecognition: check('enforce', {
      allowed: z.array(z.string()).default(['PLAY_RECOGNIZED']),
    }),
    appCertificate: check('enforce', {}),
    versionCode: check('off', { minimum: z.int().nonnegative().default(0) }),
    licensing: check('enforce', { allowed: z.array(z.string()).default(['LICENSED']) }),
    /** All labels of `required`, and at least one of `anyOf` where it names some. */
    deviceRecognition: check('enforce', {
      required: z.array(z.string()).default(['MEETS_DEVICE_INTEGRITY']),
      anyOf: z.array(z.string()).default([]),
    }),
    /** Tokens the app got on the device within an hour, by Google's levels 1 to 4. */
    deviceActivity: check('monitor', { maximumLevel: z.int().min(1).max(4).default(3) }),
    /** Marks that we set on the device and that outlive a factory reset. */
    deviceRecall: check('monitor', {
      forbidden: z.array(z.enum(['bitFirst', 'bitSecond', 'bitThird'])).default(['bitFirst']),
    }),
    /** Whether enrolments are counted in those marks. Leave it off where law wants consent for it. */
    marksPhones: z.boolean().default(false),
    playProtect: check('monitor', {
      allowed: z.array(z.string()).default(['NO_ISSUES', 'NO_DATA', 'UNEVALUATED']),
    }),
    /** Other apps that could read or steer the screen. */
    accessRisk: check('monitor', {
      forbidden: z
        .array(z.string())
        .default([
          'KNOWN_CAPTURING',
          'KNOWN_CONTROLLING',
          'UNKNOWN_CAPTURING',
          'UNKNOWN_CONTROLLING',
        ]),
    }),
    sdkVersion: check('off', { minimum: z.int().nonnegative().default(0) }),
  })
  .prefault({});

/** How long enrolment goes on without a service of Google's; 0 fails closed at once. */
const graceSeconds = z.int().nonnegative().max(604_800).default(0);

export const androidRule = z.strictObject({
  versions: versionRange,
  unsupported: check('enforce', {}),
  keyAttestation,
  playIntegrity,
  /**
   * Systems other than the maker's, by the SHA-256 of their verified boot keys: sound when their
   * boot state is SELF_SIGNED, and excused from Play Integrity, which they cannot have.
   */
  customSystems: z.strictObject({ bootKeys: z.array(hexDigest).default([]) }).prefault({}),
  outage: z
    .strictObject({
      playIntegrity: z.strictObject({ graceSeconds }).prefault({}),
      revocationList: z.strictObject({ graceSeconds }).prefault({}),
    })
    .prefault({}),
});

const iosApp = z.strictObject({
  platform: z.literal('ios'),
  teamId: z.string().regex(/^[A-Z0-9]{10}$/),
  bundleId: z.string().min(1).max(155),
  /** The first whose versions hold the app's version is the one that counts. */
  rules: z.array(iosRule).min(1),
});

const androidApp = z.strictObject({
  platform: z.literal('android'),
  packageName: z.string().regex(/^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/),
  signingCertificateDigests: z.array(hexDigest).min(1),
  rules: z.array(androidRule).min(1),
});

const attestationPolicy = z.strictObject({
  apps: z.array(z.discriminatedUnion('platform', [iosApp, androidApp])).min(1),
});

export type IosRule = z.infer<typeof iosRule>;
export type AndroidRule = z.infer<typeof androidRule>;
export type IosApp = z.infer<typeof iosApp>;
export type AndroidApp = z.infer<typeof androidApp>;
export type AttestationPolicy = z.infer<typeof attestationPolicy>;

/** The policy with its defaults. Throws an Error that names every wrong member: start-up is to end there. */
export function parseAttestationPolicy(json: unknown): AttestationPolicy {
  const parsed = attestationPolicy.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Error(`attestation policy: ${z.prettifyError(parsed.error)}`);
}
