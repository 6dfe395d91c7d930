/** The commands in a piece of shell, as lists of words: enough of the language for what our docs write. */

/** Each command of `text`; variables and substitutions are left as the word that `stand` gives for them. */
export function shellCommands(
  text: string,
  stand: (name: string) => string = () => 'X',
): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let word: string | undefined;
  const endWord = () => {
    if (word !== undefined) commands.at(-1)?.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (commands.at(-1)?.length) commands.push([]);
  };
  const add = (piece: string) => {
    word = (word ?? '') + piece;
  };
  let at = 0;
  const expand = () => {
    const [whole, name = ''] = /^\$(?:\{?(\w+)\}?|\([^)]*\))/.exec(text.slice(at)) ?? ['$'];
    add(whole === '$' ? '$' : stand(name));
    at += whole.length;
  };
  while (at < text.length) {
    const here = text[at] ?? '';
    if (here === '\\') {
      if (text[at + 1] !== '\n') add(text[at + 1] ?? '');
      at += 2;
    } else if (here === "'") {
      const end = text.indexOf("'", at + 1);
      // Without an end it is an apostrophe.
      add(end === -1 ? here : text.slice(at + 1, end));
      at = (end === -1 ? at : end) + 1;
    } else if (here === '"') {
      add('');
      for (at += 1; at < text.length && text[at] !== '"'; ) {
        if (text[at] === '$') expand();
        else {
          if (text[at] === '\\') at += 1;
          add(text[at] ?? '');
          at += 1;
        }
      }
      at += 1;
    } else if (here === '$') {
      // What is run within is a command, too.
      const [, inner] = /^\$\(([^)]*)\)/.exec(text.slice(at)) ?? [];
      if (inner) commands.splice(-1, 0, ...shellCommands(inner, stand).map((words) => [...words]));
      expand();
    } else if (here === '#' && word === undefined) {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (/[\n;|&(){}]/.test(here)) {
      endCommand();
      at += 1;
    } else if (/[<>]/.test(here)) {
      // Where it comes from or goes to is no word of the command.
      endWord();
      at += /^[<>]+&?\s*[^\s;|&]*/.exec(text.slice(at))?.[0].length ?? 1;
    } else if (/\s/.test(here)) {
      endWord();
      at += 1;
    } else {
      add(here);
      at += 1;
    }
  }
  endCommand();
  return commands.filter((words) => words.length > 0);
}
