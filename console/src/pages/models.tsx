import type { Models } from '../api.ts';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { bytes, Tag, When } from '../parts/text.tsx';

type Model = Models['models'][number];

export function ModelsPage() {
  const answer = useAnswer<Models>('models');
  return (
    <>
      <h1>Models</h1>
      <Loaded of={answer}>
        {({ models, isComplete }) => (
          <>
            {models.length === 0 && <p class="notice">Nothing is published.</p>}
            {models.map((model) => (
              <ModelSection of={model} key={model.modelId} />
            ))}
            {!isComplete && <p class="muted">There are more.</p>}
          </>
        )}
      </Loaded>
    </>
  );
}

function ModelSection({ of: { modelId, versions, release } }: { readonly of: Model }) {
  return (
    <section aria-labelledby={`model-${modelId}`}>
      <h2 id={`model-${modelId}`}>{modelId}</h2>
      {release ? (
        <p>
          On offer by release record {release.serial}, which holds until{' '}
          <When at={release.expiresAt} />.
        </p>
      ) : (
        <p class="notice warn">There is no release record: nobody gets this model.</p>
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
          { name: 'Watermark', cell: ({ tracing }) => tracing },
          { name: 'Published', cell: ({ publishedAt }) => <When at={publishedAt} short /> },
        ]}
      />
    </section>
  );
}

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
