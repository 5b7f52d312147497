/** Matplotlib's magma (Smith and van der Walt, CC0) at 33 points; linear between them within 2 of 255 (`src/report/colormap.rs`). */
const MAGMA = [
  0x000004, 0x030311, 0x0a0822, 0x130d33, 0x1d1146, 0x28115a, 0x36106a, 0x430f76, 0x50127c, 0x5d177f, 0x691c81, 0x762181, 0x822681,
  0x8f2a81, 0x9c2e7f, 0xa9327d, 0xb63779, 0xc33b75, 0xcf4170, 0xdb486a, 0xe65163, 0xee5c5e, 0xf5695c, 0xf9785d, 0xfb8761, 0xfd9668,
  0xfea571, 0xfeb47b, 0xfec387, 0xfed194, 0xfde0a2, 0xfceeb0, 0xfcfdbf,
] as const;

/** How many colours a picture has for its values. */
export const LEVELS = 192;

/** The colours of values, low to high, as pixels of an image: red in the lowest byte, opaque. */
export const magma: Uint32Array = Uint32Array.from({ length: LEVELS }, (_, level) => {
  const place = (level / (LEVELS - 1)) * (MAGMA.length - 1);
  const below = Math.min(Math.floor(place), MAGMA.length - 2);
  const channel = (shift: number) => {
    const [a, b] = [(MAGMA[below]! >> shift) & 0xff, (MAGMA[below + 1]! >> shift) & 0xff];
    return Math.round(a + (place - below) * (b - a));
  };
  return ((0xff << 24) | (channel(0) << 16) | (channel(8) << 8) | channel(16)) >>> 0;
});
