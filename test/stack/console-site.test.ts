import { createServer } from 'node:http';
import { expect, it } from '@jest/globals';
import { startConsoleSite } from './console-site.ts';
import { listenOnLoopback } from './ports.ts';

it('has the function say what may be kept of its answers, behind headers that are given to all paths', async () => {
  const admin = createServer((request, response) => {
    response.writeHead(200, { 'cache-control': 'no-store', 'x-asked': request.url });
    response.end();
  });
  const site = await startConsoleSite(0, await listenOnLoopback(admin, 0));
  const headersOf = async (path: string) => (await fetch(site.url + path)).headers;
  try {
    for (const path of ['/v1/admin/subjects', '/v1/admin/models/pose.js', '/v1/admin/models/a.b']) {
      const answer = await headersOf(path);
      expect([path, answer.get('x-asked'), answer.get('cache-control')]).toEqual([
        path,
        path,
        'no-store',
      ]);
      expect(answer.get('content-security-policy')).toMatch(/^default-src 'none'/);
      expect(answer.get('strict-transport-security')).toMatch(/^max-age=31536000/);
    }
    for (const path of ['/', '/index.html', '/nothing.js']) {
      expect([path, (await headersOf(path)).get('cache-control')]).toEqual([path, 'no-cache']);
    }
  } finally {
    await site.stop();
    await new Promise((resolve) => admin.close(resolve));
  }
});
