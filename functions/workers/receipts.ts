/**
 * `POST /internal/receipts`, each hour by Cloud Scheduler: exchanges the App Attest receipts that
 * are due for fresh ones, whose risk metric tells how many keys the app attested on a device of
 * late. It is a signal for scoring and refuses nobody by itself, as Apple advises:
 * https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk
 */
import type { KeyObject } from 'node:crypto';
import type { EndpointTable } from '../api/endpoint.ts';
import {
  APPLE_RECEIPT_URLS,
  type ReceiptClientOptions,
} from '../attestation/app-attest/receipt-client.ts';
import { AttestationServiceError } from '../attestation/errors.ts';
import type { DocumentData, DocumentStore, StoredDocument } from '../cloud/documents.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { type DeviceRecord, deviceIdFrom, readDevice } from '../identity/devices.ts';
import type { EnrolmentPolicy } from '../identity/enrolment.ts';
import { dueAfterFailure, refreshStep, riskCause } from '../identity/receipt-refresh.ts';
import { describeError, type Log } from '../log.ts';
import { HOUR_MS } from '../time.ts';

/** Devices in one run; those that are due longest come first, the rest wait for the next hour. */
const BATCH = 500;
const CONCURRENT = 16;
const TIMEOUT_MS = 5_000;
/** Who met an outage goes behind those who did not, lest one device hold up all others. */
const AFTER_OUTAGE_MS = HOUR_MS;

export interface ReceiptsRun {
  readonly refreshed: number;
  /** Nothing newer was to be had. */
  readonly kept: number;
  readonly failed: number;
  /** Apple's service did not work; the devices that are left stay due. */
  readonly outage: boolean;
}

export interface ReceiptServices {
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
  readonly enrolmentPolicy: Pick<EnrolmentPolicy, 'policy' | 'trust'>;
  readonly emit: Emit;
  readonly log: Log;
}

interface AppleConfig {
  readonly config: {
    readonly secrets: {
      readonly APPLE_RECEIPT_KEY: {
        readonly teamId: string;
        readonly keyId: string;
        readonly privateKeyPem: KeyObject;
      } | null;
    };
    readonly attestation: { readonly appleReceiptUrl: string | undefined };
  };
}

export const endpoints: EndpointTable<ReceiptServices & AppleConfig> = {
  'POST /internal/receipts': {
    user: false,
    async handle({ now }, services) {
      const key = services.config.secrets.APPLE_RECEIPT_KEY;
      if (!key) {
        services.log('INFO', 'receipts not refreshed: APPLE_RECEIPT_KEY is not set');
        return { status: 204 };
      }
      const { teamId, keyId, privateKeyPem: privateKey } = key;
      const run = await refreshReceipts(
        services,
        {
          teamId,
          keyId,
          privateKey,
          baseUrl: services.config.attestation.appleReceiptUrl ?? APPLE_RECEIPT_URLS.production,
          fetch,
          trustAnchors: services.enrolmentPolicy.trust.appleReceipt,
          timeoutMs: TIMEOUT_MS,
        },
        now,
      );
      services.log(run.failed > 0 ? 'ERROR' : 'INFO', 'receipts refreshed', { ...run });
      return { status: 200, body: run };
    },
  },
};

/** Refreshes the receipts that are due at `now`, so many at most; one that fails does not stop the rest. */
export async function refreshReceipts(
  services: ReceiptServices,
  apple: ReceiptClientOptions,
  now: Date,
): Promise<ReceiptsRun> {
  const counts = { refreshed: 0, kept: 0, failed: 0 };
  let outage: AttestationServiceError | undefined;

  const visit = async ({ path, data }: StoredDocument): Promise<void> => {
    const update = (fields: DocumentData): Promise<void> =>
      services.documents.transaction(async (tx) => tx.update(path, fields));
    try {
      const device = readDevice(data);
      const { fields, riskMetric } = await refreshStep(apple, device, now);
      // From the next grant on the phone is known by it.
      await update({ ...fields, ...(riskMetric !== undefined && { riskMetric }) });
      counts[fields['receipt'] === undefined ? 'kept' : 'refreshed'] += 1;
      if (riskMetric !== undefined) {
        await services.emit(riskEvent(services, path, device, riskMetric), now);
      }
    } catch (error) {
      if (!isOutage(error)) {
        await update(dueAfterFailure(now));
        throw error;
      }
      outage ??= error;
      await update({ receiptDueAt: new Date(now.getTime() + AFTER_OUTAGE_MS) });
    }
  };

  // One iterator for all workers: each device is taken by one of them.
  const due = (await dueDevices(services, now)).values();
  const worker = async (): Promise<void> => {
    for (const document of due) {
      await visit(document).catch((error: unknown) => {
        counts.failed += 1;
        const device = deviceIdFrom(document.path);
        services.log('ERROR', 'receipt not refreshed', { device, ...describeError(error) });
      });
      if (outage) return;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  if (outage) {
    // Refused credentials do not pass by themselves.
    const severity = outage.code === 'unauthorised' ? 'ERROR' : 'WARNING';
    services.log(severity, 'receipts put off: Apple gives none', { cause: outage.code });
  }
  return { ...counts, outage: outage !== undefined };
}

const dueDevices = ({ documents }: ReceiptServices, now: Date) =>
  documents.query({
    collection: 'devices',
    where: [['receiptDueAt', '<=', now]],
    orderBy: ['receiptDueAt', 'asc'],
    limit: BATCH,
  });

const riskEvent = (
  { enrolmentPolicy }: ReceiptServices,
  path: string,
  device: DeviceRecord,
  riskMetric: number,
): EventInput => ({
  type: 'device.risk',
  authenticated: 'device',
  user: device.user,
  device: deviceIdFrom(path),
  platform: device.platform,
  appVersion: device.appVersion,
  cause: riskCause(enrolmentPolicy.policy, device, riskMetric),
  attributes: { riskMetric },
});

/** Whether the next device would fare no better; an answer that makes no sense may be about one alone. */
const isOutage = (error: unknown): error is AttestationServiceError =>
  error instanceof AttestationServiceError && error.code !== 'unexpected-answer';
