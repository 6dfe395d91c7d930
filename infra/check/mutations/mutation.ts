/** What it is, the file, what is replaced (once), and by what. */
export type Mutation = readonly [name: string, file: string, find: string, replacement: string];
