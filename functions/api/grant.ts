/** `POST /v1/models/:modelId/grants`: one model, sealed for one user on one device, for one use. */
import type { z } from 'zod';
import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';
import { type AdmissionServices, admit } from '../grants/admit.ts';
import type { AdmittedGrant } from '../grants/grant-record.ts';
import { createPreparing } from '../grants/preparation.ts';
import { type SealedGrant, type SealingServices, seal } from '../grants/seal.ts';
import { grantClientData, readClientData } from '../identity/client-data.ts';
import { provenRequest } from '../identity/device-proof.ts';
import { stopwatch } from '../observability/stopwatch.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { type ApiRequest, type ApiResponse, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

type GrantServices = AdmissionServices & SealingServices & { readonly emit: Emit };

const requestBody = provenRequest(4096);
/** Half of what an app calls slow (catalogue/record-vote.ts): the download comes on top. */
const SLOW_MS = 10_000;

/**
 * What copies took that no event has told of yet: that of a copy is on its way while the copy is sealed, so a later one
 * tells, and nobody waits for figures. What an instance sealed last may be told by none.
 */
const untold: { readonly beforeMs: number; readonly beforeBytes: number }[] = [];
const MAX_UNTOLD = 1_000;

export const endpoints: EndpointTable<GrantServices> = {
  'POST /v1/models/:modelId/grants': endpoint({
    user: true,
    nextChallenge: true,
    body: requestBody,
    handle: grantModel,
  }),
};

async function grantModel(
  { requestId, params, body, userId, plan, network, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: GrantServices,
): Promise<ApiResponse> {
  const lap = stopwatch();
  const { data, hash } = readClientData(body.clientData, grantClientData);
  if (data.modelId !== params['modelId']) {
    const violations = [{ pointer: '/clientData/modelId', detail: 'not_the_model_of_the_path' }];
    throw new ServiceError('request_invalid', { violations });
  }
  const observed = {
    user: userId,
    network,
    device: data.deviceId,
    model: data.modelId,
    appVersion: data.appVersion,
  };
  const refusal: EventInput = {
    type: 'grant.refused',
    authenticated: 'user',
    ...observed,
    // As it was asked for.
    version: data.version === 'latest' ? null : data.version,
  };
  const preparing = createPreparing(services, now);
  const { grant, device, facts, headers } = await withRefusalEvents(services, now, refusal, () =>
    admit(
      services,
      { userId, plan, network, clientData: data, clientDataHash: hash, proof: body.proof },
      now,
      preparing.begin,
    ),
  ).catch((error: unknown) => {
    preparing.discard();
    throw error;
  });
  const admitMs = lap();

  const made = {
    ...observed,
    authenticated: 'device',
    platform: device.platform,
    version: grant.version.version,
    grant: grant.grantId,
  } as const;
  const [sealed] = await Promise.all([
    seal(services, grant, now, preparing.taken()).catch(async (error: unknown) => {
      // What the caller did wrong is no fault of the version's.
      const isOurs = !(error instanceof ServiceError);
      if (isOurs) await services.emit({ ...made, type: 'grant.failed', outcome: 'failed' }, now);
      throw error;
    }),
    services.emit(
      {
        ...made,
        type: 'grant.made',
        attributes: {
          sizeBytes: grant.version.sizeBytes,
          suite: grant.suite,
          fresh: facts.fresh,
          newcomer: facts.newcomer,
          rare: facts.rare,
          ...untold.shift(),
        },
      },
      now,
    ),
  ]);
  const sealMs = lap();
  if (sealMs > SLOW_MS) {
    await services.emit({ ...made, type: 'grant.slow', attributes: { sealMs } }, now);
  }
  if (untold.length < MAX_UNTOLD) {
    untold.push({ beforeMs: admitMs + sealMs, beforeBytes: sealed.sizeBytes });
  }
  services.log('INFO', 'grant sealed', {
    requestId,
    grant: grant.grantId,
    admitMs,
    sealMs,
    sealedBytes: sealed.sizeBytes,
    ...(sealed.base !== undefined && { base: sealed.base }),
  });
  return { status: 201, headers, body: responseOf(grant, sealed) };
}

const responseOf = ({ grantId, suite, version }: AdmittedGrant, sealed: SealedGrant) => ({
  grantId,
  url: sealed.url,
  urlExpiresAt: sealed.urlExpiresAt.toISOString(),
  sizeBytes: sealed.sizeBytes,
  sealedKey: {
    suite,
    enc: toBase64url(sealed.sealedKey.enc),
    ct: toBase64url(sealed.sealedKey.ct),
  },
  manifest: sealed.manifest,
  licence: sealed.licence,
  release: version.release,
  ...(sealed.base !== undefined && { base: sealed.base }),
});
