/** Serves the page, the runtime's WebAssembly and the bytes of a job, on loopback; takes outputs back. */
import { createReadStream } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { build } from 'esbuild';

export interface PageServer {
  readonly url: string;
  /** The bytes of jobs by their path, `/bytes/…`: models and inputs as put here, outputs as they come. */
  readonly bytes: Map<string, Uint8Array>;
  close(): Promise<void>;
}

const WASM_FOLDER = 'node_modules/@litertjs/core/wasm';
const PAGE = `<!doctype html><title>modelseal inference</title><link rel="icon" href="data:,">
<body><script type="module" src="/page.js"></script>`;
/** Nothing is loaded from anywhere else. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";

export async function startPageServer(): Promise<PageServer> {
  const { outputFiles } = await build({
    entryPoints: ['test/inference/in-page.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
  });
  const script = outputFiles[0]?.contents ?? new Uint8Array();
  const bytes = new Map<string, Uint8Array>();

  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    response.setHeader('content-security-policy', POLICY);
    response.setHeader('cache-control', 'no-store');
    const wasm = /^\/wasm\/(\w+\.(js|wasm))$/.exec(path);
    if (request.method === 'PUT' && path.startsWith('/bytes/')) {
      bytes.set(path, await buffer(request));
      answer(response, 'text/plain', '');
    } else if (path === '/') answer(response, 'text/html', PAGE);
    else if (path === '/page.js') answer(response, 'text/javascript', script);
    else if (wasm) {
      response.setHeader('content-type', wasm[2] === 'js' ? 'text/javascript' : 'application/wasm');
      await pipeline(createReadStream(`${WASM_FOLDER}/${wasm[1]}`), response);
    } else answer(response, 'application/octet-stream', bytes.get(path));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    bytes,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, type: string, body: string | Uint8Array | undefined) {
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': type });
  response.end(body);
}
