/**
 * What stands for Firebase Hosting: the files of the console and its rewrites, all with the headers that firebase.json gives
 * their paths: an answer of a function loses its own header of that name, as in superstatic 11.0.0, which is what serves in
 * Firebase's emulator (lib/middleware/headers.js). Of cookies it hands on what Hosting does, which is one
 * (https://firebase.google.com/docs/hosting/manage-cache#using_cookies).
 */
import { readFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { extname, join, matchesGlob } from 'node:path';
import { pipeline } from 'node:stream';
import { consoleFiles } from '../../console/build.ts';
import { listenOnLoopback } from './ports.ts';

interface HostingConfig {
  readonly target: string;
  readonly headers: readonly {
    /** A glob of paths. */
    readonly source: string;
    readonly headers: readonly { readonly key: string; readonly value: string }[];
  }[];
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

type Headers = Readonly<Record<string, string>>;

/** By the path of a request: the headers that firebase.json has for the console's target; of one name, the last. */
function consoleHeaders(): (path: string) => Headers {
  const file = join(import.meta.dirname, '../../firebase.json');
  const { hosting } = JSON.parse(readFileSync(file, 'utf8')) as {
    hosting: readonly HostingConfig[];
  };
  const rules = hosting.find(({ target }) => target === 'console')?.headers ?? [];
  return (path) =>
    Object.fromEntries(
      rules
        .filter(({ source }) => matchesGlob(path, source))
        .flatMap(({ headers }) => headers.map(({ key, value }) => [key.toLowerCase(), value])),
    );
}

export interface ConsoleSite {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves the console on `port`; `adminPort` is where the function listens. */
export async function startConsoleSite(port: number, adminPort: number): Promise<ConsoleSite> {
  const headersOf = consoleHeaders();
  let files: ReturnType<typeof consoleFiles> | undefined;
  const serve = async (path: string, response: ServerResponse): Promise<void> => {
    // Bundled when somebody looks: most stacks are for phones.
    files ??= consoleFiles();
    const name = path === '/' ? 'index.html' : path.slice(1);
    const bytes = (await files).get(name);
    response.writeHead(bytes ? 200 : 404, {
      ...headersOf(path),
      'content-type': TYPES[extname(name)] ?? 'text/plain',
    });
    response.end(bytes ?? 'not found');
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (path.startsWith('/v1/admin/')) {
      return handOn(request, response, { port: adminPort, headers: headersOf(path) });
    }
    serve(path, response).catch((error: unknown) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  const bound = await listenOnLoopback(server, port);
  return {
    url: `http://127.0.0.1:${bound}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function handOn(
  request: IncomingMessage,
  response: ServerResponse,
  { port, headers: given }: { readonly port: number; readonly headers: Headers },
): void {
  const { cookie = '', connection: _, ...headers } = request.headers;
  const session = cookie.split(';').find((each) => each.trim().startsWith('__session='));
  const upstream = httpRequest({
    host: '127.0.0.1',
    port,
    method: request.method,
    path: request.url,
    headers: { ...headers, ...(session && { cookie: session.trim() }) },
  });
  upstream.once('error', () => response.destroy());
  // A page that was left waits for no answer.
  response.once('close', () => upstream.destroy());
  upstream.once('response', (answer) => {
    if (response.destroyed) return;
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...given });
    pipeline(answer, response, () => undefined);
  });
  request.pipe(upstream);
}
