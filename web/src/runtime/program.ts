import { PlainError, type Progress } from "../words.ts";
import type { Bundle } from "./bundle.ts";
import type { Device } from "./device.ts";
import { damaged } from "./json.ts";
import { boundBytes, type PlanFile, type Shape, type Step, tensorBytes, type TensorInfo } from "./plan.ts";

interface CompiledStep {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: [number, number, number];
}

/** Thrown where the device went away: the next one may do what this one could not. */
export class DeviceLost extends PlainError {}

/** Faults that a device tells of what it was asked for. */
const FAULTS = ["internal", "out-of-memory", "validation"] as const;

/**
 * A plan with its buffers, pipelines and bind groups on a device. Running it makes nothing but the list of its commands.
 *
 * Its tensors are one set: who shares it writes, runs and reads before another does.
 */
export class Program {
  readonly #device: Device;
  readonly #plan: PlanFile;
  readonly #buffers: GPUBuffer[];
  readonly #steps: CompiledStep[];
  /** What ports are read back through, made when first needed. */
  readonly #staging = new Map<string, GPUBuffer>();
  /** What went wrong in the last run, if anything. */
  #fault: Promise<PlainError | undefined> = Promise.resolve(undefined);
  /** Who reads last. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(device: Device, plan: PlanFile, buffers: GPUBuffer[], steps: CompiledStep[]) {
    this.#device = device;
    this.#plan = plan;
    this.#buffers = buffers;
    this.#steps = steps;
  }

  /**
   * Compiles the plan of a task for a device, and writes what its constants and ports hold at first.
   *
   * @param onProgress is told pipelines.
   * @throws PlainError: memory, a fault of the device, a {@link DeviceLost} if it is lost, or a kernel that the browser refuses.
   */
  static async open(device: Device, bundle: Bundle, task: string, onProgress: Progress = () => {}): Promise<Program> {
    const plan = bundle.plan(task, device.software);
    const buffers = await guarded(device, () => plan.buffers.map((info) => makeBuffer(device.gpu, info.bytes, info.label)));
    try {
      const pipelines = await compile(device, bundle, plan, onProgress);
      const steps = await guarded(device, () => plan.steps.map((step) => bind(device.gpu, plan, buffers, pipelines, step)));
      const program = new Program(device, plan, buffers, steps);
      for (const { tensor, name } of plan.constants) program.#put(tensor, bundle.tensor(name).data, 0);
      for (const [port, name] of plan.initial) program.write(port, bundle.tensor(name).data);
      return program;
    } catch (error) {
      for (const buffer of buffers) buffer.destroy();
      throw await cause(device, error);
    }
  }

  /**
   * The shape of a port: batch, channels, height, width.
   *
   * @throws PlainError: the plan has no such port.
   */
  shape(port: string): Shape {
    return this.#tensor(port)[1].shape;
  }

  /** Writes values of a port, from one of its 32-bit elements on; ordered before the next run. */
  write(port: string, data: Float32Array | Uint32Array, firstElement = 0): void {
    const [id, tensor] = this.#tensor(port);
    const end = 4 * firstElement + data.byteLength;
    if (end > tensorBytes(tensor)) throw new Error(`${end} bytes into port ${port}`);
    this.#put(id, data, 4 * firstElement);
  }

  #put(id: number, data: Float32Array | Uint32Array, firstByte: number): void {
    const { buffer, offset } = this.#plan.tensors[id]!;
    this.#device.gpu.queue.writeBuffer(this.#buffers[buffer]!, offset + firstByte, data as Float32Array<ArrayBuffer>);
  }

  /** Submits all steps. Does not wait: the next reading tells whether it went well. */
  run(): void {
    const { gpu } = this.#device;
    const submit = () => {
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const { pipeline, bindGroup, workgroups } of this.#steps) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(...workgroups);
      }
      pass.end();
      gpu.queue.submit([encoder.finish()]);
    };
    this.#fault = guarded(this.#device, submit).then(
      () => undefined,
      (error: PlainError) => error,
    );
  }

  /**
   * The values of a port as they are after what was submitted so far. Who reads while another does waits for it, and is
   * given what was submitted until then.
   *
   * @throws PlainError: the device failed, now or in the last run, a {@link DeviceLost} if it is lost; the program was closed.
   */
  async read(port: string): Promise<Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
    const before = this.#turn;
    const values = before.then(() => this.#read(port));
    this.#turn = values.catch(() => {});
    return values;
  }

  async #read(port: string): Promise<Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
    if (this.#closed) throw closed();
    const [, tensor] = this.#tensor(port);
    const bytes = tensorBytes(tensor);
    const { gpu } = this.#device;
    const staging = this.#staging.get(port) ?? makeBuffer(gpu, boundBytes(tensor), port, GPUBufferUsage.MAP_READ);
    this.#staging.set(port, staging);
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#buffers[tensor.buffer]!, tensor.offset, staging, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    const mapped = staging.mapAsync(GPUMapMode.READ).catch((error: unknown) => refused(String(error)));
    const fault = (await this.#fault) ?? (await mapped);
    if (fault) {
      // It is mapped or about to be, which the next reading cannot do with.
      staging.destroy();
      this.#staging.delete(port);
      throw this.#closed ? closed() : await cause(this.#device, fault);
    }
    const values = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    return tensor.dtype === "f32" ? new Float32Array(values) : new Uint32Array(values);
  }

  /** Gives its memory on the device back. */
  close(): void {
    this.#closed = true;
    for (const buffer of [...this.#buffers, ...this.#staging.values()]) buffer.destroy();
  }

  #tensor(port: string): [number, TensorInfo] {
    const id = this.#plan.ports.get(port);
    const tensor = id === undefined ? undefined : this.#plan.tensors[id];
    if (id === undefined || !tensor) throw damaged("a plan", `it has no port ${port}`);
    return [id, tensor];
  }
}

function makeBuffer(gpu: GPUDevice, bytes: number, label: string, usage?: number): GPUBuffer {
  const own = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  return gpu.createBuffer({ label, size: Math.max(bytes, 16), usage: (usage ?? own) | GPUBufferUsage.COPY_DST });
}

/** What tells pipelines apart. */
function pipelineKey({ kernel, arrays, overrides }: Step): string {
  return JSON.stringify([kernel, arrays, overrides]);
}

/** A kernel's files, joined, with the lengths of its register arrays: each takes the place of the number in its line. */
function wgsl(bundle: Bundle, plan: PlanFile, { kernel, arrays }: Step): string {
  const lines = plan.kernels.get(kernel)!.map((file) => bundle.shader(file)).join("\n").split("\n");
  for (const [name, length] of arrays) {
    const start = `const ${name} = `;
    const line = lines.findIndex((text) => text.startsWith(start));
    if (line < 0) throw damaged("a plan", `kernel ${kernel} has no array ${name}`);
    lines[line] = `${start}${length}u;`;
  }
  return lines.join("\n");
}

/** Pipelines by their keys, each made once, all at the same time. */
async function compile(
  device: Device,
  bundle: Bundle,
  plan: PlanFile,
  onProgress: Progress,
): Promise<Map<string, GPUComputePipeline>> {
  const distinct = new Map(plan.steps.map((step) => [pipelineKey(step), step]));
  const modules = new Map<string, GPUShaderModule>();
  const module = (text: string, label: string): GPUShaderModule => {
    const made = modules.get(text) ?? device.gpu.createShaderModule({ label, code: text });
    modules.set(text, made);
    return made;
  };
  let done = 0;
  const make = async ([key, step]: [string, Step]): Promise<[string, GPUComputePipeline]> => {
    const compute = {
      module: module(wgsl(bundle, plan, step), step.kernel),
      entryPoint: "main",
      constants: Object.fromEntries(step.overrides),
    };
    const pipeline = device.gpu.createComputePipelineAsync({ label: step.kernel, layout: "auto", compute });
    const made = await pipeline.catch((error: unknown) => {
      throw refused(`kernel ${step.kernel}: ${String(error)}`);
    });
    onProgress((done += 1), distinct.size);
    return [key, made];
  };
  return new Map(await Promise.all([...distinct].map(make)));
}

function bind(
  gpu: GPUDevice,
  plan: PlanFile,
  buffers: GPUBuffer[],
  pipelines: Map<string, GPUComputePipeline>,
  step: Step,
): CompiledStep {
  const pipeline = pipelines.get(pipelineKey(step))!;
  const entries = step.bindings.map((id, binding) => {
    const tensor = plan.tensors[id]!;
    const resource = { buffer: buffers[tensor.buffer]!, offset: tensor.offset, size: boundBytes(tensor) };
    return { binding, resource };
  });
  const bindGroup = gpu.createBindGroup({ label: step.kernel, layout: pipeline.getBindGroupLayout(0), entries });
  return { pipeline, bindGroup, workgroups: step.workgroups };
}

/** Asks a device for something, and waits for what it says to it. */
async function guarded<T>(device: Device, ask: () => T): Promise<T> {
  const { gpu } = device;
  for (const fault of FAULTS) gpu.pushErrorScope(fault);
  const value = ask();
  // A lost device has nothing to say: what is read from it fails.
  const scopes = FAULTS.map(() => gpu.popErrorScope().catch(() => null));
  for (const error of await Promise.all(scopes)) {
    if (error instanceof GPUOutOfMemoryError) {
      throw new PlainError("The graphics adapter has too little memory left for this. Close other pages, and load this one again.");
    }
    if (error) throw refused(error.message);
  }
  return value;
}

function refused(reason: string): PlainError {
  return new PlainError(
    `This browser or its graphics driver cannot do the computation (${reason}). Update them, or take another browser.`,
  );
}

/** What reads a program that was closed, then or before, is told. */
function closed(): PlainError {
  return new PlainError("It was given up.");
}

/** Why a device failed: if it cannot even be read any more, that it is lost, which browsers may tell long after what failed
 * by it. It is given up then, so that whoever waits for its loss is told. */
async function cause({ gpu, lost }: Device, fault: unknown): Promise<unknown> {
  const probe = makeBuffer(gpu, 4, "probe", GPUBufferUsage.MAP_READ);
  const alive = await probe.mapAsync(GPUMapMode.READ).then(() => true, () => false);
  probe.destroy();
  if (alive) return fault;
  gpu.destroy();
  return new DeviceLost(`The graphics adapter stopped working (${await lost}). Try again; if that does not help, load the page again.`);
}
