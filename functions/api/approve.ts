/**
 * `POST /v1/devices/:deviceId/approvals`: a device vouches for a further one of its user's. Served by
 * the function that enrols: what an approval changes is bound by the key that no other may use.
 */
import type { z } from 'zod';
import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { type ApprovalServices, approveDevice } from '../identity/approve-device.ts';
import { approveClientData, readClientData } from '../identity/client-data.ts';
import { provenRequest } from '../identity/device-proof.ts';
import type { ApiRequest, ApiResponse } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

/** The body of the request. */
export const approvalBody = provenRequest(1024);

export interface ApprovalEndpointServices extends ApprovalServices {
  readonly emit: Emit;
}

/** Handles the call. Throws as `approveDevice` does, and request_invalid for another device than the path's. */
export async function approve(
  { params, body, userId, network, now }: ApiRequest<z.infer<typeof approvalBody>>,
  services: ApprovalEndpointServices,
): Promise<ApiResponse> {
  const { data, hash } = readClientData(body.clientData, approveClientData);
  if (data.target !== params['deviceId']) {
    const violations = [{ pointer: '/clientData/target', detail: 'not_the_device_of_the_path' }];
    throw new ServiceError('request_invalid', { violations });
  }
  const observed = { user: userId, network, appVersion: data.appVersion };
  const refusal: EventInput = {
    type: 'device.refused',
    authenticated: 'user',
    device: data.target,
    ...observed,
  };
  const { device, retired } = await withRefusalEvents(services, now, refusal, () =>
    approveDevice(
      services,
      { userId, clientData: data, clientDataHash: hash, proof: body.proof },
      now,
    ),
  );
  const by = { authenticated: 'device', ...observed } as const;
  const { platform } = device;
  await services.emit({ type: 'device.approved', ...by, device: data.target, platform }, now);
  for (const id of retired) await services.emit({ type: 'device.retired', ...by, device: id }, now);
  return { status: 200, body: { deviceId: data.target, approvedAt: now } };
}
