/** The local stack's development server: no way into another service, and none for a page in a browser. */
import { createTestRoots } from '../virtual-phones/test-roots.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { enrol, enrolData, failed } from './enrolment-requests.ts';
import type { Lab } from './lab.ts';
import { sha256 } from './requests.ts';

type Phones = typeof import('../stack/development-phones.ts');
type Server = typeof import('../stack/development-server.ts');

const CHAIN = 'functions/attestation/certificate-chain.ts';
const ANY_ISSUER = edit(CHAIN, 'if (!(await isSignedBy(issuer, certificate))) return undefined;');

/** A development server of a stack of its own. */
async function serve(lab: Lab, play: Parameters<Phones['developmentPhones']>[1]['play']) {
  const { developmentPhones } = await lab.load<Phones>('test/stack/development-phones.ts');
  const { startDevelopmentServer } = await lab.load<Server>('test/stack/development-server.ts');
  const server = await startDevelopmentServer(developmentPhones(createTestRoots(), { play }));
  lab.atEnd(() => server.stop());
  return server.url;
}

export const development: readonly Attack[] = [
  failed({
    name: 'development/other-service',
    tries: 'a phone of some local stack, at a service that is not that stack',
    defence: 'the test roots of a stack are its own',
    off: { edits: [ANY_ISSUER] },
    async run(lab) {
      const api = await lab.api();
      const url = await serve(lab, api.vendors.play);
      const { platform } = api.phone('mallory');
      const bytes = await enrolData(api, 'mallory', platform);
      const clientDataHash = Buffer.from(sha256(bytes)).toString('base64url');
      const response = await fetch(`${url}/attestations`, {
        method: 'POST',
        body: JSON.stringify({ platform: 'ios', clientDataHash }),
      });
      const { attestation } = (await response.json()) as { attestation: object };
      return enrol(api, bytes, attestation);
    },
  }),
  {
    name: 'development/web-page',
    tries: 'a web page in the developer’s browser that asks his local stack for a phone',
    refused: '403 browser_refused',
    defence: 'whoever says that he is a page is refused',
    off: { edits: [edit('test/stack/development-server.ts', 'return !isPage && ', 'return ')] },
    async run(lab) {
      const api = await lab.api();
      const url = await serve(lab, api.vendors.play);
      const headers = { Origin: 'https://evil.example' };
      return outcomeOf(fetch(`${url}/apps`, { headers }));
    },
  },
  {
    name: 'development/rebound-name',
    tries: 'a page whose own name was bound to the developer’s machine',
    refused: '403 browser_refused',
    defence: 'the server answers to its loopback address only',
    off: {
      edits: [
        edit(
          'test/stack/development-server.ts',
          "/^(?:127\\.0\\.0\\.1|localhost)(?::\\d+)?$/.test(headers.host ?? '')",
          'true',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const url = new URL(await serve(lab, api.vendors.play));
      const { request } = await import('node:http');
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { host: 'evil.example' };
        request({ host: url.hostname, port: url.port, path: '/apps', headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        })
          .once('error', reject)
          .end();
      });
      return status === 200 ? SUCCEEDED : `${status} browser_refused`;
    },
  },
];
