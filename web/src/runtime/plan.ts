// A plan as `gamaka export` writes it: src/gpu/plan.rs of the crate, whose constants are tensors of the bundle.

import { Reader } from "./json.ts";
import type { StoredTensor } from "./safetensors.ts";

const ROLES = ["input", "constant", "state", "scratch", "output"] as const;
const DTYPES = ["f32", "f16", "u32"] as const;

export type Role = (typeof ROLES)[number];
export type Dtype = (typeof DTYPES)[number];
/** Batch, channels, height, width. */
export type Shape = [number, number, number, number];

export interface BufferInfo {
  label: string;
  bytes: number;
  role: Role;
}

/** A range of a buffer. */
export interface TensorInfo {
  label: string;
  shape: Shape;
  dtype: Dtype;
  buffer: number;
  /** In bytes. */
  offset: number;
}

/** One dispatch of a kernel. */
export interface Step {
  kernel: string;
  /** Lengths of register arrays, by the names of their constants. */
  arrays: [string, number][];
  overrides: [string, number][];
  /** Tensors, from binding 0 of group 0 on. */
  bindings: number[];
  workgroups: [number, number, number];
}

export interface PlanFile {
  /** What its kernels are cut for: "hardware", or one that begins with "software". */
  class: string;
  buffers: BufferInfo[];
  tensors: TensorInfo[];
  /** What a host writes or reads: its tensor, by name. */
  ports: Map<string, number>;
  /** Tensors whose values never change, with the names of their values. */
  constants: { tensor: number; name: string }[];
  /** Shader files of each kernel, in the order in which they are joined. */
  kernels: Map<string, string[]>;
  steps: Step[];
  /** What ports hold at first: names of values, by port. */
  initial: Map<string, string>;
}

/** What a plan may refer to. */
export interface Available {
  tensors: Map<string, StoredTensor>;
  /** Whether there is a shader file of this name. */
  shader(file: string): boolean;
}

/** WebGPU's default limits, which every device has: https://www.w3.org/TR/webgpu/#limits */
const MOST = {
  bufferBytes: 2 ** 28,
  bindingBytes: 2 ** 27,
  bindings: 8,
  workgroups: 65535,
  alignment: 256,
};
/** Bytes of all buffers of a plan: less than a browser gives a page. */
const MOST_BYTES = 2 ** 31;
/** Bytes of a vec4, which kernels may read any tensor as. */
const VEC4 = 16;

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a tensor's values: two halves are a word. */
export function tensorBytes({ shape, dtype }: TensorInfo): number {
  const count = elements(shape);
  return 4 * (dtype === "f16" ? Math.ceil(count / 2) : count);
}

/** Bytes that a kernel is given of a tensor. */
export function boundBytes(tensor: TensorInfo): number {
  return Math.ceil(tensorBytes(tensor) / VEC4) * VEC4;
}

/**
 * Reads a plan, and makes sure that all it refers to is there and within its buffers, that it fits WebGPU's default
 * limits, and that its values are complete. What kernels want of their constants is left to the one who wrote the plan:
 * WebGPU keeps whatever they do within their buffers.
 *
 * @param initial what its ports hold at first, as the bundle says.
 * @throws PlainError naming the offender.
 */
export function readPlan(file: string, value: unknown, initial: unknown, available: Available): PlanFile {
  const reader: Reader = new Reader(file);
  const raw = reader.object(value, "plan");
  const plan: PlanFile = {
    class: reader.text(raw["class"], "class"),
    buffers: reader.list(raw["buffers"], "buffers", (entry, what) => readBuffer(reader, entry, what)),
    tensors: reader.list(raw["tensors"], "tensors", (entry, what) => readTensor(reader, entry, what)),
    ports: reader.entries(raw["ports"], "ports", (id, what) => reader.whole(id, what)),
    constants: reader.list(raw["constants"], "constants", (entry, what) => {
      const { tensor, name } = reader.object(entry, what);
      return { tensor: reader.whole(tensor, what), name: reader.text(name, what) };
    }),
    kernels: reader.entries(raw["kernels"], "kernels", (files, what) =>
      reader.list(files, what, (name, place) => reader.text(name, place)),
    ),
    steps: reader.list(raw["steps"], "steps", (entry, what) => readStep(reader, entry, what)),
    initial: reader.entries(initial, "initial", (name, what) => reader.text(name, what)),
  };
  checkTensors(reader, plan);
  checkValues(reader, plan, available.tensors);
  checkSteps(reader, plan, available);
  return plan;
}

function readBuffer(reader: Reader, value: unknown, what: string): BufferInfo {
  const raw = reader.object(value, what);
  const bytes = reader.whole(raw["bytes"], `${what}.bytes`, MOST.bufferBytes);
  reader.require(bytes % VEC4 === 0, `${what} has ${bytes} bytes`);
  return { label: reader.text(raw["label"], what), bytes, role: reader.word(raw["role"], `${what}.role`, ROLES) };
}

function readTensor(reader: Reader, value: unknown, what: string): TensorInfo {
  const raw = reader.object(value, what);
  const size = (entry: unknown, place: string) => reader.whole(entry, place, MOST.bufferBytes);
  return {
    label: reader.text(raw["label"], what),
    shape: reader.list(raw["shape"], `${what}.shape`, size, 4) as Shape,
    dtype: reader.word(raw["dtype"], `${what}.dtype`, DTYPES),
    buffer: reader.whole(raw["buffer"], `${what}.buffer`),
    offset: reader.whole(raw["offset"], `${what}.offset`),
  };
}

function readStep(reader: Reader, value: unknown, what: string): Step {
  const raw = reader.object(value, what);
  const pair = <T>(each: (value: unknown, what: string) => T) => (entry: unknown, place: string): [string, T] => {
    const [name, number] = reader.list(entry, place, (part) => part, 2);
    return [reader.text(name, place), each(number, place)];
  };
  const count = (entry: unknown, place: string) => reader.whole(entry, place, MOST.workgroups, 1);
  return {
    kernel: reader.text(raw["kernel"], `${what}.kernel`),
    arrays: reader.list(raw["arrays"], `${what}.arrays`, pair(count)),
    overrides: reader.list(raw["overrides"], `${what}.overrides`, pair((number, place) => reader.number(number, place))),
    bindings: reader.list(raw["bindings"], `${what}.bindings`, (id, place) => reader.whole(id, place)),
    workgroups: reader.list(raw["workgroups"], `${what}.workgroups`, count, 3) as [number, number, number],
  };
}

/** Tensors lie within their buffers, and ports are to what a host may write or read. */
function checkTensors(reader: Reader, { buffers, tensors, ports }: PlanFile): void {
  const bytes = buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
  reader.require(bytes <= MOST_BYTES, `its buffers have ${bytes} bytes`);
  for (const tensor of tensors) {
    const buffer = buffers[tensor.buffer];
    const end = tensor.offset + boundBytes(tensor);
    const fits = buffer !== undefined && tensor.offset % MOST.alignment === 0 && end <= buffer.bytes;
    reader.require(fits, `tensor ${tensor.label} does not fit its buffer`);
  }
  for (const [name, id] of ports) {
    const tensor = tensors[id];
    const role = tensor && buffers[tensor.buffer]?.role;
    const open = role === "input" || role === "state" || role === "output";
    reader.require(open, `port ${name} is to nothing that may be written or read`);
  }
}

/** Each constant has its values, and so has each port that is given some at first. */
function checkValues(reader: Reader, plan: PlanFile, values: Map<string, StoredTensor>): void {
  const given = new Set<number>();
  const check = (id: number, name: string): TensorInfo => {
    const tensor = plan.tensors[id];
    const stored = values.get(name);
    reader.require(tensor !== undefined, `tensor ${id} has values and does not exist`);
    reader.require(stored !== undefined, `tensor ${name} is missing`);
    reader.require(stored.data.byteLength === tensorBytes(tensor), `${name} is not as long as tensor ${tensor.label}`);
    const floats = stored.data instanceof Float32Array;
    reader.require(floats === (tensor.dtype === "f32"), `${name} is of another type than tensor ${tensor.label}`);
    return tensor;
  };
  for (const { tensor: id, name } of plan.constants) {
    const { buffer, label } = check(id, name);
    const once = plan.buffers[buffer]?.role === "constant" && !given.has(buffer);
    reader.require(once, `constant ${label} has no buffer of its own`);
    given.add(buffer);
  }
  plan.buffers.forEach(({ role, label }, index) => {
    reader.require(role !== "constant" || given.has(index), `constant ${label} has no values`);
  });
  for (const [port, name] of plan.initial) {
    const id = plan.ports.get(port);
    reader.require(id !== undefined, `it has no port ${port}`);
    const { buffer } = check(id, name);
    reader.require(plan.buffers[buffer]?.role !== "output", `port ${port} is for reading`);
  }
}

/** Kernels of steps have their files, and as many tensors as a device binds, each as long as one may be. */
function checkSteps(reader: Reader, { kernels, steps, tensors }: PlanFile, available: Available): void {
  for (const [kernel, files] of kernels) {
    reader.require(files.length > 0, `kernel ${kernel} has no files`);
    for (const name of files) reader.require(available.shader(name), `shader ${name} of kernel ${kernel} is missing`);
  }
  for (const { kernel, bindings, overrides } of steps) {
    reader.require(kernels.has(kernel), `kernel ${kernel} is not among its kernels`);
    reader.require(bindings.length <= MOST.bindings, `kernel ${kernel} has ${bindings.length} bindings`);
    const names = new Set(overrides.map(([name]) => name));
    reader.require(names.size === overrides.length, `kernel ${kernel} is given a constant twice`);
    for (const id of bindings) {
      const tensor = tensors[id];
      reader.require(tensor !== undefined, `kernel ${kernel} has tensor ${id}, which does not exist`);
      const bytes = boundBytes(tensor);
      const fits = bytes > 0 && bytes <= MOST.bindingBytes;
      reader.require(fits, `tensor ${tensor.label} of kernel ${kernel} has ${bytes} bytes`);
    }
  }
}
