import { EngineError } from "../public/errors.js";
import { type GpuDevice, quickenReadback } from "./readback.js";

/** A module of one function that uses a 128-bit vector: valid only where WebAssembly has SIMD. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);

/** The same with `i16x8.relaxed_dot_i8x16_i7x16_s`. */
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15,
  65, 0, 253, 15, 253, 146, 2, 11,
]);

/** A module with a shared memory and a function that loads from it atomically. */
const THREADS_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65,
  0, 254, 16, 2, 0, 26, 11,
]);

export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_PROBE);
}

/** True if memory can be shared: the browser knows how, and this page is isolated from others. */
export function hasThreads(): boolean {
  const { crossOriginIsolated = false } = globalThis as { crossOriginIsolated?: boolean };
  const isShareable = crossOriginIsolated && typeof SharedArrayBuffer === "function";
  return isShareable && WebAssembly.validate(THREADS_PROBE);
}

/** Throws the sentence for a person if this browser cannot run the module, before it is fetched. */
export function requireBrowser(): void {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD_PROBE)) {
    throw new EngineError(
      "engine.old",
      "This browser is too old for ingle. It needs WebAssembly with SIMD: Chrome or Edge 91, " +
        "Firefox 89, Safari 16.4, or newer.",
      "WebAssembly.validate refused a module with v128",
    );
  }
  if (!globalThis.isSecureContext) {
    throw new EngineError(
      "engine.insecure",
      "This page came without HTTPS, and browsers let such pages keep no models. Open it over " +
        "HTTPS, or on the computer that serves it.",
      "isSecureContext is false: no private storage, no locks, no shared memory, no WebGPU",
    );
  }
  if (typeof Worker !== "function") {
    throw new EngineError("engine.old", "This browser is too old for ingle. It has no workers.");
  }
}

interface Adapter {
  readonly features: ReadonlySet<string>;
  /** As older browsers say it. */
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly isFallbackAdapter?: boolean;
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
  };
}

/** What a browser tells about its graphics chip. */
export interface Graphics {
  readonly name: string;
  /** Subgroup operations can be used; every device request asks for them from now on. */
  readonly subgroups: boolean;
  /** It is a program on the processor. */
  readonly emulated: boolean;
}

/** Names of chips that are programs, where the browser does not say it otherwise. */
const EMULATED = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

interface DeviceRequest {
  requiredFeatures?: string[];
}

type RequestDevice = (this: Adapter, descriptor?: DeviceRequest) => Promise<GpuDevice>;

/**
 * Looks at the adapter, and asks for `subgroups` with every device where it has them. The WebGPU
 * library of the module passes shader text through as it is but cannot name this feature, so the
 * request is completed here, and the device made quick to read from. Null where there is no WebGPU
 * or no adapter.
 */
export async function openGraphics(): Promise<Graphics | null> {
  const scope = globalThis as unknown as {
    GPUAdapter?: { prototype: { requestDevice: RequestDevice } };
    navigator: { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  };
  const prototype = scope.GPUAdapter?.prototype;
  const adapter = await scope.navigator.gpu?.requestAdapter().catch(() => null);
  if (!prototype || !adapter) return null;
  const subgroups = adapter.features.has("subgroups");
  const original = prototype.requestDevice;
  prototype.requestDevice = async function (descriptor = {}) {
    const features = new Set(descriptor.requiredFeatures ?? []);
    if (this.features.has("subgroups")) features.add("subgroups");
    const request = { ...descriptor, requiredFeatures: [...features] };
    const device = await original.call(this, request);
    await quickenReadback(device);
    return device;
  };
  const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
  const says = `${vendor} ${architecture} ${description}`;
  const emulated =
    (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false) || EMULATED.test(says);
  const words = description || [vendor, architecture].filter(Boolean).join(" ");
  return { name: words || "unnamed graphics chip", subgroups, emulated };
}
