/** Paths of the API, by templates: `:name` stands for one segment of 1 to 200 characters, as it came. */

export interface RouteMatch<T> {
  readonly value: T;
  /** The segments by their names in the template. */
  readonly params: Readonly<Record<string, string>>;
}

/** Finds what lies at a path, in the order of `routes`; nothing is decoded and no dot segment resolved. */
export function createRouter<T>(
  routes: readonly (readonly [template: string, value: T])[],
): (path: string) => readonly RouteMatch<T>[] {
  const compiled = routes.map(([template, value]) => ({ pattern: patternOf(template), value }));
  return (path) =>
    compiled.flatMap(({ pattern, value }) => {
      const found = pattern.exec(path);
      return found ? [{ value, params: { ...found.groups } }] : [];
    });
}

function patternOf(template: string): RegExp {
  // Literal segments hold letters, digits, dots and hyphens only.
  const literal = template.replaceAll('.', '\\.');
  return new RegExp(`^${literal.replaceAll(/:(\w+)/g, '(?<$1>[^/]{1,200})')}$`);
}
