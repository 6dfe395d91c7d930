/**
 * `POST /internal/revocations`, twice an hour by Cloud Scheduler: retires the devices whose attestation
 * certificates Google has revoked or suspended since they enrolled, of which leaked keyboxes are most.
 * Each run compares the whole list, so that nothing is missed after a run that failed, nor a device
 * that enrolled while the list could not be had. A genuine phone has got other certificates meanwhile
 * and enrols anew by itself; one that lives by a leaked key is refused then.
 */
import type { EndpointTable } from '../api/endpoint.ts';
import { AttestationServiceError } from '../attestation/errors.ts';
import {
  fetchRevocationList,
  GOOGLE_REVOCATION_URL,
} from '../attestation/key-attestation/revocation-list.ts';
import type { DocumentStore, StoredDocument } from '../cloud/documents.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import { deviceIdFrom, readDevice } from '../identity/devices.ts';
import { describeError, type Log } from '../log.ts';
import { retireByOperator } from '../privacy/retire-device.ts';

/** As many values as Firestore compares a field with in one query. */
const SERIALS_A_QUERY = 30;
const DEVICES_A_QUERY = 200;
/** In one run; the next goes on where it ended, because retired devices are found no more. */
const MAX_RETIRED = 2_000;
const CONCURRENT = 8;

export interface RevocationsRun {
  /** Certificates on Google's list. */
  readonly listed: number;
  readonly retired: number;
  readonly failed: number;
  /** More are affected than one run retires. */
  readonly incomplete: boolean;
  /** The list could not be had: nothing was changed. */
  readonly outage: boolean;
}

export interface RevocationServices {
  readonly config: { readonly attestation: { readonly revocationListUrl: string | undefined } };
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
  readonly emit: Emit;
  readonly log: Log;
}

export const endpoints: EndpointTable<RevocationServices> = {
  'POST /internal/revocations': {
    user: false,
    async handle({ now }, services) {
      const run = await retireRevoked(services, fetch, now);
      const severity = run.failed > 0 ? 'ERROR' : run.retired > 0 ? 'WARNING' : 'INFO';
      services.log(severity, 'revocations looked up', { ...run });
      return { status: 200, body: run };
    },
  },
};

/** Retires what Google's list says at `now`; a device that cannot be retired does not stop the rest. */
export async function retireRevoked(
  services: RevocationServices,
  fetchList: typeof fetch,
  now: Date,
): Promise<RevocationsRun> {
  const run = { listed: 0, retired: 0, failed: 0, incomplete: false, outage: false };
  const url = services.config.attestation.revocationListUrl ?? GOOGLE_REVOCATION_URL;
  const list = await fetchRevocationList({ url, fetch: fetchList }, now).catch((error: unknown) => {
    if (!(error instanceof AttestationServiceError)) throw error;
    services.log('WARNING', 'revocations not looked up', { ...describeError(error) });
    return undefined;
  });
  if (!list) return { ...run, outage: true };
  const serials = [...list.entries.keys()];
  run.listed = serials.length;

  const retire = async ({ path, data }: StoredDocument): Promise<void> => {
    const deviceId = deviceIdFrom(path);
    const { user, platform, appVersion, serialNumbers } = readDevice(data);
    const status = serialNumbers.map((serial) => list.entries.get(serial)).find(Boolean) ?? '';
    await retireByOperator(services.documents, deviceId, now);
    run.retired += 1;
    await services.emit(
      {
        type: 'device.revoked',
        authenticated: 'device',
        user,
        device: deviceId,
        platform,
        appVersion,
        cause: 'certificate-revoked',
        attributes: { status: status.slice(0, 200) },
      },
      now,
    );
  };
  const retireAll = async (devices: readonly StoredDocument[]): Promise<number> => {
    const before = run.failed;
    for (const device of devices) {
      await retire(device).catch((error: unknown) => {
        run.failed += 1;
        const id = deviceIdFrom(device.path);
        services.log('ERROR', 'revoked device not retired', {
          device: id,
          ...describeError(error),
        });
      });
    }
    return devices.length - (run.failed - before);
  };

  const batches = Array.from({ length: Math.ceil(serials.length / SERIALS_A_QUERY) }, (_, index) =>
    serials.slice(index * SERIALS_A_QUERY, (index + 1) * SERIALS_A_QUERY),
  ).values();
  // One iterator for all lanes: each batch is taken by one of them.
  const lane = async (): Promise<void> => {
    for (const batch of batches) {
      for (;;) {
        if (run.retired >= MAX_RETIRED) {
          run.incomplete = true;
          return;
        }
        const affected = await services.documents.query({
          collection: 'devices',
          where: [['serialNumbers', 'array-contains-any', batch]],
          limit: DEVICES_A_QUERY,
        });
        const done = await retireAll(affected);
        // Who could not be retired would be found again and again.
        if (affected.length < DEVICES_A_QUERY || done === 0) break;
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, lane));
  return run;
}
