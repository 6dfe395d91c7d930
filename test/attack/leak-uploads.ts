/** What is brought to the console as a leak: by who may not, more than was said, into somebody else's, or in another's place. */
import type { JWTPayload } from 'jose';
import { consoleEnvironment, operatorClient } from '../support/console-access.ts';
import { leakOf } from '../support/leak-upload.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const SESSION = 'functions/operators/session.ts';
const LEAK = 'functions/operators/leak.ts';
const FILE = Buffer.from('a file as it was found');
const LEAKS = '/v1/admin/leaks';

async function consoleOf(lab: Lab) {
  const idp = await startTokenIssuer();
  lab.atEnd(() => idp.close());
  const api = await lab.api({ environment: consoleEnvironment(idp) });
  return {
    api,
    signedIn: (name: string, claims?: JWTPayload) => operatorClient(api.baseUrl, idp, name, claims),
  };
}

const partOf = (bytes: Uint8Array) => ({
  part: 0,
  data: Buffer.from(bytes).toString('base64url'),
});

export const leakUploads: readonly Attack[] = [
  {
    name: 'console/leak-role',
    tries: 'a viewer who asks whose copies files are',
    refused: '403 role_missing',
    defence: 'the table of roles: who looks at subjects traces, nobody else',
    off: {
      edits: [
        edit(
          SESSION,
          "if (!mayDo(roles, operation)) throw new ServiceError('role_missing', { reason: operation });",
        ),
      ],
    },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('viewer');
      return outcomeOf(call('POST', LEAKS, leakOf(FILE)));
    },
  },
  {
    name: 'console/leak-step-up',
    tries: 'to have somebody named from a session that was left open',
    refused: '403 sign_in_again',
    defence: 'an upload begins with a sign-in of the last minutes',
    off: {
      edits: [
        edit(
          SESSION,
          'if (OPERATIONS[operation].stepUp && !(ageMs <= stepUpSeconds * 1000)) {',
          'if (false as boolean) {',
        ),
      ],
    },
    async run(lab) {
      const { signedIn } = await consoleOf(lab);
      const longAgo = Math.floor(Date.now() / 1000) - 1_800;
      const { call } = await signedIn('analyst', { auth_time: longAgo });
      return outcomeOf(call('POST', LEAKS, leakOf(FILE)));
    },
  },
  {
    name: 'console/leak-larger',
    tries: 'an upload that was announced with a byte, and is longer',
    refused: '422 request_invalid',
    defence: 'each part has the length that follows from the size that was announced',
    off: {
      edits: [
        edit(
          LEAK,
          "if (bytes?.byteLength !== partLength(leak, part)) throw invalid('/data', 'wrong_length');",
        ),
      ],
    },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('analyst');
      const leak = { ...leakOf(FILE), sizeBytes: 1 };
      await call('POST', LEAKS, leak);
      return outcomeOf(call('POST', `${LEAKS}/${leak.leakId}/parts`, partOf(FILE)));
    },
  },
  {
    name: 'console/leak-of-another',
    tries: 'to put a file of one’s own into the upload that somebody else has begun',
    refused: '422 request_invalid',
    defence: 'parts are taken from who began the upload, and from nobody else',
    off: { edits: [edit(LEAK, "if (leak?.by !== by) throw invalid('/leakId', 'unknown');")] },
    async run(lab) {
      const { signedIn } = await consoleOf(lab);
      const leak = leakOf(FILE);
      await (await signedIn('analyst')).call('POST', LEAKS, leak);
      const { call } = await signedIn('operator');
      return outcomeOf(call('POST', `${LEAKS}/${leak.leakId}/parts`, partOf(FILE)));
    },
  },
  {
    name: 'console/leak-replaced',
    tries: 'other bytes in the place of a file that was handed on, while it waits',
    refused: '422 request_invalid',
    defence: 'an upload that is over takes no part, and no part that lies there is replaced',
    off: {
      edits: [
        edit(LEAK, "if (leak.state !== 'uploading') throw invalid('/leakId', 'upload_over');"),
        edit(LEAK, 'ifAbsent: true,'),
      ],
    },
    async run(lab) {
      const { api, signedIn } = await consoleOf(lab);
      const { call } = await signedIn('analyst');
      const leak = leakOf(FILE);
      await call('POST', LEAKS, leak);
      const parts = `${LEAKS}/${leak.leakId}/parts`;
      await call('POST', parts, partOf(FILE));
      await call('POST', `${LEAKS}/${leak.leakId}/trace`, {});
      const other = Buffer.alloc(FILE.byteLength, 'x');
      const outcome = await outcomeOf(call('POST', parts, partOf(other)));
      const stored = await Array.fromAsync(
        api.clients.objects.read('test-leaks', `${leak.leakId}/0`),
      );
      return outcome === SUCCEEDED && !Buffer.concat(stored).equals(other)
        ? 'kept as it was'
        : outcome;
    },
  },
];
