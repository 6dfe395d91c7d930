/** `POST /v1/devices`: enrols a device key that the platform attests. */
import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { consumeAll, type LimitPolicy, limitPath } from '../fraud/limits.ts';
import { blockPath } from '../fraud/subjects.ts';
import { type Challenges, challengePath, spentChallengeDocument } from '../identity/challenge.ts';
import { base64urlBytes, enrolClientData, readClientData } from '../identity/client-data.ts';
import { refuseIfBlocked } from '../identity/device-call.ts';
import { deviceDocument, deviceIdOf, devicePath, readDevice } from '../identity/devices.ts';
import {
  type AttestedEnrolment,
  attestationEvidence,
  attestedDevice,
  type EnrolmentPolicy,
} from '../identity/enrolment.ts';
import { userDevicesPath, withDevice } from '../identity/user-devices.ts';
import { erasurePath, refuseIfErased } from '../privacy/erasure-record.ts';
import { type ApiRequest, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

interface EnrolServices {
  readonly config: { readonly maxDevicesPerUser: number };
  readonly documents: Pick<DocumentStore, 'get' | 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
  readonly enrolmentPolicy: EnrolmentPolicy;
  readonly emit: Emit;
}

const requestBody = z.strictObject({
  clientData: base64urlBytes(2, 2048),
  attestation: attestationEvidence,
});

/** A reinstall, a new phone, an app update that lost its key: more in a day is no user. */
const ENROLMENTS: LimitPolicy = { name: 'enrolments', limit: 20, windowSeconds: 86_400, burst: 10 };

export const endpoints: EndpointTable<EnrolServices> = {
  'POST /v1/devices': endpoint({
    user: true,
    body: requestBody,
    maxBodyBytes: 128 * 1024,
    async handle(request, services: EnrolServices) {
      const { userId, network, now } = request;
      const observed = { authenticated: 'user', user: userId, network } as const;
      const refusal: EventInput = { type: 'device.refused', ...observed };
      const enrolled = await withRefusalEvents(services, now, refusal, () =>
        enrol(request, services),
      );
      const { deviceId, device, monitored, retired } = enrolled;
      await services.emit(
        {
          type: 'device.enrolled',
          ...observed,
          authenticated: 'device',
          device: deviceId,
          platform: device.platform,
          appVersion: device.appVersion,
          attributes: {
            assurance: device.assurance,
            environment: device.environment,
            monitored: monitored.join(',').slice(0, 200),
          },
        },
        now,
      );
      for (const id of retired) {
        await services.emit({ type: 'device.retired', ...observed, device: id }, now);
      }
      return { status: 201, body: { deviceId, assurance: device.assurance } };
    },
  }),
};

interface Enrolled extends AttestedEnrolment {
  readonly deviceId: string;
  readonly retired: readonly string[];
}

async function enrol(
  { body, userId, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: EnrolServices,
): Promise<Enrolled> {
  const { data, hash } = readClientData(body.clientData, enrolClientData);
  const challenge = services.challenges.verify(data.challenge, userId, 'device.enroll', now);
  const blockAt = blockPath({ kind: 'user', id: userId });
  // Before anything is verified: a vendor's answers are dear, and a farm of emulators has patience.
  refuseIfBlocked([await services.documents.get(blockAt)], now);
  const attested = await attestedDevice(
    data,
    hash,
    body.attestation,
    userId,
    services.enrolmentPolicy,
    now,
  );
  const deviceId = deviceIdOf(attested.device.publicKey);
  const limitAt = limitPath('user', `${userId}_enrolments`);

  return services.documents.transaction(async (tx) => {
    const [spent, block, known, devices, limitData, erasure] = await tx.getAll([
      challengePath(challenge),
      blockAt,
      devicePath(deviceId),
      userDevicesPath(userId),
      limitAt,
      erasurePath({ kind: 'user', id: userId }),
    ]);
    if (spent) throw new ServiceError('challenge_spent');
    refuseIfBlocked([block], now);
    refuseIfErased(erasure, now);
    if (known) {
      // The answer to the first attempt was lost: the same key stays the same device. Its counter
      // must not start anew, or proofs that were used already would count again.
      const device = readDevice(known);
      if (device.user !== userId || device.retiredAt) throw new ServiceError('device_conflict');
      tx.create(challengePath(challenge), spentChallengeDocument(challenge));
      return { ...attested, deviceId, device, retired: [] };
    }
    const check = { policy: ENROLMENTS, path: limitAt, data: limitData };
    const { allowed, retryAfterSeconds, headers, writes } = consumeAll([check], now);
    if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });

    const limit = services.config.maxDevicesPerUser;
    const { document, retired } = withDevice(devices, deviceId, data.replaces, limit);
    tx.create(challengePath(challenge), spentChallengeDocument(challenge));
    for (const { path, data } of writes) tx.set(path, data);
    tx.create(devicePath(deviceId), deviceDocument(attested.device));
    tx.set(userDevicesPath(userId), document);
    for (const id of retired) tx.update(devicePath(id), { retiredAt: now });
    return { ...attested, deviceId, retired };
  });
}
