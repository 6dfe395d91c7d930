/** A person with a virtual phone, which keeps its models in a folder of its own. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { fileStorage } from '../../sdk/typescript/node/file-storage.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
import type { VirtualPlatform } from '../virtual-phones/virtual-platform.ts';
import { appPhone, genuineIphone } from './app-phone.ts';

export interface PersonOptions {
  readonly baseUrl: string;
  readonly user: string;
  readonly token: (subject: string) => Promise<string>;
  readonly roots: TestRoots;
  readonly pinnedKeys: readonly VerificationKey[];
  readonly app: { readonly teamId: string; readonly bundleId: string };
  /** A genuine iPhone where absent. */
  readonly platform?: VirtualPlatform;
}

export type Person = ReturnType<typeof personWithPhone>;

/** The caller deletes `directory`. */
export function personWithPhone(options: PersonOptions) {
  const { baseUrl, user, token, pinnedKeys } = options;
  const platform: VirtualPlatform = options.platform ?? genuineIphone(options);
  const directory = mkdtempSync(join(tmpdir(), 'modelseal-phone-'));
  const storage = fileStorage(directory);
  const userToken = () => token(user);
  return { user, directory, ...appPhone({ baseUrl, userToken, platform, storage, pinnedKeys }) };
}
