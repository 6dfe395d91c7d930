/** `POST /v1/events`: what an app has observed, under a device proof, for the scoring function. */
import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { Emit, EventDelivery } from '../fraud/event-delivery.ts';
import { clientEventSchema, type EventInput, receivedEvent } from '../fraud/events.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { revokedCopies } from '../grants/revocation-notice.ts';
import { isApproved } from '../identity/approval.ts';
import type { Challenges } from '../identity/challenge.ts';
import {
  appVersion,
  challenge,
  deviceId,
  grantId,
  type ReadClientData,
  readClientData,
} from '../identity/client-data.ts';
import { openDeviceCall } from '../identity/device-call.ts';
import { type DeviceProof, provenRequest } from '../identity/device-proof.ts';
import type { DeviceSeals } from '../identity/device-seal.ts';
import type { DeviceRecord } from '../identity/devices.ts';
import { provisionalOf, userDevicesPath } from '../identity/user-devices.ts';
import { type ApiRequest, type ApiResponse, type EndpointTable, endpoint } from './endpoint.ts';
import { withRefusalEvents } from './refusal-events.ts';

const MAX_EVENTS = 100;
const MAX_HELD = 64;
const MAX_CLIENT_DATA_BYTES = 96 * 1024;

export const reportClientData = z.strictObject({
  type: z.literal('events'),
  challenge,
  deviceId,
  appVersion,
  events: z.array(clientEventSchema).max(MAX_EVENTS),
  /** The grants whose copies lie on the device: the answer says which of them to erase. */
  held: z.array(grantId).max(MAX_HELD).default([]),
});
type Report = z.infer<typeof reportClientData>;

interface ReportServices {
  readonly config: { readonly limits: { readonly reportsPerDeviceMinute: number } };
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
  readonly deviceSeals: Pick<DeviceSeals, 'verifier'>;
  readonly events: Pick<EventDelivery, 'deliver'>;
  readonly emit: Emit;
}

const requestBody = provenRequest(MAX_CLIENT_DATA_BYTES);

export const endpoints: EndpointTable<ReportServices> = {
  'POST /v1/events': endpoint({
    user: true,
    nextChallenge: true,
    body: requestBody,
    maxBodyBytes: 160 * 1024,
    handle: report,
  }),
};

async function report(
  { body, userId, network, now }: ApiRequest<z.infer<typeof requestBody>>,
  services: ReportServices,
): Promise<ApiResponse> {
  const read = readClientData(body.clientData, reportClientData);
  const { data } = read;
  const observed = { user: userId, network, device: data.deviceId, appVersion: data.appVersion };
  const refusal: EventInput = { type: 'report.refused', authenticated: 'user', ...observed };
  const { device, erase, provisional } = await withRefusalEvents(services, now, refusal, () =>
    accept(services, read, body.proof, userId, now),
  );
  const origin = { ...observed, authenticated: 'device', platform: device.platform } as const;
  const places = await Promise.all(
    data.events.map((event) => services.events.deliver(receivedEvent(event, origin, now))),
  );
  // Unlike our own events, a report is what the call is for: where it rests in the log alone, the
  // client hears so and sends it again.
  if (places.includes('logged')) throw new ServiceError('unavailable', { retryAfterSeconds: 5 });
  return { status: 202, body: { accepted: data.events.length, erase, provisional } };
}

interface Accepted {
  readonly device: DeviceRecord;
  /** Grants whose copies must go. */
  readonly erase: readonly string[];
  /** Devices that have come to the user's and do not count yet: his to approve, or to wonder at. */
  readonly provisional: ReturnType<typeof provisionalOf>;
}

/** Spends the challenge and moves the device's counter; a report is taken from a blocked device too. */
async function accept(
  services: ReportServices,
  { data, hash }: ReadClientData<Report>,
  proof: DeviceProof,
  userId: string,
  now: Date,
): Promise<Accepted> {
  const challenge = services.challenges.verify(data.challenge, userId, 'events', now);
  const { deviceId, appVersion } = data;
  const limit = services.config.limits.reportsPerDeviceMinute;
  const policy = { name: 'reports', limit, windowSeconds: 60, burst: limit };
  const limits = [{ policy, path: limitPaths.deviceReports(deviceId) }];
  const isSealed = await services.deviceSeals.verifier();
  const proven = { challenge, clientDataHash: hash, proof, isSealed };
  const call = { userId, deviceId, appVersion, ...proven, limits };
  return services.documents.transaction(async (tx) => {
    const { device, blocked, documents, commit } = await openDeviceCall(
      tx,
      { ...call, kind: 'report' },
      { list: userDevicesPath(userId) },
      now,
    );
    const erase = await revokedCopies(tx, { userId, deviceId, blocked, held: data.held });
    await commit();
    // Whoever is provisional himself has no say, and so need not hear.
    const provisional = isApproved(device, now) ? provisionalOf(documents.list, now) : [];
    return { device, erase, provisional };
  });
}
