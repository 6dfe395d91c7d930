/** A rollout under way: its share and steps, and how the version goes on the phones that have it. */
import type { Models } from '../api.ts';
import { Table } from '../parts/table.tsx';
import { count, percent, Tag, When } from '../parts/text.tsx';

type Rollout = NonNullable<Models['models'][number]['release']>['rollouts'][number];
type Health = NonNullable<Rollout['health']>;

const SIGNALS: Readonly<Record<keyof Health['signals'], string>> = {
  failed: 'Opening failed',
  refused: 'Copy could not be sealed',
  slow: 'Opening took over 20 s',
  crashed: 'App crashed with it',
  delayed: 'Sealing took over 10 s',
};

export function RolloutSection({
  of,
  haltingStrength,
  order,
}: {
  readonly of: Rollout;
  readonly haltingStrength: number;
  readonly order: ((act: 'pause' | 'resume' | 'halt') => void) | undefined;
}) {
  const { name, share, isConditional, steps, since, paused, halted, health } = of;
  const stands = paused !== null || halted !== null;
  return (
    <section class="rollout" aria-label={`Rollout of ${name}`}>
      <h3>
        Rollout of <code>{name}</code> <State of={of} />
      </h3>
      <p>
        {halted ? 'It was for' : 'For'} {percent(share / 10_000)} of{' '}
        {isConditional ? 'the devices of its condition' : 'all devices'}
        {since && (
          <>
            , begun <When at={since} short />
          </>
        )}
        .
        {steps.map((step) => (
          <>
            {' '}
            Then {percent(step.share / 10_000)} from <When at={step.at} /> on.
          </>
        ))}
      </p>
      {order && (
        <div class="buttons">
          {stands ? (
            <button type="button" aria-label={`Resume ${name}`} onClick={() => order('resume')}>
              Resume
            </button>
          ) : (
            <button type="button" aria-label={`Pause ${name}`} onClick={() => order('pause')}>
              Pause
            </button>
          )}
          {!halted && (
            <button
              type="button"
              class="danger"
              aria-label={`Halt ${name}`}
              onClick={() => order('halt')}
            >
              Halt
            </button>
          )}
        </div>
      )}
      {health?.isUnheard && (
        <p class="notice warn">
          Of {count(health.heard.fetched)} phones that have had it for an hour,{' '}
          {count(health.heard.reported)} have told how it went. Its steps wait: nothing could halt
          it.
        </p>
      )}
      {health ? (
        <HealthTable of={health} name={name} haltingStrength={haltingStrength} />
      ) : (
        <p class="notice">Too few phones have reported for a word about its health.</p>
      )}
    </section>
  );
}

function State({ of: { paused, halted, health } }: { readonly of: Rollout }) {
  if (halted) return <Tag kind="bad">{health?.halted ? 'Halted by the worker' : 'Halted'}</Tag>;
  return paused ? <Tag kind="warn">Paused</Tag> : <Tag kind="good">Under way</Tag>;
}

function HealthTable({
  of: { signals, strength, updatedAt },
  name,
  haltingStrength,
}: {
  readonly of: Health;
  readonly name: string;
  readonly haltingStrength: number;
}) {
  return (
    <>
      <Table
        caption={`Health of ${name} against the version before`}
        rows={Object.entries(SIGNALS) as [keyof Health['signals'], string][]}
        none=""
        columns={[
          { name: 'Signal', cell: ([, words]) => words },
          { name: name, cell: ([signal]) => rate(signals[signal].recent), isNumber: true },
          { name: 'Before', cell: ([signal]) => rate(signals[signal].before), isNumber: true },
          {
            name: 'Evidence',
            cell: ([signal]) => strengthText(signals[signal].strength),
            isNumber: true,
          },
        ]}
      />
      <p class="muted small">
        All together {strengthText(strength)} times likelier with a worse version than with an equal
        one; {haltingStrength} halt it. Seen <When at={updatedAt} short />.
      </p>
    </>
  );
}

const rate = ({ bad, devices }: { readonly bad: number; readonly devices: number }): string =>
  devices === 0 ? 'none reported' : `${count(bad)} of ${count(devices)}`;

/** Evidence grows without end: beyond some size its exponent says enough. */
const strengthText = (strength: number): string =>
  strength < 10_000 ? strength.toPrecision(2) : `10^${Math.floor(Math.log10(strength))}`;
