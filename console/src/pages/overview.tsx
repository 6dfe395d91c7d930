import type { Overview } from '../api.ts';
import { Acts } from '../parts/acts.tsx';
import { GrantsChart } from '../parts/chart.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { bytes, count, percent, Tag, usd, When } from '../parts/text.tsx';

export function OverviewPage() {
  const answer = useAnswer<Overview>('overview');
  return (
    <>
      <h1>Overview</h1>
      <Loaded of={answer}>
        {({ grants, day, alert, openCases, blocked, heldBack, acts, unreadable }) => (
          <>
            {unreadable > 0 && (
              <p class="notice bad" role="alert">
                {count(unreadable)} documents behind these figures cannot be read: see Cases.
              </p>
            )}
            <div class="tiles">
              <Tile name="Cases to look at" value={count(openCases)} href="#/cases" />
              <Tile name="Blocked by rules" value={count(blocked)} href="#/cases" />
              <Tile name="Breakers that hold back" value={count(heldBack)} href="#/rules" />
              <Tile name="Grants in the ledger" value={count(grants.total)} />
              <Tile name="A copy took, 24 hours" value={ms(day.took.p50Ms)} />
              <Tile name="95 % of copies took at most" value={ms(day.took.p95Ms)} />
              <Tile name="Grants cost, 24 hours" value={day.cost ? usd(day.cost.dollars) : '–'} />
            </div>
            <section aria-labelledby="campaign">
              <h2 id="campaign">Campaign alert</h2>
              {alert ? (
                <p class="notice bad">
                  <Tag kind="bad">{`Level ${alert.level}`}</Tag> since <When at={alert.since} />,
                  until <When at={alert.until} />
                </p>
              ) : (
                <p>
                  <Tag kind="good">None</Tag> Nothing looks like a campaign.
                </p>
              )}
            </section>
            <section aria-labelledby="grants">
              <h2 id="grants">Grants</h2>
              <GrantsChart blocks={grants.blocks} />
              <p class="muted small">
                From the ledger, two minutes behind. Of {count(day.took.copies)} copies of 24 hours
                it is known how long they took, from the request until they were sealed, without the
                download; each figure is too high by a fifth at most.
              </p>
            </section>
            <section aria-labelledby="refusals">
              <h2 id="refusals">Refusals, 24 hours</h2>
              <Table
                caption="Refusals of the last 24 hours by cause"
                rows={day.refusals}
                none="Nothing was refused."
                columns={[
                  { name: 'Asked for', cell: ({ type }) => type },
                  { name: 'Cause', cell: ({ cause }) => <code>{cause || '–'}</code> },
                  { name: 'Times', cell: (each) => count(each.count), isNumber: true },
                  {
                    name: 'Beside grants',
                    cell: (each) => (day.granted > 0 ? percent(each.count / day.granted) : '–'),
                    isNumber: true,
                  },
                ]}
              />
              <p class="muted small">
                {count(day.granted)} grants in that time
                {day.isComplete ? '' : ', of the newest hours'}. Counted where events are scored:
                the last seconds of an instance are lost.
              </p>
            </section>
            <section aria-labelledby="cost">
              <h2 id="cost">What grants cost, 24 hours</h2>
              <Table
                caption="Cost of the grants of the last 24 hours by what they use"
                rows={day.cost?.lines.filter(({ dollars }) => dollars > 0) ?? []}
                none="No copy has been told of yet."
                columns={[
                  { name: 'Used', cell: ({ item }) => item },
                  {
                    name: 'Share',
                    cell: ({ dollars }) => percent(dollars / (day.cost?.dollars ?? 1)),
                    isNumber: true,
                  },
                  { name: 'US dollars', cell: ({ dollars }) => usd(dollars), isNumber: true },
                ]}
              />
              <p class="muted small">
                An estimate: {count(day.granted)} grants of {bytes(day.cost?.bytesEach ?? 0)} on
                average, by operations as counted of one grant, at list prices beyond free tiers.
                {day.cost &&
                  ` A million such grants are ${usd((1e6 * day.cost.dollars) / day.granted)}.`}{' '}
                What else the service does, and what stands by, is on the bill alone.
              </p>
            </section>
            <section aria-labelledby="acts">
              <h2 id="acts">Done lately</h2>
              <Acts acts={acts} />
            </section>
          </>
        )}
      </Loaded>
    </>
  );
}

const ms = (value: number | null): string => (value === null ? '–' : `${count(value)} ms`);

function Tile({
  name,
  value,
  href,
}: {
  readonly name: string;
  readonly value: string;
  readonly href?: string;
}) {
  const inner = (
    <>
      <span class="value">{value}</span>
      <span class="muted">{name}</span>
    </>
  );
  return href ? (
    <a class="tile" href={href}>
      {inner}
    </a>
  ) : (
    <div class="tile">{inner}</div>
  );
}
