/** Brings a leaked file to the console, as its page does. */
import { createHash, randomBytes } from 'node:crypto';
import type { OperatorClient } from './console-access.ts';

export const newLeakId = (): string => `l_${randomBytes(16).toString('base64url')}`;

/** What the page says of a file before it sends it. */
export const leakOf = (bytes: Uint8Array) => ({
  ...{ leakId: newLeakId(), model: null as string | null, sizeBytes: bytes.byteLength },
  sha256: createHash('sha256').update(bytes).digest('base64url'),
  reason: 'found in an archive',
});

/** Opens, sends and closes an upload; gives its identifier. Throws where one of them is refused. */
export async function uploadLeak(
  { call }: Pick<OperatorClient, 'call'>,
  bytes: Uint8Array,
  change: Partial<ReturnType<typeof leakOf>> = {},
): Promise<string> {
  const leak = { ...leakOf(bytes), ...change };
  const post = async (path: string, body: object): Promise<Response> => {
    const response = await call('POST', `/v1/admin/leaks${path}`, body);
    if (!response.ok) throw new Error(await response.text());
    return response;
  };
  const { partBytes } = (await (await post('', leak)).json()) as { readonly partBytes: number };
  for (let part = 0; part * partBytes < bytes.byteLength; part += 1) {
    const data = Buffer.from(bytes.subarray(part * partBytes, (part + 1) * partBytes));
    await post(`/${leak.leakId}/parts`, { part, data: data.toString('base64url') });
  }
  await post(`/${leak.leakId}/trace`, {});
  return leak.leakId;
}
