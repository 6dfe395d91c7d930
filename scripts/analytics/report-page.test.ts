import { describe, expect, it } from '@jest/globals';
import { reportPage } from './report-page.ts';

describe('reportPage', () => {
  it('is one page that loads nothing and runs nothing, whatever the labels are', () => {
    const bars = [{ label: '<script>alert("x")</script>', value: 3 }];
    const page = reportPage('A & B', [{ title: 'T', words: 'W', bars }]);
    expect(page).toContain('A &amp; B');
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/<script|https?:|src=|href=|url\(/);
  });

  it('says so where there is nothing', () => {
    expect(reportPage('t', [{ title: 'T', words: 'W', bars: [] }])).toContain('Nothing.');
  });
});
