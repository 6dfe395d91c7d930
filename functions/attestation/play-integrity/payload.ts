import { z } from 'zod';
import { AttestationError } from '../errors.ts';

/** JSON has 64-bit integers as text; older answers have them as numbers. */
const int64 = z.union([z.string().regex(/^\d{1,19}$/), z.int().nonnegative()]).transform(Number);

const labels = z.array(z.string()).max(32);

const UNEVALUATED = 'UNEVALUATED';

/**
 * The verdict of Play Integrity
 * (https://developer.android.com/google/play/integrity/verdicts). Labels are texts: Google adds some,
 * and one we do not know must neither be fatal nor count as one we require. What is absent was not
 * evaluated, which Google also says in a word; the policy judges both alike. Members we have no use
 * for are left out.
 */
const payload = z.object({
  requestDetails: z.object({
    requestPackageName: z.string(),
    /** Of a standard request; empty in some answers to classic ones. */
    requestHash: z.string().optional(),
    /** Of a classic request. */
    nonce: z.string().optional(),
    timestampMillis: int64,
  }),
  appIntegrity: z
    .object({
      appRecognitionVerdict: z.string().default(UNEVALUATED),
      packageName: z.string().optional(),
      certificateSha256Digest: labels.optional(),
      versionCode: int64.optional(),
    })
    .prefault({}),
  deviceIntegrity: z
    .object({
      /** Absent or empty where the device passed nothing. */
      deviceRecognitionVerdict: labels.optional(),
      recentDeviceActivity: z.object({ deviceActivityLevel: z.string().optional() }).optional(),
      deviceAttributes: z.object({ sdkVersion: z.int().optional() }).optional(),
      deviceRecall: z
        .object({
          values: z
            .object({
              bitFirst: z.boolean().optional(),
              bitSecond: z.boolean().optional(),
              bitThird: z.boolean().optional(),
            })
            .optional(),
          /** When each bit was written last, as `yyyymm`. */
          writeDates: z
            .object({
              yyyymmFirst: z.int().optional(),
              yyyymmSecond: z.int().optional(),
              yyyymmThird: z.int().optional(),
            })
            .optional(),
        })
        .optional(),
    })
    .prefault({}),
  accountDetails: z.object({ appLicensingVerdict: z.string().default(UNEVALUATED) }).prefault({}),
  environmentDetails: z
    .object({
      playProtectVerdict: z.string().optional(),
      appAccessRiskVerdict: z.object({ appsDetected: labels.optional() }).optional(),
    })
    .optional(),
  testingDetails: z.object({ isTestingResponse: z.boolean().optional() }).optional(),
});

export type IntegrityPayload = z.infer<typeof payload>;

/** The payload, decoded by Google's API or locally. Throws AttestationError `integrity-payload-malformed`. */
export function parseIntegrityPayload(json: unknown): IntegrityPayload {
  const parsed = payload.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.');
  throw new AttestationError('integrity-payload-malformed', where, { cause: parsed.error });
}
