import type { Overview } from '../api.ts';
import { Acts } from '../parts/acts.tsx';
import { GrantsChart } from '../parts/chart.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { count, percent, Tag, When } from '../parts/text.tsx';

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
                From the ledger, two minutes behind. Latency and cost are in the Cloud Monitoring
                dashboard and in BigQuery: the function behind this page may not read them.
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
