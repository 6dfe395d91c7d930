/** The order in which OpenTofu makes things, read from `tofu graph`: no cycle, and keys before what lies under them. */

/** What each node waits for. Nodes are called as their resource is: `google_storage_bucket.models`. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the DOT that `tofu graph` prints. */
export function parseGraph(dot: string): Graph {
  const edges = new Map<string, Set<string>>();
  const name = (node: string) =>
    node.replace(/^\[root\] /, '').replace(/ \((?:expand|close)\)$/, '');
  for (const [, from = '', to = ''] of dot.matchAll(/"([^"\n]+)" -> "([^"\n]+)"/g)) {
    const waits = edges.get(name(from)) ?? new Set();
    waits.add(name(to));
    edges.set(name(from), waits);
  }
  return edges;
}

/** Everything that `node` waits for, near and far. */
function waitsFor(graph: Graph, node: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(graph.get(node) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(graph.get(next) ?? []));
  }
  return seen;
}

/** Nodes that wait for themselves. */
export const cycles = (graph: Graph): readonly string[] =>
  [...graph.keys()].filter((node) => waitsFor(graph, node).has(node));

/** Pairs of which the first must wait for the second, and does not. */
export const tooEarly = (graph: Graph, order: readonly (readonly [string, string])[]) =>
  order.filter(([later, earlier]) => !waitsFor(graph, later).has(earlier));
