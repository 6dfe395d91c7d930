import type { Health } from '../api.ts';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { count, Tag, When } from '../parts/text.tsx';

export function HealthPage() {
  const answer = useAnswer<Health>('health');
  return (
    <>
      <h1>Keys and health</h1>
      <Loaded of={answer}>
        {({ keys, checks, ledger }) => (
          <>
            <section aria-labelledby="checks">
              <h2 id="checks">Checks</h2>
              <Table
                caption="What should be so"
                rows={checks}
                none=""
                columns={[
                  { name: 'Check', cell: ({ name }) => name },
                  {
                    name: 'State',
                    cell: ({ isWell }) => (
                      <Tag kind={isWell ? 'good' : 'warn'}>{isWell ? 'Well' : 'Look'}</Tag>
                    ),
                  },
                  { name: 'Seen', cell: ({ detail }) => detail },
                  {
                    name: 'Remedy',
                    cell: ({ isWell, remedy }) => (isWell ? '–' : <code>{remedy}</code>),
                  },
                ]}
              />
              <p class="muted small">
                Of the database alone. The deployment is checked by <code>modelseal doctor</code>.
              </p>
            </section>
            <section aria-labelledby="keys">
              <h2 id="keys">Signing keys</h2>
              <Table
                caption="Versions of the signing keys"
                rows={keys}
                none="There are none."
                columns={[
                  { name: 'Version', cell: ({ kid }) => <code>{kid}</code> },
                  {
                    name: 'State',
                    cell: ({ state }) => (
                      <Tag kind={state === 'signing' ? 'good' : 'plain'}>{state}</Tag>
                    ),
                  },
                ]}
              />
            </section>
            <section aria-labelledby="ledger">
              <h2 id="ledger">Ledger</h2>
              <p>
                {count(ledger.sequence)} blocks with {count(ledger.grants)} grants
                {ledger.newest && (
                  <>
                    , the newest <When at={ledger.newest} short />
                  </>
                )}
                . <code>modelseal ledger verify</code> recomputes the chain.
              </p>
            </section>
          </>
        )}
      </Loaded>
    </>
  );
}
