import { PlainError } from "../words.ts";

/** A graphics adapter that is ready to compute. */
export interface Device {
  gpu: GPUDevice;
  /** Whether it is no graphics card but the processor. */
  software: boolean;
  /** What it calls itself, as far as the browser tells. */
  name: string;
  /** Comes to pass when it fails, with the reason; never before. */
  lost: Promise<string>;
}

/** Since when browsers have WebGPU without a setting. */
export const BROWSERS: readonly (readonly [string, string])[] = [
  ["Chrome and Edge", "from version 113 on Windows, Macs and Chromebooks, from 121 on Android; on Linux from 144, with many graphics cards"],
  ["Safari", "from version 26 on Macs, iPhones and iPads"],
  ["Firefox", "from version 141 on Windows, from 145 on Macs with Apple's own chips"],
];
const THESE = `These have it: ${BROWSERS.map((browser) => browser.join(" ")).join("; ")}.`;

/**
 * Opens the adapter that is quickest, with WebGPU's default limits, or the browser's own software where there is none.
 *
 * @throws PlainError where the browser has no WebGPU or gives no adapter.
 */
export async function openDevice(): Promise<Device> {
  if (!globalThis.isSecureContext) {
    throw new PlainError("Browsers compute on the graphics card only for pages whose address begins with https://, or http://127.0.0.1.");
  }
  if (!navigator.gpu) throw new PlainError(`This browser has no WebGPU, by which this page computes. ${THESE}`);
  const adapter =
    (await navigator.gpu.requestAdapter({ powerPreference: "high-performance" })) ??
    (await navigator.gpu.requestAdapter({ forceFallbackAdapter: true }));
  if (!adapter) {
    throw new PlainError(
      "This browser has WebGPU, but no graphics adapter for it. Switch on hardware acceleration in its settings, update the " +
        `graphics driver, or take another browser. ${THESE}`,
    );
  }
  const gpu = await adapter.requestDevice().catch((error: unknown) => {
    throw new PlainError(`The graphics adapter could not be opened (${String(error)}). Close other pages, and load this one again.`);
  });
  const { info } = adapter;
  const name = [info.description || `${info.vendor} ${info.architecture}`, info.device].filter(Boolean).join(" ").trim();
  return {
    gpu,
    software: isSoftware(info, name),
    name: name || "unnamed adapter",
    lost: gpu.lost.then(({ message, reason }) => message || reason),
  };
}

/** Browsers tell of their own software; what a system has in its place is known by its name. */
function isSoftware(info: GPUAdapterInfo, name: string): boolean {
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|warp/i.test(name);
}
