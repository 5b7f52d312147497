export { type Heard, type Levels, Listener, type Part } from "./listen.ts";
export { type Bundle, type Files, type Hearing, type Manifest, openBundle } from "./runtime/bundle.ts";
export { type Device, openDevice } from "./runtime/device.ts";
export type { Shape } from "./runtime/plan.ts";
export { Program } from "./runtime/program.ts";
export { readSafetensors, type StoredTensor } from "./runtime/safetensors.ts";
export { decode, type Sound } from "./sound/decode.ts";
export { PlainError, type Progress } from "./words.ts";
