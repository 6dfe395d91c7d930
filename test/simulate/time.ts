/** Spans of simulated time, in milliseconds, and when the world begins. */
export { DAY_MS as DAY, HOUR_MS as HOUR } from '../../functions/fraud/time.ts';
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const WORLD_START = Date.parse('2027-03-01T00:00:00.000Z');
