import type { Storage } from '@google-cloud/storage';

/** Headers with the client's credentials; none for an endpoint of one's own, as with the client itself. */
export async function credentialsFor(storage: Storage, url: string): Promise<Headers> {
  return new Headers(storage.customEndpoint ? {} : await storage.authClient.getRequestHeaders(url));
}
