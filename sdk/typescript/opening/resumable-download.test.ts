import { describe, expect, it } from '@jest/globals';
import { array, assert, asyncProperty, integer, uint8Array } from 'fast-check';
import { collect } from '../../../functions/protocol/bytes.ts';
import { resumableDownload } from './resumable-download.ts';

/** A server whose connections break after so many bytes each, the last one not. */
function flaky(file: Uint8Array, breaksAfter: readonly number[]) {
  const asked: number[] = [];
  let connections = 0;
  async function* fetchFrom(start: number) {
    asked.push(start);
    const limit = breaksAfter[connections++];
    const end = limit === undefined ? file.byteLength : Math.min(start + limit, file.byteLength);
    for (let at = start; at < end; at += 10) yield file.slice(at, Math.min(at + 10, end));
    if (limit !== undefined) throw new Error('connection reset');
  }
  return { fetchFrom, asked };
}
const always = async () => true;
const file = new Uint8Array(100).map((_, i) => i);

describe('a resumable download', () => {
  it('is the whole file, whatever breaks', async () => {
    await assert(
      asyncProperty(
        uint8Array({ minLength: 1, maxLength: 300 }),
        array(integer({ min: 0, max: 80 }), { maxLength: 8 }),
        async (bytes, breaksAfter) => {
          const { fetchFrom } = flaky(bytes, breaksAfter);
          const sizeBytes = bytes.byteLength;
          const download = resumableDownload({ sizeBytes, fetchFrom, retry: always });
          expect(await collect(download)).toEqual(bytes);
        },
      ),
    );
  });

  it('asks for what is missing only', async () => {
    const { fetchFrom, asked } = flaky(file, [30, 25, 0]);
    await collect(resumableDownload({ sizeBytes: 100, fetchFrom, retry: always }));
    expect(asked).toEqual([0, 30, 55, 55]);
  });

  it('gives up when told to, counting the breaks without progress', async () => {
    const { fetchFrom } = flaky(file, [30, 0, 0, 0]);
    const seen: number[] = [];
    const retry = async (_: unknown, breaks: number) => {
      seen.push(breaks);
      return breaks < 3;
    };
    const download = resumableDownload({ sizeBytes: 100, fetchFrom, retry });
    await expect(collect(download)).rejects.toThrow('connection reset');
    expect(seen).toEqual([1, 2, 3]);
  });

  it('takes an end before the end for a break, and a failed request too', async () => {
    let calls = 0;
    const fetchFrom = async (start: number) => {
      calls += 1;
      if (calls === 2) throw new Error('offline');
      return (async function* () {
        yield file.slice(start, start + 60);
      })();
    };
    const download = resumableDownload({ sizeBytes: 100, fetchFrom, retry: always });
    expect(await collect(download)).toEqual(file);
    expect(calls).toBe(3);
  });

  it("lets go of the connection when the consumer stops, and leaves the consumer's errors alone", async () => {
    let closed = 0;
    async function* fetchFrom() {
      try {
        yield file;
      } finally {
        closed += 1;
      }
    }
    const reading = async () => {
      for await (const _ of resumableDownload({ sizeBytes: 200, fetchFrom, retry: always })) {
        throw new Error('mine');
      }
    };
    await expect(reading()).rejects.toThrow('mine');
    expect(closed).toBe(1);
  });
});
