/** Significant digits that tell all f32 from one another. */
const MOST = 9;

/** What `toExponential` gives: sign, digits, exponent. */
const PARTS = /^(-?)([\d.]+)e(.*)$/;

/** An f32 with as few digits as tell it from all others, as serde_json prints it. */
export function single(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  let digits = MOST;
  while (digits > 1 && nearest(value, digits - 1) !== null) digits--;
  return written(nearest(value, digits)!, -6, 12);
}

/** An f64 likewise. */
export function double(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  return written(value.toExponential(), -5, 15);
}

/** The decimal of so many digits that is nearest to an f32 and is read as it, the even one of two; null for none. */
function nearest(value: number, digits: number): string | null {
  const rounded = value.toExponential(digits - 1);
  const isRead = (decimal: string) => Math.fround(Number(decimal)) === value;
  // Whole digits of a decimal that is one further away from zero, or nearer to it, at the last place.
  const moved = (by: number) => {
    const [, sign, whole, exponent] = PARTS.exec(rounded)!;
    return `${sign}${Number(whole!.replace(".", "")) + by}e${Number(exponent) - digits + 1}`;
  };
  if (!isRead(rounded)) {
    // Above a power of two lie numbers twice as far away as below it: one there may do where the nearest, below, does not.
    return isRead(moved(1)) ? Number(moved(1)).toExponential() : null;
  }
  // Halfway between two decimals JavaScript takes the one farther from zero.
  const isOdd = /[13579]e/.test(rounded);
  const isHalfway = isOdd && /^50*e/.test(value.toExponential(60).slice(rounded.indexOf("e")).replace(/^\./, ""));
  return isHalfway && isRead(moved(-1)) ? Number(moved(-1)).toExponential() : rounded;
}

/** The digits of a number as `toExponential` gives them, with a point where its exponent lies in a range, and else as they are. */
function written(exponential: string, low: number, high: number): string {
  const [, sign, whole, tail] = PARTS.exec(exponential)!;
  const digits = whole!.replace(".", "").replace(/(?<=.)0+$/, "");
  const exponent = Number(tail);
  if (exponent < low || exponent > high) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${sign}${mantissa}e${tail}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const padded = digits.padEnd(exponent + 1, "0");
  return `${sign}${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || "0"}`;
}
