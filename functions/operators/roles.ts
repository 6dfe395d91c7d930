/** Who may do what in the console, in one table: what is not in it is allowed to nobody. */

export const ROLES = ['viewer', 'analyst', 'operator', 'publisher'] as const;
export type Role = (typeof ROLES)[number];

interface OperationRow {
  readonly roles: readonly Role[];
  /** Hard to undo, or against somebody: wants a sign-in of the last minutes. */
  readonly stepUp: boolean;
}

const row = (roles: readonly Role[], stepUp = false): OperationRow => ({ roles, stepUp });

/** Figures name nobody; who looks at subjects needs it for his work. */
export const OPERATIONS = {
  'overview.read': row(ROLES),
  'models.read': row(ROLES),
  'rules.read': row(ROLES),
  'health.read': row(ROLES),
  'rules.try': row(['analyst', 'operator']),
  'cases.read': row(['analyst', 'operator']),
  'subject.read': row(['analyst', 'operator']),
  'verdict.give': row(['analyst', 'operator']),
  'leaks.read': row(['analyst', 'operator']),
  'leak.open': row(['analyst', 'operator'], true),
  'leak.send': row(['analyst', 'operator']),
  'subject.allow': row(['operator']),
  'subject.block': row(['operator'], true),
  'subject.undo': row(['operator'], true),
  'release.pause': row(['publisher'], true),
  'release.resume': row(['publisher'], true),
  'release.halt': row(['publisher'], true),
  'release.rollBack': row(['publisher'], true),
} as const satisfies Record<string, OperationRow>;

export type Operation = keyof typeof OPERATIONS;

export const mayDo = (roles: readonly Role[], operation: Operation): boolean =>
  OPERATIONS[operation].roles.some((role: Role) => roles.includes(role));

/** All that these roles allow. */
export const operationsOf = (roles: readonly Role[]): readonly Operation[] =>
  (Object.keys(OPERATIONS) as Operation[]).filter((operation) => mayDo(roles, operation));
