/** `npm run console:test`: the operators' console in Chromium, against the local stack. Leaves with 1 if any step is not as said. */
import { tellStory } from '../support/story.ts';
import { SCREENSHOTS, tellConsole } from './console-story.ts';

const story = tellStory((line) => console.log(line));
await tellConsole(story);
const failed = story.results.filter(({ ok }) => !ok).length;
console.log(
  `\n${failed === 0 ? 'All as said' : `${failed} steps are not as said`}. Pictures: ${SCREENSHOTS}/`,
);
process.exit(failed === 0 ? 0 : 1);
