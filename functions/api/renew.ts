/** `POST /v1/licences/:grantId/renewals`: a new licence for a copy that the device has already. */
import type { z } from 'zod';
import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { type RenewalServices, renewLicence } from '../grants/renew.ts';
import { readClientData, renewClientData } from '../identity/client-data.ts';
import { provenRequest } from '../identity/device-proof.ts';
import { type ApiRequest, type ApiResponse, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

interface RenewServices extends RenewalServices {
  readonly emit: Emit;
}

const requestBody = provenRequest(2048);

export const endpoints: EndpointTable<RenewServices> = {
  'POST /v1/licences/:grantId/renewals': endpoint({
    user: true,
    nextChallenge: true,
    body: requestBody,
    handle: renew,
  }),
};

async function renew(
  { params, body, userId, network, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: RenewServices,
): Promise<ApiResponse> {
  const { data, hash } = readClientData(body.clientData, renewClientData);
  if (data.grantId !== params['grantId']) {
    const violations = [{ pointer: '/clientData/grantId', detail: 'not_the_grant_of_the_path' }];
    throw new ServiceError('request_invalid', { violations });
  }
  const observed = {
    user: userId,
    network,
    device: data.deviceId,
    grant: data.grantId,
    appVersion: data.appVersion,
  };
  const refusal: EventInput = { type: 'renewal.refused', authenticated: 'user', ...observed };
  const { licence, release, modelId, version, platform } = await withRefusalEvents(
    services,
    now,
    refusal,
    () =>
      renewLicence(
        services,
        { userId, network, clientData: data, clientDataHash: hash, proof: body.proof },
        now,
      ),
  );
  await services.emit(
    {
      ...observed,
      type: 'licence.renewed',
      authenticated: 'device',
      platform,
      model: modelId,
      version,
    },
    now,
  );
  return { status: 201, body: { licence, release } };
}
