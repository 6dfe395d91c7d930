import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLog } from '../log.ts';
import { createTelemetry } from './telemetry.ts';

interface Received {
  readonly path: string;
  readonly text: string;
}
let collector: Server;
let endpoint: string;
const received: Received[] = [];

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ path: request.url ?? '', text: Buffer.concat(chunks).toString() });
    response.setHeader('Content-Type', 'application/json');
    response.end('{}');
  });
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done));
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
});
afterAll(() => void collector.close());
beforeEach(() => void received.splice(0));

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

function telemetryOf(options: { endpoint?: string; traceShare?: number } = {}) {
  const lines: string[] = [];
  const log = createLog('grant', (line) => lines.push(line));
  const set = { endpoint, traceShare: 1, functionName: 'grant', ...options };
  return { lines, ...createTelemetry(log, set) };
}

interface OtlpSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}
const spansReceived = () =>
  received
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ text }) => JSON.parse(text).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }): OtlpSpan[] => spans);
const metricsReceived = () =>
  received
    .filter(({ path }) => path === '/v1/metrics')
    .flatMap(({ text }) => JSON.parse(text).resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }): { name: string }[] => metrics);
const lasted = (span: OtlpSpan | undefined) =>
  (Number(span?.endTimeUnixNano) - Number(span?.startTimeUnixNano)) / 1e6;

describe('createTelemetry', () => {
  it('makes a span of a request and of the steps of its grant, under the trace that it came with', async () => {
    const { log, shutdown, lines } = telemetryOf();
    log('INFO', 'grant sealed', { requestId: 'r1', admitMs: 12, sealMs: 30, sealedBytes: 4096 });
    log('INFO', 'POST grant', {
      requestId: 'r1',
      status: 201,
      outcome: 'ok',
      durationMs: 45,
      'logging.googleapis.com/trace': `projects/p/traces/${TRACE}`,
      'logging.googleapis.com/spanId': SPAN,
    });
    await shutdown();
    const spans = spansReceived();
    const root = spans.find(({ name }) => name === 'POST grant');
    expect(root).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
    expect(lasted(root)).toBeCloseTo(45, 0);
    const steps = ['admit', 'seal'].map((name) => spans.find((span) => span.name === name));
    expect(steps.map((span) => span?.parentSpanId)).toEqual([root?.spanId, root?.spanId]);
    expect(steps.map((span) => Math.round(lasted(span)))).toEqual([12, 30]);
    expect(metricsReceived().map(({ name }) => name)).toEqual([
      'modelseal.request.duration',
      'modelseal.grant.step.duration',
      'modelseal.sealed.bytes',
    ]);
    expect(lines).toHaveLength(2);
  });

  it('sends of a line its figures and outcome, and nothing that names anybody', async () => {
    const { log, shutdown } = telemetryOf();
    const secrets = { grant: 'g_secret', user: 'u_secret', requestId: 'r_secret' };
    log('INFO', 'grant sealed', { ...secrets, admitMs: 1, sealMs: 1, sealedBytes: 1 });
    const refused = { status: 403, outcome: 'signature-invalid', durationMs: 3 };
    log('WARNING', 'POST grant', { ...secrets, ...refused });
    await shutdown();
    const sent = received.map(({ text }) => text).join();
    expect(sent).toContain('signature-invalid');
    expect(sent).not.toContain('secret');
  });

  it('keeps the traces that are not sampled, and still counts them', async () => {
    const { log, shutdown } = telemetryOf({ traceShare: 0 });
    log('INFO', 'GET models', { requestId: 'r', status: 200, outcome: 'ok', durationMs: 2 });
    await shutdown();
    expect(spansReceived()).toEqual([]);
    expect(metricsReceived()).toHaveLength(1);
  });

  it('only logs where the collector is gone', async () => {
    const { log, shutdown, lines } = telemetryOf({ endpoint: 'http://127.0.0.1:9' });
    log('INFO', 'GET models', { requestId: 'r', status: 200, outcome: 'ok', durationMs: 2 });
    await shutdown();
    expect(lines).toHaveLength(1);
    expect(received).toEqual([]);
  });
});
