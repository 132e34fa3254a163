// The heat map's colours: a ramp that is even in OKLab, so that equal steps of load look like equal
// steps, and monotone in lightness, so that it reads the same without colour vision and in grey.
// Method: Ottosson, "A perceptual color space for image processing" (2020), for OKLab and its inverse.

export type Rgb = [number, number, number];

/** Steps of the ramp; finer than an eye can tell. */
export const STEPS = 256;

function oklab(lightness: number, a: number, b: number): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

const inGamut = (rgb: Rgb): boolean => rgb.every((c) => c >= -0.0005 && c <= 1.0005);

function encode(c: number): number {
  const x = Math.min(Math.max(c, 0), 1);
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
}

/** One colour; where the screen cannot show it, with as much of its chroma as it can. */
function oklch(lightness: number, chroma: number, hue: number): Rgb {
  const angle = (hue * Math.PI) / 180;
  let c = chroma;
  let rgb = oklab(lightness, c * Math.cos(angle), c * Math.sin(angle));
  while (!inGamut(rgb) && c > 0.001) {
    c *= 0.96;
    rgb = oklab(lightness, c * Math.cos(angle), c * Math.sin(angle));
  }
  return rgb.map(encode) as Rgb;
}

/** From violet over red to pale yellow; `t` from 0 to 1. On a light page the other way round. */
export function colour(t: number, dark: boolean): Rgb {
  const x = Math.min(Math.max(t, 0), 1);
  return dark
    ? oklch(0.24 + 0.7 * x, 0.09 + 0.13 * Math.sin(Math.PI * Math.min(x * 1.05, 1)), 285 + 180 * x ** 1.05)
    : oklch(0.95 - 0.67 * x, 0.045 + 0.16 * Math.sin(Math.PI * Math.min(x * 1.02, 1)), 100 - 110 * x);
}

export interface Ramp {
  /** Three bytes per step. */
  colours: Uint8ClampedArray;
  zero: Rgb;
  none: Rgb;
  noneDot: Rgb;
}

export function ramp(dark: boolean): Ramp {
  const colours = new Uint8ClampedArray(STEPS * 3);
  for (let step = 0; step < STEPS; step++) colours.set(colour(step / (STEPS - 1), dark), step * 3);
  return dark
    ? { colours, zero: [10, 12, 17], none: [36, 41, 50], noneDot: [104, 112, 126] }
    : { colours, zero: [255, 255, 255], none: [222, 225, 231], noneDot: [138, 145, 158] };
}

export const cssColour = ([r, g, b]: Rgb): string => `rgb(${r},${g},${b})`;
