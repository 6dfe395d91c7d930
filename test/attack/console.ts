/** The operators' console: who is none, who is less than he wants to be, and pages that ride on his browser. */
import type { JWTPayload } from 'jose';
import type * as settingsModule from '../../functions/operators/console-settings.ts';
import {
  addressOf,
  askSignIn,
  consoleEnvironment,
  operatorClient,
} from '../support/console-access.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const ADMIN = 'functions/api/admin.ts';
const SESSION = 'functions/operators/session.ts';
const SETTINGS = 'functions/operators/console-settings.ts';
const USER_TOKEN = 'functions/identity/user-token.ts';

/** The system with a console, and the provider of its operators. */
async function consoleOf(lab: Lab) {
  const idp = await startTokenIssuer();
  lab.atEnd(() => idp.close());
  const api = await lab.api({ environment: consoleEnvironment(idp) });
  return {
    api,
    ask: (name: string, changes?: Parameters<typeof askSignIn>[3]) =>
      outcomeOf(askSignIn(api.baseUrl, idp, name, changes)),
    signedIn: (name: string, claims?: JWTPayload) => operatorClient(api.baseUrl, idp, name, claims),
  };
}

const VICTIM = '/v1/admin/subjects/user_p1_AAAAAAAAAAAAAAAAAAAAAA';
const BLOCK = { act: 'block', hours: 24, reason: 'because I can' };

const signInAttack = (
  attack: Pick<Attack, 'name' | 'tries' | 'refused' | 'defence' | 'off'>,
  name: string,
  changes: Parameters<typeof askSignIn>[3],
): Attack => ({ ...attack, run: async (lab) => (await consoleOf(lab)).ask(name, changes) });

export const operatorsConsole: readonly Attack[] = [
  signInAttack(
    {
      name: 'console/stranger',
      tries: 'a genuine account of the organisation that nobody made an operator',
      refused: '403 role_missing',
      defence:
        'who is not named in the configuration has no role, and without one there is no session',
      off: {
        edits: [
          edit(
            SETTINGS,
            '? (operators[email] ?? []) : []',
            "? (operators[email] ?? []) : ['operator']",
          ),
        ],
      },
    },
    'stranger',
    {},
  ),
  signInAttack(
    {
      name: 'console/other-organisation',
      tries: 'an account of another organisation with the address of an operator',
      refused: '401 token_invalid',
      defence: 'hd is that of the configuration, and there is no default',
      off: {
        edits: [edit(SESSION, "if (payload['hd'] !== settings.hostedDomain) throw refused('hd');")],
      },
    },
    'operator',
    { claims: { hd: 'evil.example' } },
  ),
  signInAttack(
    {
      name: 'console/unverified-address',
      tries: 'an account whose address, an operator’s, nobody verified',
      refused: '401 token_invalid',
      defence: 'email_verified',
      off: {
        edits: [
          edit(SESSION, "if (payload['email_verified'] !== true) throw refused('email_verified');"),
        ],
      },
    },
    'operator',
    { claims: { email_verified: false } },
  ),
  signInAttack(
    {
      name: 'console/phone-token',
      tries:
        'a token that the provider made for the phone app, of somebody who is an operator, too',
      refused: '401 token_invalid',
      defence: 'the audience of the console is its own',
      off: { edits: [edit(USER_TOKEN, 'audience: issuer.audience,')] },
    },
    'operator',
    { claims: { aud: 'modelseal' } },
  ),
  signInAttack(
    {
      name: 'console/stolen-id-token',
      tries: 'an operator’s fresh ID token, out of the history of his browser',
      refused: '401 token_invalid',
      defence: 'its nonce is the hash of what only the page knows that asked for it',
      off: { edits: [edit(SESSION, "if (payload['nonce'] !== nonce) throw refused('nonce');")] },
    },
    'operator',
    { verifier: 'A'.repeat(43) },
  ),
  {
    name: 'console/role',
    tries: 'an analyst who blocks a user',
    refused: '403 role_missing',
    defence: 'the table of roles and operations, asked in the function with each request',
    off: {
      edits: [
        edit(
          SESSION,
          "if (!mayDo(roles, operation)) throw new ServiceError('role_missing', { reason: operation });",
        ),
      ],
    },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('analyst');
      return outcomeOf(call('POST', `${VICTIM}/acts`, BLOCK));
    },
  },
  {
    name: 'console/former-operator',
    tries: 'a session of somebody who was an operator when it began',
    refused: '403 role_missing',
    defence: 'roles are those of the configuration at each request, and not of the session',
    off: {
      edits: [
        edit(
          SETTINGS,
          '? (operators[email] ?? []) : []',
          "? (operators[email] ?? []) : ['operator']",
        ),
      ],
    },
    async run(lab) {
      const { api, signedIn } = await consoleOf(lab);
      const { call } = await signedIn('operator');
      delete api.services.consoleAccess?.settings.operators[addressOf('operator')];
      return outcomeOf(call('GET', VICTIM));
    },
  },
  {
    name: 'console/step-up',
    tries: 'a browser that an operator left, hours after he signed in, to set a thief free',
    refused: '403 sign_in_again',
    defence: 'what is hard to undo needs a sign-in of the last minutes',
    off: { edits: [edit(SESSION, 'OPERATIONS[operation].stepUp && ', 'false && ')] },
    async run(lab) {
      const authTime = Math.floor(Date.now() / 1000) - 3_000;
      const { call } = await (await consoleOf(lab)).signedIn('operator', { auth_time: authTime });
      return outcomeOf(call('POST', `${VICTIM}/acts`, { act: 'undo', reason: 'a friend of mine' }));
    },
  },
  {
    name: 'console/signed-out',
    tries: 'the cookie of a session that its operator has ended',
    refused: '401 session_required',
    defence: 'a session is a document, and ends with it',
    off: { edits: [edit(SESSION, 'if (token) await documents.delete(sessionPath(token));')] },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('viewer');
      await call('DELETE', '/v1/admin/session');
      return outcomeOf(call('GET', '/v1/admin/session'));
    },
  },
  {
    name: 'console/forged-request',
    tries: 'a page of somebody else that has an operator’s browser block a user, cookie and all',
    refused: '403 origin_refused',
    defence: 'Origin and Fetch Metadata are those of the console’s page, beside SameSite=Strict',
    off: {
      edits: [
        edit(ADMIN, "if (!isOwn || (changes && header('origin') !== origin)) {", 'if (false) {'),
      ],
    },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('operator');
      const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      return outcomeOf(call('POST', `${VICTIM}/acts`, BLOCK, headers));
    },
  },
  {
    name: 'console/csrf-token',
    tries:
      'the same from a page that the browser takes for the console, without what only the console knows',
    refused: '403 origin_refused',
    defence: 'a token that is made of the session’s and read by its page alone',
    off: {
      edits: [edit(ADMIN, "requireCsrfToken(session, request.header('x-csrf-token'));")],
    },
    async run(lab) {
      const { call } = await (await consoleOf(lab)).signedIn('operator');
      return outcomeOf(call('POST', `${VICTIM}/acts`, BLOCK, { 'x-csrf-token': '' }));
    },
  },
  {
    name: 'console/local-provider',
    tries:
      'the local stack’s provider, which asks for no password, in a deployment on Google Cloud',
    refused: 'RangeError',
    defence: 'on Google Cloud a provider is reached by https, and the local one has none',
    off: {
      edits: [edit(SETTINGS, 'isOnGoogleCloud ? https : z.union', 'false ? https : z.union')],
    },
    async run(lab) {
      const { parseConsoleSettings } = await lab.load<typeof settingsModule>(SETTINGS);
      const local = { issuer: 'http://127.0.0.1:9', jwksUri: 'http://127.0.0.1:9/jwks' };
      try {
        parseConsoleSettings(JSON.parse(consoleEnvironment(local)['CONSOLE'] ?? ''), true, []);
        return SUCCEEDED;
      } catch (error) {
        return (error as Error).name;
      }
    },
  },
];
