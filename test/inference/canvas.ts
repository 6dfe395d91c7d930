/** A picture as these models take it: RGB from 0 to 1, row by row, drawn without any graphics library. */
const PICTURE_SIDE = 256;

export type Point = readonly [x: number, y: number];
export type Colour = readonly [red: number, green: number, blue: number];

/** Where the light comes from: above, from the left, out of the picture. */
const LIGHT = [-0.45, -0.6, 0.66] as const;
const AMBIENT = 0.55;

export class Canvas {
  readonly pixels: Float32Array<ArrayBuffer> = new Float32Array(PICTURE_SIDE * PICTURE_SIDE * 3);

  /** Sets every pixel to what `colourAt` says of its place, both coordinates from 0 to 1. */
  fill(colourAt: (x: number, y: number) => Colour): void {
    for (let row = 0; row < PICTURE_SIDE; row++) {
      for (let column = 0; column < PICTURE_SIDE; column++) {
        const at = [(column + 0.5) / PICTURE_SIDE, (row + 0.5) / PICTURE_SIDE] as const;
        this.pixels.set(colourAt(...at), (row * PICTURE_SIDE + column) * 3);
      }
    }
  }

  /** A rounded limb from `from` to `to`, lit as if it were solid; radii as shares of the picture's side. */
  limb(from: Point, to: Point, fromRadius: number, toRadius: number, colour: Colour): void {
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const lengthSquared = Math.max(dx * dx + dy * dy, 1e-9);
    const reach = Math.max(fromRadius, toRadius) + 2 / PICTURE_SIDE;
    const within = (a: number, b: number) =>
      [
        Math.max(0, Math.floor((Math.min(a, b) - reach) * PICTURE_SIDE)),
        Math.min(PICTURE_SIDE, Math.ceil((Math.max(a, b) + reach) * PICTURE_SIDE)),
      ] as const;
    const [left, right] = within(from[0], to[0]);
    const [top, bottom] = within(from[1], to[1]);
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const x = (column + 0.5) / PICTURE_SIDE - from[0];
        const y = (row + 0.5) / PICTURE_SIDE - from[1];
        const along = Math.min(1, Math.max(0, (x * dx + y * dy) / lengthSquared));
        const radius = fromRadius + along * (toRadius - fromRadius);
        const [nx, ny] = [(x - along * dx) / radius, (y - along * dy) / radius];
        const distance = Math.hypot(nx, ny);
        const cover = Math.min(1, Math.max(0, (1 - distance) * radius * PICTURE_SIDE + 0.5));
        if (cover === 0) continue;
        const nz = Math.sqrt(Math.max(0, 1 - distance * distance));
        const lit = Math.max(0, nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]);
        const shade = AMBIENT + (1 - AMBIENT) * 1.25 * lit;
        const pixel = (row * PICTURE_SIDE + column) * 3;
        for (const [channel, value] of colour.entries()) {
          const under = this.pixels[pixel + channel] ?? 0;
          this.pixels[pixel + channel] = under + cover * (Math.min(1, value * shade) - under);
        }
      }
    }
  }

  /** The mean over each pixel's surroundings, as a lens does. */
  blur(radiusPixels: number): void {
    for (const step of [3, PICTURE_SIDE * 3]) this.#blurAlong(step, radiusPixels);
  }

  /** Adds `noise()`, of mean 0, to every value. */
  grain(noise: () => number): void {
    for (const [i, value] of this.pixels.entries()) {
      this.pixels[i] = Math.min(1, Math.max(0, value + noise()));
    }
  }

  #blurAlong(step: number, radius: number): void {
    const source = Float32Array.from(this.pixels);
    const line = step === 3 ? PICTURE_SIDE * 3 : source.length;
    for (let i = 0; i < source.length; i++) {
      const start = step === 3 ? i - (i % line) : 0;
      let sum = 0;
      let count = 0;
      for (let offset = -radius; offset <= radius; offset++) {
        const at = i + offset * step;
        if (at < start || at >= start + line) continue;
        sum += source[at] ?? 0;
        count += 1;
      }
      this.pixels[i] = sum / count;
    }
  }
}
