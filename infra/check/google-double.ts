/** The few answers of Google's that a plan of an empty project asks for, on loopback: nothing is there yet. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const NUMBER = '123456789012';
const ANSWERS: readonly (readonly [RegExp, object])[] = [
  [
    /\/projects\/[\w-]+\/serviceAccount$/,
    {
      email_address: `service-${NUMBER}@gs-project-accounts.iam.gserviceaccount.com`,
      email: `bq-${NUMBER}@bigquery-encryption.iam.gserviceaccount.com`,
    },
  ],
  [
    /\/projects\/([\w-]+)$/,
    { projectNumber: NUMBER, projectId: 'p', name: 'p', lifecycleState: 'ACTIVE', state: 'ACTIVE' },
  ],
  [/\/projects\/[\w-]+\/billingInfo$/, { billingEnabled: true }],
];

export interface GoogleDouble {
  /** Variables by which Google's provider asks here, and nowhere else. */
  readonly env: Readonly<Record<string, string>>;
  /** What was asked and had no answer. */
  readonly unanswered: readonly string[];
  close(): Promise<void>;
}

export async function startGoogleDouble(): Promise<GoogleDouble> {
  const unanswered: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const [, answer] = ANSWERS.find(([pattern]) => pattern.test(path)) ?? [];
    if (!answer) unanswered.push(`${request.method} ${request.url}`);
    response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: { code: 404, message: 'nothing is there' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const services = [
    'RESOURCE_MANAGER',
    'RESOURCE_MANAGER_V3',
    'STORAGE',
    'BIG_QUERY',
    'CLOUD_BILLING',
    'SERVICE_USAGE',
  ];
  return {
    env: {
      GOOGLE_OAUTH_ACCESS_TOKEN: 'none',
      ...Object.fromEntries(services.map((name) => [`GOOGLE_${name}_CUSTOM_ENDPOINT`, url])),
    },
    unanswered,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
