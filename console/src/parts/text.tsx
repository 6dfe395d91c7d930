/** Instants, sizes, states and names as people read them. */

const instant = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const number = new Intl.NumberFormat('en-GB');
const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

const oneDecimal = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });

/** Of a share of 1. */
export const percent = (value: number): string => `${oneDecimal.format(100 * value)} %`;
export const count = (value: number): string => number.format(value);

/** US dollars, to the cent. */
export const usd = (value: number): string =>
  value > 0 && value < 0.01 ? '< $0.01' : `$${value.toFixed(2)}`;

/** Such as `2 hours ago`. */
function fromNow(at: number): string {
  const ms = at - Date.now();
  const [unit, size] =
    UNITS.find(([, each]) => Math.abs(ms) >= each) ?? (['minute', 60_000] as const);
  return relative.format(Math.round(ms / size), unit);
}

/** An instant, with how far it is from now. */
export function When({ at, short = false }: { readonly at: string; readonly short?: boolean }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={instant.format(date)}>
      {short ? fromNow(date.getTime()) : `${instant.format(date)} (${fromNow(date.getTime())})`}
    </time>
  );
}

export function bytes(size: number): string {
  if (size < 1e6) return `${Math.max(1, Math.round(size / 1e3))} kB`;
  return `${(size / 1e6).toFixed(size < 1e8 ? 1 : 0)} MB`;
}

/** A short word with a colour that says nothing which the word does not. */
export function Tag({
  kind = 'plain',
  children,
}: {
  readonly kind?: TagKind;
  readonly children: string;
}) {
  return <span class={`tag ${kind}`}>{children}</span>;
}
export type TagKind = 'plain' | 'good' | 'warn' | 'bad';

/** A subject's key, as a link to its page. */
export function SubjectLink({ subject }: { readonly subject: string }) {
  const [kind = '', ...rest] = subject.split('_');
  const isSubject = ['user', 'device', 'network'].includes(kind);
  if (!isSubject) return <code>{subject}</code>;
  return (
    <a class="subject" href={`#/subjects/${subject}`}>
      <span class="muted">{kind}</span> <code>{rest.join('_')}</code>
    </a>
  );
}

export const ACTION_WORDS: Readonly<Record<string, string>> = {
  watch: 'Watch',
  throttle: 'Throttle',
  stepUp: 'Step-up',
  block: 'Block',
};
