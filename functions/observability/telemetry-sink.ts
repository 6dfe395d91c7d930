/** The OpenTelemetry SDK's part of telemetry.ts; the only file that imports it. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { ObservedRequest, TelemetryOptions } from './observed-request.ts';

export interface TelemetrySink {
  record(request: ObservedRequest): void;
  /** Sends what is waiting, for two seconds at most. */
  shutdown(): Promise<void>;
}

const METRICS_EVERY_MS = 30_000;
const TIMEOUT_MS = 2_000;
/** Milliseconds; a grant of a large model takes seconds. */
const BUCKETS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

export function openTelemetrySink(options: TelemetryOptions): TelemetrySink {
  const { endpoint, functionName, traceShare } = options;
  const resource = resourceFromAttributes({
    'service.namespace': 'modelseal',
    'service.name': functionName,
  });
  const to = (signal: string) => ({
    url: `${endpoint.replace(/\/$/, '')}/v1/${signal}`,
    timeoutMillis: TIMEOUT_MS,
  });
  const tracers = new TracerProvider({
    resource,
    sampler: new TraceIdRatioBasedSampler(traceShare),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(to('traces')) })],
  });
  const meters = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(to('metrics')),
        exportIntervalMillis: METRICS_EVERY_MS,
        exportTimeoutMillis: TIMEOUT_MS,
      }),
    ],
  });
  const tracer = tracers.getTracer('modelseal');
  const meter = meters.getMeter('modelseal');
  const advice = { advice: { explicitBucketBoundaries: BUCKETS }, unit: 'ms' };
  const duration = meter.createHistogram('modelseal.request.duration', advice);
  const step = meter.createHistogram('modelseal.grant.step.duration', advice);
  const sealed = meter.createCounter('modelseal.sealed.bytes', { unit: 'By' });

  function spans(request: ObservedRequest): void {
    const { name, endedAt, durationMs, status, outcome, parent } = request;
    const context = parent
      ? trace.setSpanContext(ROOT_CONTEXT, {
          ...parent,
          traceFlags: TraceFlags.SAMPLED,
          isRemote: true,
        })
      : ROOT_CONTEXT;
    const span = tracer.startSpan(
      name,
      {
        kind: SpanKind.SERVER,
        startTime: endedAt - durationMs,
        attributes: { 'http.response.status_code': status, 'modelseal.outcome': outcome },
      },
      context,
    );
    let startTime =
      request.stepsEndedAt - request.steps.reduce((sum, { durationMs: ms }) => sum + ms, 0);
    for (const { name: stepName, durationMs: ms } of request.steps) {
      const child = tracer.startSpan(stepName, { startTime }, trace.setSpan(context, span));
      startTime += ms;
      child.end(startTime);
    }
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(endedAt);
  }

  return {
    record(request) {
      spans(request);
      const { name, outcome, status } = request;
      duration.record(request.durationMs, { request: name, outcome, status });
      for (const { name: stepName, durationMs } of request.steps) {
        step.record(durationMs, { step: stepName });
      }
      if (request.sealedBytes > 0) sealed.add(request.sealedBytes);
    },
    async shutdown() {
      await Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
    },
  };
}
