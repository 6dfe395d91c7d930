/**
 * The month of a patch level, YYYYMM, of a level that is YYYYMM or YYYYMMDD; undefined where it is no
 * date, or one further ahead of `now` than the next month: phones get a month's patches before it
 * begins, and never those of next year.
 */
export function patchMonth(level: number | undefined, now: Date): number | undefined {
  const parts = /^(\d{4})(\d{2})(\d{2})?$/.exec(String(level));
  if (!parts) return undefined;
  const [year = 0, month = 0] = parts.slice(1).map(Number);
  if (month < 1 || month > 12) return undefined;
  const ahead = (year - now.getUTCFullYear()) * 12 + (month - 1 - now.getUTCMonth());
  return ahead > 1 ? undefined : year * 100 + month;
}
