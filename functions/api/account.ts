/**
 * What a user may ask about himself: `GET /v1/me` exports what is held about him, `DELETE /v1/me`
 * has it erased, `DELETE /v1/devices/:deviceId` retires one of his devices. Erasing takes longer
 * than a request may: it is ordered here and carried out by the `erasures` worker.
 */

import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import type { LimitPolicy } from '../fraud/limits.ts';
import { ERASED_TALLY_MS } from '../fraud/tally.ts';
import { eraseClientData, readClientData, retireClientData } from '../identity/client-data.ts';
import type { DeviceCallServices } from '../identity/device-call.ts';
import { deviceProof, provenRequest } from '../identity/device-proof.ts';
import { exportUser } from '../privacy/export-user.ts';
import { requestErasure } from '../privacy/request-erasure.ts';
import { retireDevice } from '../privacy/retire-device.ts';
import { base64urlBytes } from '../validation.ts';
import { type ApiRequest, type ApiResponse, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';
import { spendLimit } from './spend-limit.ts';

interface AccountServices extends DeviceCallServices {
  readonly documents: DocumentStore;
  readonly emit: Emit;
}

const retirement = provenRequest(1024);
const erasure = z.strictObject({
  clientData: base64urlBytes(2, 1024),
  /** By any device of the user's; may be missing where he has none. */
  proof: deviceProof.optional(),
});

/** An export reads everything that is held: looking again and again tells nothing new. */
const EXPORTS: LimitPolicy = { name: 'exports', limit: 10, windowSeconds: 86_400, burst: 10 };

export const endpoints: EndpointTable<AccountServices> = {
  'DELETE /v1/devices/:deviceId': endpoint({ user: true, body: retirement, handle: retire }),
  'DELETE /v1/me': endpoint({ user: true, body: erasure, handle: erase }),
  'GET /v1/me': {
    user: true,
    async handle({ userId, now }, { documents }) {
      const headers = await spendLimit(documents, EXPORTS, limitPaths.userExports(userId), now);
      const body = await exportUser(documents, userId, now, { judgement: false });
      return { status: 200, headers, body };
    },
  },
};

async function retire(
  { params, body, userId, network, now }: ApiRequest<z.infer<typeof retirement>>,
  services: AccountServices,
): Promise<ApiResponse> {
  const { data, hash } = readClientData(body.clientData, retireClientData);
  if (data.target !== params['deviceId']) {
    const violations = [{ pointer: '/clientData/target', detail: 'not_the_device_of_the_path' }];
    throw new ServiceError('request_invalid', { violations });
  }
  const observed = { user: userId, network, device: data.target, appVersion: data.appVersion };
  const { platform } = await withRefusalEvents(
    services,
    now,
    { type: 'device.refused', authenticated: 'user', ...observed },
    () =>
      retireDevice(
        services,
        { userId, clientData: data, clientDataHash: hash, proof: body.proof },
        now,
      ),
  );
  const event: EventInput = {
    type: 'device.retired',
    authenticated: 'user',
    platform,
    ...observed,
  };
  await services.emit(event, now);
  return { status: 202, body: { deviceId: data.target, retiredAt: now } };
}

async function erase(
  { body, userId, now }: ApiRequest<z.infer<typeof erasure>>,
  services: AccountServices,
): Promise<ApiResponse> {
  const { data, hash } = readClientData(body.clientData, eraseClientData);
  const { requestedAt, completedAt, enrolAgainAt } = await requestErasure(
    services,
    { userId, clientData: data, clientDataHash: hash, proof: body.proof },
    now,
  );
  await services.emit({ type: 'user.erased', authenticated: 'user', user: userId }, now);
  // Not what was taken, but when, and restrictions: or erasing would be a way to begin anew.
  const countKeptUntil = new Date(now.getTime() + ERASED_TALLY_MS);
  return { status: 202, body: { requestedAt, completedAt, enrolAgainAt, countKeptUntil } };
}
