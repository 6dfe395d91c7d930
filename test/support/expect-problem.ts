import { expect } from '@jest/globals';
import { ERRORS, type ErrorCode } from '../../functions/errors.ts';

/** Expects a problem response (RFC 9457) with this code that tells nothing of our insides; gives it. */
export async function expectProblem(
  response: Response,
  code: ErrorCode,
): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ code, status: ERRORS[code].status });
  expect(response.status).toBe(ERRORS[code].status);
  expect(problem['requestId']).toBe(response.headers.get('request-id'));
  expect(JSON.stringify(problem)).not.toMatch(/\bat .*\.ts|\.ts:|node_modules|Error:/);
  return problem;
}
