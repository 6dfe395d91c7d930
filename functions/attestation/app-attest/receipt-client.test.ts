import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { jwtVerify } from 'jose';
import { issueReceipt } from '../../../test/virtual-phones/apple-receipt.ts';
import {
  basicConstraintsExtension,
  issueCertificate,
} from '../../../test/virtual-phones/issue-certificate.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { DAY_MS } from '../../time.ts';
import { parseCertificate } from '../certificate.ts';
import { type ReceiptClientOptions, refreshReceipt } from './receipt-client.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const APP_ID = 'TEAM123456.com.example.models';
const roots = createTestRoots(NOW);
const developerKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

const attested = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const attestedCertificate = issueCertificate({
  subject: 'attested',
  issuer: 'attested',
  serialNumber: 1n,
  notBefore: NOW,
  notAfter: NOW,
  publicKey: attested.publicKey,
  signingKey: attested.privateKey,
  extensions: [basicConstraintsExtension(false)],
});
const issue = (createdAt: Date) =>
  issueReceipt({
    hierarchy: roots.appleReceipt,
    appId: APP_ID,
    attestedCertificate,
    type: 'RECEIPT',
    createdAt,
    riskMetric: 2,
  });
const input = {
  receipt: issue(new Date(NOW.getTime() - DAY_MS)),
  appId: APP_ID,
  publicKey: parseCertificate(attestedCertificate).spki,
  now: NOW,
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A server in Apple's place, and the options that lead to it. */
async function apple(
  answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<ReceiptClientOptions> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, Buffer.concat(chunks).toString(), response));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    teamId: 'TEAM123456',
    keyId: 'KEY1234567',
    privateKey: developerKey.privateKey,
    baseUrl: `http://127.0.0.1:${port}`,
    fetch,
    trustAnchors: [roots.appleReceipt.root],
    timeoutMs: 2000,
  };
}

describe('a receipt refresh', () => {
  it('sends the receipt under a token of the team, and verifies what comes back', async () => {
    const seen: { url?: string | undefined; jwt?: string | undefined; body?: string } = {};
    const options = await apple((request, body, response) => {
      Object.assign(seen, { url: request.url, jwt: request.headers.authorization, body });
      response.end(Buffer.from(issue(NOW)).toString('base64'));
    });
    const refresh = await refreshReceipt(options, input);
    expect(refresh).toMatchObject({ status: 'fresh', receipt: { riskMetric: 2, createdAt: NOW } });
    expect(seen.url).toBe('/v1/attestationData');
    expect(seen.body).toBe(Buffer.from(input.receipt).toString('base64'));
    const { payload, protectedHeader } = await jwtVerify(seen.jwt ?? '', developerKey.publicKey);
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'KEY1234567' });
    expect(payload).toEqual({ iss: 'TEAM123456', iat: NOW.getTime() / 1000 });
  });

  it.each([
    [304, { status: 'unchanged' }],
    [404, { status: 'no-data' }],
  ])('takes status %d for an answer', async (status, result) => {
    const options = await apple((_request, _body, response) => response.writeHead(status).end());
    await expect(refreshReceipt(options, input)).resolves.toEqual(result);
  });

  it.each([
    [400, 'unexpected-answer', undefined],
    [401, 'unauthorised', undefined],
    [429, 'throttled', 30],
    [503, 'unavailable', 30],
    [302, 'unavailable', undefined],
  ])('fails on status %d as %s', async (status, code, retryAfterSeconds) => {
    const options = await apple((_request, _body, response) =>
      response.writeHead(status, { 'retry-after': '30', location: '/elsewhere' }).end(),
    );
    await expect(refreshReceipt(options, input)).rejects.toMatchObject({
      name: 'AttestationServiceError',
      code,
      retryAfterSeconds,
    });
  });

  it('fails on answers that are no receipt, too large, stale or not given', async () => {
    const answers = async (body: string) =>
      refreshReceipt(await apple((_request, _body, response) => response.end(body)), input);
    await expect(answers('')).rejects.toMatchObject({ code: 'unexpected-answer' });
    await expect(answers('x'.repeat(70_000))).rejects.toMatchObject({ code: 'unexpected-answer' });
    const old = Buffer.from(input.receipt).toString('base64');
    await expect(answers(old)).rejects.toMatchObject({ code: 'receipt-stale' });
    const silent = await apple((request) => request.socket.destroy());
    await expect(refreshReceipt(silent, input)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
