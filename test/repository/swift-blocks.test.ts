/** The Swift in the documents is Swift, by its grammar: there is no compiler of it here, nor Apple's frameworks. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { Language, type Node, Parser } from 'web-tree-sitter';

const DOCS = join(import.meta.dirname, '../../docs');
const blocks = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .flatMap((path) => {
    const page = readFileSync(join(DOCS, path), 'utf8');
    return [...page.matchAll(/```swift\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  });

const grammar = createRequire(import.meta.url).resolve(
  '@repomix/tree-sitter-wasms/out/tree-sitter-swift.wasm',
);
await Parser.init();
const parser = new Parser().setLanguage(await Language.load(readFileSync(grammar)));

/** Line and text of what is no Swift. */
function mistakesIn(code: string): readonly string[] {
  const found = (node: Node): readonly string[] =>
    node.isError || node.isMissing
      ? [`${node.startPosition.row + 1}: ${node.text.slice(0, 60)}`]
      : node.children.flatMap((child) => (child ? found(child) : []));
  const tree = parser.parse(code);
  return tree ? found(tree.rootNode) : ['nothing was parsed'];
}

it('of the pages, every block', () => {
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.flatMap(mistakesIn)).toEqual([]);
});

it.each([
  'let assertion = try await service.generateAssertion(keyId, clientDataHash: hash',
  'var recipient = try HPKE.Recipient(privateKey: key, info: info encapsulatedKey: enc)',
  'func open(_ grant: Grant) -> { }',
])('and a mistake is found: %s', (code) => {
  expect(mistakesIn(code)).not.toEqual([]);
});
