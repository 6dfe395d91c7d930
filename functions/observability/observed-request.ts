/** What telemetry tells a collector, and where that is. */

export interface TelemetryOptions {
  /** The base of OTLP over HTTP, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** The share of traces that is sent, 0 to 1; the same traces in every function. */
  readonly traceShare: number;
  readonly functionName: string;
}

/** One request as its log lines told it. Times in milliseconds. */
export interface ObservedRequest {
  /** Such as `POST grant`. */
  readonly name: string;
  readonly endedAt: number;
  readonly durationMs: number;
  readonly status: number;
  readonly outcome: string;
  /** From the `traceparent` that the request came with. */
  readonly parent: { readonly traceId: string; readonly spanId: string } | undefined;
  /** In their order; each began where the one before ended, and the last ended at `stepsEndedAt`. */
  readonly steps: readonly { readonly name: string; readonly durationMs: number }[];
  readonly stepsEndedAt: number;
  readonly sealedBytes: number;
}
