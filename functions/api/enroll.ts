/** `POST /v1/devices`: enrols a device key that the platform attests. */
import { z } from 'zod';
import type { Services } from '../composition.ts';
import { ServiceError } from '../errors.ts';
import type { EventInput } from '../fraud/events.ts';
import { blockPath } from '../fraud/subjects.ts';
import { challengePath, spentChallengeDocument } from '../identity/challenge.ts';
import { base64urlBytes, enrolClientData, readClientData } from '../identity/client-data.ts';
import { refuseIfBlocked } from '../identity/device-call.ts';
import {
  type DeviceRecord,
  deviceDocument,
  deviceIdOf,
  devicePath,
  readDevice,
} from '../identity/devices.ts';
import { attestationEvidence, attestedDevice } from '../identity/enrolment.ts';
import { type ApiRequest, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

const requestBody = z.strictObject({
  clientData: base64urlBytes(2, 2048),
  attestation: attestationEvidence,
});

export const endpoints: EndpointTable = {
  'POST /v1/devices': endpoint({
    user: true,
    body: requestBody,
    maxBodyBytes: 64 * 1024,
    async handle(request, services) {
      const { userId, network, now } = request;
      const observed = { authenticated: 'user', user: userId, network } as const;
      const refusal: EventInput = { type: 'device.refused', ...observed };
      const { deviceId, device } = await withRefusalEvents(services, now, refusal, () =>
        enrol(request, services),
      );
      await services.emit(
        {
          type: 'device.enrolled',
          ...observed,
          authenticated: 'device',
          device: deviceId,
          platform: device.platform,
          appVersion: device.appVersion,
          attributes: { assurance: device.assurance, environment: device.environment },
        },
        now,
      );
      return { status: 201, body: { deviceId, assurance: device.assurance } };
    },
  }),
};

async function enrol(
  { body, userId, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: Services,
): Promise<{ deviceId: string; device: DeviceRecord }> {
  const { data, hash } = readClientData(body.clientData, enrolClientData);
  const challenge = services.challenges.verify(data.challenge, userId, 'device.enroll', now);
  const device = await attestedDevice(
    data,
    hash,
    body.attestation,
    userId,
    services.enrolmentPolicy,
    now,
  );
  const deviceId = deviceIdOf(device.publicKey);

  return services.documents.transaction(async (tx) => {
    const [spent, block, known] = await tx.getAll([
      challengePath(challenge),
      blockPath({ kind: 'user', id: userId }),
      devicePath(deviceId),
    ]);
    if (spent) throw new ServiceError('challenge_spent');
    refuseIfBlocked([block], now);
    tx.create(challengePath(challenge), spentChallengeDocument(challenge));
    if (!known) {
      tx.create(devicePath(deviceId), deviceDocument(device));
      return { deviceId, device };
    }
    // The answer to the first attempt was lost: the same key stays the same device. Its counter
    // must not start anew, or proofs that were used already would count again.
    const enrolled = readDevice(known);
    if (enrolled.user !== userId || enrolled.retiredAt) throw new ServiceError('device_conflict');
    return { deviceId, device: enrolled };
  });
}
