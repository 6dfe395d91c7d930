/** `POST /v1/devices`: enrols a device key that the platform attests; and approvals of devices: approve.ts. */

import { z } from 'zod';
import { enrolmentEvidence } from '../attestation/policy/evidence.ts';
import { ServiceError } from '../errors.ts';
import type { EventInput } from '../fraud/events.ts';
import { enrolClientData, readClientData } from '../identity/client-data.ts';
import {
  type AttestedEnrolment,
  attestedDevice,
  type EnrolmentPolicy,
} from '../identity/enrolment.ts';
import { payAttempt, refundAttempt } from '../identity/enrolment-attempt.ts';
import { markPhone } from '../identity/mark-phone.ts';
import { type Registered, registerDevice } from '../identity/register-device.ts';
import { base64urlBytes } from '../validation.ts';
import { type ApprovalEndpointServices, approvalBody, approve } from './approve.ts';
import { type ApiRequest, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

interface EnrolServices extends ApprovalEndpointServices {
  readonly config: { readonly maxDevicesPerUser: number; readonly deviceCoolingOffSeconds: number };
  readonly enrolmentPolicy: EnrolmentPolicy;
}

const requestBody = z.strictObject({
  clientData: base64urlBytes(2, 2048),
  attestation: enrolmentEvidence,
});

export const endpoints: EndpointTable<EnrolServices> = {
  'POST /v1/devices/:deviceId/approvals': endpoint({
    user: true,
    body: approvalBody,
    handle: approve,
  }),
  'POST /v1/devices': endpoint({
    user: true,
    nextChallenge: true,
    body: requestBody,
    maxBodyBytes: 128 * 1024,
    async handle(request, services: EnrolServices) {
      const { userId, network, now } = request;
      const observed = { authenticated: 'user', user: userId, network } as const;
      const refusal: EventInput = { type: 'device.refused', ...observed };
      const enrolled = await withRefusalEvents(services, now, refusal, () =>
        enrol(request, services),
      );
      const { deviceId, device, monitored, signals, retired, phoneMarked } = enrolled;
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
            provisional: device.approvedFrom !== null,
            monitored: monitored.join(',').slice(0, 200),
            ...signals,
            ...(device.phone && {
              phoneAccounts: device.phone.accounts,
              phoneBlocked: device.phone.blocked,
            }),
            ...(phoneMarked !== undefined && { phoneMarked }),
          },
        },
        now,
      );
      for (const id of retired) {
        await services.emit({ type: 'device.retired', ...observed, device: id }, now);
      }
      const { assurance, approvedFrom } = device;
      return { status: 201, body: { deviceId, assurance, approvedFrom } };
    },
  }),
};

type Enrolled = Registered & AttestedEnrolment & { readonly phoneMarked: boolean | undefined };

async function enrol(
  { body, userId, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: EnrolServices,
): Promise<Enrolled> {
  const { data, hash } = readClientData(body.clientData, enrolClientData);
  const challenge = services.challenges.verify(data.challenge, userId, 'device.enroll', now);
  const attempt = { userId, challenge };
  const { maxDevicesPerUser: limit, deviceCoolingOffSeconds: coolingOffSeconds } = services.config;
  await payAttempt(services.documents, attempt, now);
  try {
    const evidence = body.attestation;
    const policy = services.enrolmentPolicy;
    const attested = await attestedDevice(data, hash, evidence, userId, policy, now);
    const { device } = attested;
    const { replaces } = data;
    const registration = { userId, device, replaces, limit, coolingOffSeconds };
    const registered = await registerDevice(services, registration, now).catch(
      async (error: unknown) => {
        const blocked = error instanceof ServiceError && error.code === 'blocked';
        if (blocked) await markPhone(attested, { newAccount: false, blocked }, policy.services);
        throw error;
      },
    );
    // A key that comes again is no further account.
    const isNew = registered.device.enrolledAt.getTime() === now.getTime();
    const news = { newAccount: replaces === undefined, blocked: false };
    const phoneMarked = isNew ? await markPhone(attested, news, policy.services) : undefined;
    return { ...attested, ...registered, phoneMarked };
  } catch (error) {
    const refused = error instanceof ServiceError && error.code !== 'unavailable';
    // What went wrong first is what the caller has to know.
    if (!refused) await refundAttempt(services.documents, attempt).catch(() => undefined);
    throw error;
  }
}
