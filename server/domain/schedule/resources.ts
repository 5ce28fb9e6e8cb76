/** What is asked for and what there is: requests, nodes, and what one entry holds of a node. Plain JSON throughout. */

/** What one member of an entry needs; all of it on one node. */
export interface Request {
  /** CPUs; decimals are shares of one. */
  cpu: number;
  memoryBytes: number;
  /** Whole GPUs, or a fraction below 1 of a single one. */
  gpu: number;
  /** What each of the GPUs has at least. */
  gpuMemoryBytes: number;
  /** Products that will do; any when absent. */
  gpuProducts?: string[];
  /** A gang: as many members, each of this size, all at once or none. One when absent. */
  members?: number;
  /** All members on nodes with the same value of this label; `host`: on one node. */
  together?: string;
}

export interface Gpu {
  index: number;
  product: string;
  memoryBytes: number;
  /** In use by a process that is not ours: no slot. */
  busy: boolean;
}

export interface QueueNode {
  name: string;
  cpus: number;
  memoryBytes: number;
  gpus: Gpu[];
  /** Topology and whatever else the cluster says of it. */
  labels?: Record<string, string>;
  /** It is no longer reported, but somebody holds a part of it: nothing new is put there. */
  lost?: boolean;
  /** In use by what Slipway did not start. */
  foreign?: { cpus: number; memoryBytes: number };
  /**
   * Fractions of a GPU that can be given here, in thousandths: `any` by a sharing device plug-in, or the sizes of the
   * MIG profiles, time slices or DRA devices that are offered. None when absent.
   */
  gpuShares?: 'any' | number[];
}

/** What one entry holds of one node. */
export interface Share {
  /** GPU indexes, one per whole GPU and member; the same one twice where two members share it. */
  gpus: number[];
  /** Thousandths of each of these GPUs. */
  milliGpu: number;
  milliCpu: number;
  memoryBytes: number;
  members: number;
}

/** A request in whole numbers, so that sums are exact: ten tenths of a CPU are one. */
export interface Need {
  milliCpu: number;
  memoryBytes: number;
  /** How many GPUs, and thousandths of each: 2×1000 or 1×300. */
  gpus: number;
  milliGpu: number;
  gpuMemoryBytes: number;
  /** Undefined: any. */
  products: readonly string[] | undefined;
  /** Equal for equal needs. */
  key: string;
}

const needs = new WeakMap<Request, Need>();

/** The need of one member of a request. */
export function needOf(request: Request): Need {
  const known = needs.get(request);
  if (known) return known;
  const isFraction = request.gpu > 0 && request.gpu < 1;
  const milliCpu = Math.round(request.cpu * 1000);
  const gpus = isFraction ? 1 : Math.round(request.gpu);
  const milliGpu = gpus === 0 ? 0 : isFraction ? Math.round(request.gpu * 1000) : 1000;
  const { memoryBytes, gpuMemoryBytes, gpuProducts } = request;
  const products = gpus > 0 && gpuProducts && gpuProducts.length > 0 ? [...gpuProducts].sort() : undefined;
  const key = [milliCpu, memoryBytes, gpus, milliGpu, gpuMemoryBytes, products?.join('|') ?? ''].join('/');
  const need: Need = { milliCpu, memoryBytes, gpus, milliGpu, gpuMemoryBytes, products, key };
  needs.set(request, need);
  return need;
}

export function membersOf(request: Request): number {
  return request.members ?? 1;
}

/** `2 × (4 CPUs, 16.0 GiB memory, 1 GPU of H100 with 80.0 GiB)` */
export function describeRequest(request: Request): string {
  const parts = [`${counted(request.cpu, 'CPU')}`];
  if (request.memoryBytes > 0) parts.push(`${gibibytes(request.memoryBytes)} memory`);
  if (request.gpu > 0) parts.push(describeGpus(request));
  const one = parts.join(', ');
  return membersOf(request) > 1 ? `${membersOf(request)} × (${one})` : one;
}

/** `2 GPUs of H100 with 80.0 GiB` */
export function describeGpus({ gpu, gpuProducts, gpuMemoryBytes }: Request): string {
  const product = gpuProducts && gpuProducts.length > 0 ? ` of ${gpuProducts.join(' or ')}` : '';
  const memory = gpuMemoryBytes > 0 ? ` with ${gibibytes(gpuMemoryBytes)}` : '';
  return `${counted(gpu, 'GPU')}${product}${memory}`;
}

export function counted(n: number, word: string): string {
  return `${Number(n.toFixed(3))} ${word}${n === 1 ? '' : 's'}`;
}

export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
