import { useEffect } from 'preact/hooks';
import type { Models, Session } from '../api.ts';
import { useChange } from '../parts/act-form.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { bytes, percent, Tag, When } from '../parts/text.tsx';
import { Unreadable } from '../parts/unreadable.tsx';
import { type Order, Orders, orderChange } from './orders.tsx';
import { RolloutSection } from './rollout.tsx';

type Model = Models['models'][number];

/** How often the page asks again while an order waits. */
const WATCH_MS = 1_500;

export function ModelsPage({ session }: { readonly session: Session }) {
  const answer = useAnswer<Models>('models');
  const { begin, dialog } = useChange(session, answer.reload);
  const isWaiting = answer.data?.models.some(({ orders }) =>
    orders.some(({ state }) => state === 'waiting'),
  );
  // With each answer anew, until nothing waits.
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setTimeout(answer.reload, WATCH_MS);
    return () => clearTimeout(timer);
  }, [answer.data]);
  const order: Order = (wanted) => begin(orderChange(wanted));
  return (
    <>
      <h1>Models</h1>
      <Loaded of={answer}>
        {({ models, haltingStrength, isComplete, unreadable }) => (
          <>
            <Unreadable of={unreadable} />
            {models.length === 0 && <p class="notice">Nothing is published.</p>}
            {models.map((model) => (
              <ModelSection
                key={model.modelId}
                of={model}
                haltingStrength={haltingStrength}
                order={session.operations.includes('release.pause') ? order : undefined}
              />
            ))}
            {!isComplete && <p class="muted">There are more.</p>}
          </>
        )}
      </Loaded>
      {dialog}
    </>
  );
}

function ModelSection({
  of: { modelId, versions, release, orders },
  haltingStrength,
  order,
}: {
  readonly of: Model;
  readonly haltingStrength: number;
  readonly order: Order | undefined;
}) {
  const rollBack = (version: string | null) =>
    release && order?.({ act: 'rollBack', modelId, version, serial: release.serial });
  const hasRollouts = release !== undefined && release.rollouts.length > 0;
  return (
    <section aria-labelledby={`model-${modelId}`}>
      <h2 id={`model-${modelId}`}>{modelId}</h2>
      {release ? (
        <p>
          On offer by release record {release.serial}, which holds until{' '}
          <When at={release.expiresAt} />. Devices in no rollout get <code>{release.forAll}</code>.
        </p>
      ) : (
        <p class="notice warn">There is no release record: nobody gets this model.</p>
      )}
      {release?.rollouts.map((rollout) => (
        <RolloutSection
          key={rollout.name}
          of={rollout}
          haltingStrength={haltingStrength}
          order={
            order &&
            ((act) => order({ act, modelId, version: rollout.name, serial: release.serial }))
          }
        />
      ))}
      {hasRollouts && order && (
        <p class="buttons">
          <button type="button" class="danger" onClick={() => rollBack(null)}>
            End all rollouts of {modelId}
          </button>
        </p>
      )}
      <Table
        caption={`Versions of ${modelId}`}
        rows={versions}
        none="There is no version."
        columns={[
          { name: 'Version', cell: ({ version }) => <code>{version}</code> },
          { name: 'State', cell: (one) => <State of={one} release={release} /> },
          { name: 'Format', cell: ({ format }) => format },
          { name: 'Size', cell: ({ sizeBytes }) => bytes(sizeBytes), isNumber: true },
          {
            name: 'Weights sealed',
            cell: ({ sealedShare }) => coverage(sealedShare),
            isNumber: true,
          },
          { name: 'Watermark', cell: ({ tracing }) => tracing },
          { name: 'Published', cell: ({ publishedAt }) => <When at={publishedAt} short /> },
          ...(order && hasOlder({ versions, release })
            ? [
                {
                  name: 'Go back',
                  cell: (one: Model['versions'][number]) =>
                    isOlder(one, { versions, release }) ? (
                      <button
                        type="button"
                        aria-label={`Roll back ${modelId} to ${one.version}`}
                        onClick={() => rollBack(one.version)}
                      >
                        Roll back
                      </button>
                    ) : (
                      '–'
                    ),
                },
              ]
            : []),
        ]}
      />
      <Orders of={orders} model={modelId} />
    </section>
  );
}

type Released = Pick<Model, 'versions' | 'release'>;

/** Whether all may be sent back to it: published before the newest that anybody gets, and not revoked. */
function isOlder(
  { publishedAt, revoked }: Model['versions'][number],
  { versions, release }: Released,
): boolean {
  const offered = release?.offered.map(({ version }) => version) ?? [];
  const newest = versions.find(({ version }) => offered.includes(version));
  return !revoked && newest !== undefined && publishedAt < newest.publishedAt;
}

const hasOlder = (released: Released): boolean =>
  released.versions.some((one) => isOlder(one, released));

const coverage = (share: number | null): string => (share === null ? 'not noted' : percent(share));

/** To whom a version is offered, as the release record has it. */
function State({
  of: { version, revoked },
  release,
}: {
  readonly of: Model['versions'][number];
  readonly release: Model['release'];
}) {
  if (revoked) return <Tag kind="bad">Revoked</Tag>;
  const offer = release?.offered.find((each) => each.version === version);
  if (!offer) return <Tag>Not on offer</Tag>;
  const { version: _, ...conditions } = offer;
  const words = Object.entries(conditions)
    .filter(([, value]) => value !== undefined && typeof value !== 'object')
    .map(([name, value]) => (name === 'share' ? `${Number(value) / 100} %` : `${name} ${value}`));
  return (
    <Tag kind="good">{words.length > 0 ? `On offer: ${words.join(', ')}` : 'On offer to all'}</Tag>
  );
}
