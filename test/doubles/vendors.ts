import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { listenOnLoopback } from '../stack/ports.ts';
import { VirtualPlayIntegrity } from '../virtual-phones/play-integrity.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';

/** The app that virtual Pixels run. */
export const LOCAL_ANDROID_APP = {
  packageName: 'com.example.effects',
  versionCode: 42,
  signingCertificateDigest: createHash('sha256').update('local signing certificate').digest(),
} as const;

/** What stands for Google's services in the attestation of virtual phones. */
export interface LocalVendors {
  /** Google's list of revoked attestation certificates. */
  readonly revocationListUrl: string;
  /** Puts a certificate on the list, by its serial number in hexadecimal. */
  revoke(serialNumber: string): void;
  /** Google Play on every virtual phone. */
  readonly play: VirtualPlayIntegrity;
  stop(): Promise<void>;
}

export async function startVendors(): Promise<LocalVendors> {
  const entries: Record<string, { readonly status: string; readonly reason: string }> = {};
  const server = createServer((_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'max-age=1',
    });
    response.end(JSON.stringify({ entries }));
  });
  const port = await listenOnLoopback(server);
  return {
    revocationListUrl: `http://127.0.0.1:${port}/attestation/status`,
    revoke: (serialNumber) => {
      entries[serialNumber.toLowerCase()] = { status: 'REVOKED', reason: 'KEY_COMPROMISE' };
    },
    play: new VirtualPlayIntegrity(LOCAL_ANDROID_APP),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The attestation policy for the apps of virtual phones: everything is enforced. */
export function localPolicy(iosApp: { readonly teamId: string; readonly bundleId: string }) {
  const { packageName, signingCertificateDigest } = LOCAL_ANDROID_APP;
  return {
    apps: [
      { platform: 'ios', ...iosApp, rules: [{}] },
      {
        platform: 'android',
        packageName,
        signingCertificateDigests: [signingCertificateDigest.toString('hex')],
        rules: [{}],
      },
    ],
  };
}

/** The variables by which functions know these vendors and their test roots. */
export function vendorEnvironment(
  { revocationListUrl, play }: LocalVendors,
  roots: TestRoots,
): Readonly<Record<string, string>> {
  const { decryptionKey, verificationKey } = play;
  return {
    REVOCATION_LIST_URL: revocationListUrl,
    INTEGRITY_KEYS: JSON.stringify({
      [LOCAL_ANDROID_APP.packageName]: { decryptionKey, verificationKey },
    }),
    TEST_TRUST_ANCHORS: JSON.stringify({
      appAttest: [roots.appAttest.root.toString()],
      appleReceipt: [roots.appleReceipt.root.toString()],
      keyAttestation: [roots.keyAttestation.root.toString()],
    }),
  };
}
