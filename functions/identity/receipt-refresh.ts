/** App Attest receipts of enrolled devices: which to refresh, when again, and what the metric says. */

import { type Receipt, verifyReceipt } from '../attestation/app-attest/receipt.ts';
import {
  type ReceiptClientOptions,
  refreshReceipt,
} from '../attestation/app-attest/receipt-client.ts';
import { AttestationError } from '../attestation/errors.ts';
import { checkRiskMetric } from '../attestation/policy/running-app-checks.ts';
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import { isInRange } from '../attestation/policy/version-range.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { DAY_MS } from '../time.ts';
import type { DeviceRecord } from './devices.ts';

/** Apple counts over about thirty days: asking more often than daily tells nothing new. */
const REFRESH_MS = DAY_MS;
/** Apple dropped the device's data; what it attests anew is another key, so another device. */
const NO_DATA_MS = 7 * DAY_MS;

export interface RefreshStep {
  /** What changes in the device's document: when the receipt is due again, and the receipt if it is new. */
  readonly fields: DocumentData;
  /** Of a new receipt. */
  readonly riskMetric?: number | undefined;
}

/**
 * Refreshes the receipt of one device, or finds that there is none to refresh: the last valid one is
 * kept until there is a newer. Throws as `refreshReceipt` does.
 */
export async function refreshStep(
  apple: ReceiptClientOptions,
  device: DeviceRecord,
  now: Date,
): Promise<RefreshStep> {
  if (!device.receipt || device.retiredAt) return never;
  const { appId, publicKey, receipt } = device;
  // The key speaks for one team only.
  if (!appId.startsWith(`${apple.teamId}.`)) return dueIn(NO_DATA_MS, now);
  const trusted = { appId, publicKey, trustAnchors: apple.trustAnchors, now };
  const known = await verifyReceipt({ receipt, ...trusted }).catch(noneIfRefused);
  // A policy may have let in what is no receipt; and an expired one is exchanged no more.
  if (!known) return never;
  if (known.notBefore && known.notBefore > now)
    return { fields: { receiptDueAt: known.notBefore } };

  const refresh = await refreshReceipt(apple, { receipt, appId, publicKey, now });
  if (refresh.status === 'unchanged') return dueIn(REFRESH_MS, now);
  if (refresh.status === 'no-data') return dueIn(NO_DATA_MS, now);
  const { notBefore, riskMetric } = refresh.receipt;
  const dueAt = Math.max(now.getTime() + REFRESH_MS, notBefore?.getTime() ?? 0);
  const fields = { receipt: toBase64url(refresh.bytes), receiptDueAt: new Date(dueAt) };
  return { fields, riskMetric };
}

/** When a device whose refresh failed by itself is due again. */
export const dueAfterFailure = (now: Date): DocumentData => dueIn(REFRESH_MS, now).fields;

/** The cause `risk-metric-high` where the policy for the device's app looks at the metric and it is too high. */
export function riskCause(
  { apps }: AttestationPolicy,
  { appId, appVersion }: Pick<DeviceRecord, 'appId' | 'appVersion'>,
  riskMetric: number,
): string | null {
  const rules = apps.flatMap((app) =>
    app.platform === 'ios' && `${app.teamId}.${app.bundleId}` === appId ? app.rules : [],
  );
  const rule = rules.find(({ versions }) => isInRange(appVersion, versions));
  const finding = rule && checkRiskMetric(rule, riskMetric);
  return finding && !finding.held ? finding.check : null;
}

const never: RefreshStep = { fields: { receiptDueAt: null } };

const dueIn = (ms: number, now: Date): RefreshStep => ({
  fields: { receiptDueAt: new Date(now.getTime() + ms) },
});

function noneIfRefused(error: unknown): Receipt | undefined {
  if (error instanceof AttestationError) return undefined;
  throw error;
}
