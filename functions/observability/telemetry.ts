/**
 * Traces and metrics to an OpenTelemetry collector, made from the log lines: what a line says is what
 * a span and a metric say, and nothing is measured twice. Off unless a collector is configured, and
 * the SDK is read only then, at the first line.
 */
import type { Log, LogFields } from '../log.ts';
import type { ObservedRequest, TelemetryOptions } from './observed-request.ts';
import type { TelemetrySink } from './telemetry-sink.ts';

export interface Telemetry {
  /** Writes to the log given, and tells the collector of requests and grants. */
  readonly log: Log;
  /** Sends what is waiting and stops; after it, lines go to the log only. */
  shutdown(): Promise<void>;
}

/** Requests under way whose steps are known already; more than an instance serves at a time. */
const MAX_WAITING = 1_000;

/** Never throws for a collector that is not there: telemetry is lost then, and nothing else. */
export function createTelemetry(log: Log, options: TelemetryOptions): Telemetry {
  let sink: Promise<TelemetrySink | undefined> | undefined;
  let stopped = false;
  const grants = new Map<string, { readonly fields: LogFields; readonly at: number }>();
  const open = () => {
    sink ??= import('./telemetry-sink.ts')
      .then(({ openTelemetrySink }) => openTelemetrySink(options))
      .catch(() => undefined);
    return sink;
  };

  return {
    log(severity, message, fields = {}) {
      log(severity, message, fields);
      const requestId = fields['requestId'];
      if (stopped || typeof requestId !== 'string') return;
      if (message === 'grant sealed' && grants.size < MAX_WAITING) {
        grants.set(requestId, { fields, at: Date.now() });
      }
      if (typeof fields['status'] !== 'number') return;
      const request = observedRequest(message, fields, grants.get(requestId));
      grants.delete(requestId);
      // What cannot be told is lost; a rejection that nobody handles would end the instance.
      void open()
        .then((opened) => opened?.record(request))
        .catch(() => undefined);
    },
    async shutdown() {
      stopped = true;
      await (await sink)?.shutdown().catch(() => undefined);
    },
  };
}

function observedRequest(
  name: string,
  fields: LogFields,
  grant: { readonly fields: LogFields; readonly at: number } | undefined,
): ObservedRequest {
  const endedAt = Date.now();
  const traceId = /[0-9a-f]{32}$/.exec(String(fields['logging.googleapis.com/trace'] ?? ''))?.[0];
  const spanId = fields['logging.googleapis.com/spanId'];
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  return {
    name,
    endedAt,
    durationMs: number(fields['durationMs']),
    status: number(fields['status']),
    outcome: String(fields['outcome']),
    parent: traceId && typeof spanId === 'string' ? { traceId, spanId } : undefined,
    steps: grant
      ? [
          { name: 'admit', durationMs: number(grant.fields['admitMs']) },
          { name: 'seal', durationMs: number(grant.fields['sealMs']) },
        ]
      : [],
    stepsEndedAt: grant?.at ?? endedAt,
    sealedBytes: number(grant?.fields['sealedBytes']),
  };
}
