/** What enrolment asks of vendors' services, and since when one of them has been failing. */
import { randomUUID } from 'node:crypto';
import {
  type DeviceCheckCall,
  type DeviceCheckOptions,
  queryTwoBits,
  updateTwoBits,
} from '../attestation/app-attest/device-check-client.ts';
import { AttestationServiceError } from '../attestation/errors.ts';
import { RevocationClient } from '../attestation/key-attestation/revocation-list.ts';
import {
  decodeIntegrityToken,
  GOOGLE_INTEGRITY_SCOPE,
  GOOGLE_INTEGRITY_URL,
} from '../attestation/play-integrity/decode-client.ts';
import { writeDeviceRecall } from '../attestation/play-integrity/recall-client.ts';
import { importIntegrityKeys, openIntegrityToken } from '../attestation/play-integrity/token.ts';
import type { EnrolmentServices, VendorService } from '../attestation/policy/enrolment-input.ts';
import type { VendorOutages } from './vendor-outages.ts';

export interface VendorOptions {
  readonly revocationListUrl: string;
  /** How long past its freshness a list may serve while it cannot be fetched. */
  readonly maxStaleSeconds: number;
  /** By package name, where tokens are opened locally; Google decodes the others. */
  readonly integrityKeys: Readonly<
    Record<string, { readonly decryptionKey: string; readonly verificationKey: string }>
  >;
  /** By whose key DeviceCheck is asked; undefined where no policy wants it. */
  readonly deviceCheck: DeviceCheckOptions | undefined;
  readonly now: () => Date;
  readonly outages: VendorOutages;
}

export function createVendorServices(options: VendorOptions): EnrolmentServices {
  const { revocationListUrl: url, maxStaleSeconds, integrityKeys, now, outages } = options;
  const call = (): DeviceCheckCall => ({ transactionId: randomUUID(), now: now() });
  const apple = (): DeviceCheckOptions => {
    if (options.deviceCheck) return options.deviceCheck;
    throw new AttestationServiceError('unauthorised', 'no key for DeviceCheck');
  };
  const revocation = new RevocationClient({ url, fetch, maxStaleSeconds });
  const failing = new Map<VendorService, Date>();

  const watched = async <T>(service: VendorService, call: () => Promise<T>): Promise<T> => {
    try {
      const answer = await call();
      if (failing.delete(service)) await outages.recovered(service);
      return answer;
    } catch (error) {
      if (error instanceof AttestationServiceError) {
        failing.set(service, await outages.failed(service, now()));
      }
      throw error;
    }
  };

  return {
    revocationList: () => watched('revocationList', () => revocation.list(now())),
    writeDeviceRecall: (packageName, token, bits) =>
      writeDeviceRecall(
        { baseUrl: GOOGLE_INTEGRITY_URL, fetch, accessToken },
        packageName,
        token,
        bits,
      ),
    queryTwoBits: async (token) => queryTwoBits(apple(), token, call()),
    updateTwoBits: async (token, bits) => updateTwoBits(apple(), token, bits, call()),
    openIntegrityToken(packageName, token) {
      const keys = Object.hasOwn(integrityKeys, packageName) && integrityKeys[packageName];
      if (keys) {
        const { decryptionKey, verificationKey } = keys;
        return openIntegrityToken(token, importIntegrityKeys(decryptionKey, verificationKey));
      }
      const google = { baseUrl: GOOGLE_INTEGRITY_URL, fetch, accessToken };
      return watched('playIntegrity', () => decodeIntegrityToken(google, packageName, token));
    },
    failingSince: (service) => failing.get(service),
  };
}

/** Of the function's own service account. */
async function accessToken(): Promise<string> {
  const { GoogleAuth } = await import('google-auth-library');
  const token = await new GoogleAuth({ scopes: [GOOGLE_INTEGRITY_SCOPE] })
    .getAccessToken()
    .catch((cause: unknown) => {
      throw new AttestationServiceError('unavailable', 'no access token', { cause });
    });
  if (!token) throw new AttestationServiceError('unavailable', 'no access token');
  return token;
}
