/** What people did, from the audit log. */
import type { Act } from '../api.ts';
import { Table } from './table.tsx';
import { SubjectLink, When } from './text.tsx';

export function Acts({ acts }: { readonly acts: readonly Act[] }) {
  return (
    <Table
      caption="Acts of operators, the newest first"
      rows={acts}
      none="Nobody did anything lately."
      columns={[
        { name: 'When', cell: ({ at }) => <When at={at} short /> },
        { name: 'Who', cell: ({ by }) => by },
        { name: 'Act', cell: ({ action }) => action },
        { name: 'On', cell: ({ subject }) => <SubjectLink subject={subject} /> },
        { name: 'Why', cell: ({ reason }) => reason },
      ]}
    />
  );
}
