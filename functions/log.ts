/** Structured logs: one JSON line an entry, with the fields that Cloud Logging knows. */

export type Severity = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
export type Log = (severity: Severity, message: string, fields?: LogFields) => void;

/** Writes to standard output, where the runtime's agent picks it up. */
export function createLog(functionName: string, write: (line: string) => void): Log {
  return (severity, message, fields = {}) => {
    write(
      `${JSON.stringify({ severity, message, time: new Date().toISOString(), function: functionName, ...fields })}\n`,
    );
  };
}

/**
 * What may be said of an error that nobody expected: its name, its stack's frames and the names of
 * its causes. Never its message, which can hold bytes that came from outside or from a key.
 */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const code = (error as { code?: unknown }).code;
  return {
    error: error.name,
    ...((typeof code === 'string' || typeof code === 'number') && { errorCode: code }),
    ...(error.cause instanceof Error && { cause: error.cause.name }),
    stack: frames.slice(0, 8).join('\n'),
  };
}
