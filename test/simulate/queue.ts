/** What is to happen when: a binary heap, first come first served at the same instant. */
export interface Queue<T> {
  push(at: number, item: T): void;
  pop(): { readonly at: number; readonly item: T } | undefined;
}

export function createQueue<T>(): Queue<T> {
  const heap: { at: number; order: number; item: T }[] = [];
  let pushed = 0;
  const before = (x: number, y: number) => {
    const [a, b] = [heap[x], heap[y]];
    return a !== undefined && b !== undefined && (a.at - b.at || a.order - b.order) < 0;
  };
  const swap = (x: number, y: number) => {
    const [a, b] = [heap[x], heap[y]];
    if (a && b) [heap[x], heap[y]] = [b, a];
  };
  return {
    push(at, item) {
      heap.push({ at, order: pushed, item });
      pushed += 1;
      for (let n = heap.length - 1; n > 0 && before(n, (n - 1) >> 1); n = (n - 1) >> 1) {
        swap(n, (n - 1) >> 1);
      }
    },
    pop() {
      const [first] = heap;
      const last = heap.pop();
      if (!first || !last || heap.length === 0) return first;
      heap[0] = last;
      for (let n = 0; ; ) {
        const [left, right] = [2 * n + 1, 2 * n + 2];
        const least = before(right, left) ? right : left;
        if (!before(least, n)) return first;
        swap(least, n);
        n = least;
      }
    },
  };
}
