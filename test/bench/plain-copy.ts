/**
 * The function that a grant is measured against: it knows its user, copies the object as it lies and
 * signs a URL, and protects nothing. In a process of its own where the functions have theirs.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { sealedObjectName } from '../../functions/grants/sealed-object.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { Services } from '../../functions/services.ts';
import { listenOnLoopback } from '../stack/ports.ts';
import type { Stack } from '../stack/stack.ts';

export interface PlainCopies {
  /** A signed URL of a fresh copy of this object of the vault. */
  copy(vaultObject: string, token: string): Promise<string>;
  stop(): void;
}

export async function startPlainCopies(stack: Stack, services: Services): Promise<PlainCopies> {
  const { port, stop } =
    stack.mode === 'emulators' ? await startProcess(stack) : await startServer(services);
  return {
    stop,
    async copy(vaultObject, token) {
      const response = await fetch(`http://127.0.0.1:${port}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        body: vaultObject,
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.text();
    },
  };
}

async function startProcess(stack: Stack) {
  const child = fork(import.meta.filename, { env: { ...stack.environment } });
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => void child.kill() };
}

async function startServer(services: Services) {
  const { config, objects, urls, userTokens } = services;
  const { sealed, vault } = config.buckets;
  const server = createServer(async (request, response) => {
    try {
      const now = services.now();
      await userTokens.verify(request.headers.authorization, now);
      const source = (await Array.fromAsync(request)).join('');
      const grantId = `g_${toBase64url(randomBytes(16))}`;
      const name = sealedObjectName(grantId, now, config.sealedTtlSeconds);
      const urlExpiresAt = new Date(now.getTime() + config.urlTtlSeconds * 1000);
      const [url] = await Promise.all([
        urls.signReadUrl(sealed, name, now, urlExpiresAt),
        objects.write(sealed, name, objects.read(vault, source), { ifAbsent: true }),
      ]);
      response.end(url);
    } catch {
      response.writeHead(500).end();
    }
  });
  const port = await listenOnLoopback(server);
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port, stop };
}

if (import.meta.main) {
  const services = await createServices(loadConfig(process.env), { name: 'copy', secrets: [] });
  const { port } = await startServer(services);
  process.send?.(port);
  process.once('disconnect', () => process.exit());
}
