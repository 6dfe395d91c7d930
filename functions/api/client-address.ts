import { isIP } from 'node:net';

/**
 * The caller's address: the entry of X-Forwarded-For at `position` from the right, which our own
 * load balancer wrote; entries further left came from outside and are never looked at. Null where
 * there is no such entry or it is no address, so that a forged header cannot name a network.
 */
export function clientAddress(
  forwardedFor: string | string[] | undefined,
  remoteAddress: string | undefined,
  position: number,
): string | null {
  const entries = [forwardedFor ?? []].flat().join(',').split(',');
  const candidate = forwardedFor ? (entries.at(-position) ?? '').trim() : (remoteAddress ?? '');
  return isIP(candidate) ? candidate : null;
}
