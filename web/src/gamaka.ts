export { type Bundle, type Files, type Hearing, type Manifest, openBundle } from "./runtime/bundle.ts";
export { type Device, openDevice } from "./runtime/device.ts";
export type { Shape } from "./runtime/plan.ts";
export { Program } from "./runtime/program.ts";
export { readSafetensors, type StoredTensor } from "./runtime/safetensors.ts";
export { PlainError, type Progress } from "./words.ts";
