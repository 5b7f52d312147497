import type { Bundle } from "../runtime/bundle.ts";
import { Reader } from "../runtime/json.ts";
import type { Comparison } from "./vectors.ts";

/** How a bundle's embeddings are compared. */
export function comparisonOf(bundle: Bundle): Comparison {
  const reader: Reader = new Reader("bundle.json");
  const raw = bundle.manifest.comparison;
  const { width } = bundle.manifest.model;
  const scale = (value: unknown, what: string) => {
    const found = Math.fround(reader.number(value, what));
    reader.require(found > 0, `${what} should be above 0`);
    return found;
  };
  const vector = (value: unknown, what: string, length: number) => {
    if (value === null || value === undefined) return null;
    const { data } = bundle.tensor(reader.text(value, what));
    reader.require(data instanceof Float32Array && data.length === length, `${what} should have ${length} values`);
    return data;
  };
  const calibration = raw["calibration"] === null ? null : reader.object(raw["calibration"], "calibration");
  const whitening = raw["whitening"] === null ? {} : reader.object(raw["whitening"], "whitening");
  return {
    distance: reader.word(raw["distance"], "distance", ["cosine", "squared-euclidean"]),
    scale: scale(raw["scale"], "scale"),
    calibration: calibration && {
      one: scale(calibration["one"], "calibration.one"),
      few: scale(calibration["few"], "calibration.few"),
      many: scale(calibration["many"], "calibration.many"),
    },
    whitening: {
      centre: vector(whitening["centre"], "whitening.centre", width),
      scale: vector(whitening["scale"], "whitening.scale", width),
      root: vector(whitening["root"], "whitening.root", width * width),
    },
  };
}
