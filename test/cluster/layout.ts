/** Names, addresses and folders of the test cluster. One cluster a machine; everything of it lies below `folder`. */
import path from 'node:path';

export const folder = '/var/lib/slipway-test-cluster';
/** Sockets and what does not survive a restart of the machine. */
export const runFolder = '/run/slipway-test-cluster';
export const kubeconfig = path.join(folder, 'kubeconfig');
export const logFolder = path.join(folder, 'logs');

export const bridge = { name: 'slipway0', address: '10.200.0.1', prefix: 24 };
export const serviceCidr = '10.96.0.0/16';
export const serviceAddress = '10.96.0.1';
export const dnsAddress = '10.96.0.10';
export const podCidr = '10.244.0.0/16';

/** A network namespace of its own on the bridge. */
export interface Place {
  name: string;
  namespace: string;
  address: string;
}

/** A machine of the cluster, as far as Kubernetes can tell: kubelet, containerd and kube-proxy in one namespace. */
export interface Node extends Place {
  podSubnet: string;
  gpus: number;
  gpuProduct: string;
  gpuMemoryMib: number;
}

/** etcd, API server, scheduler, controllers, DNS, MinIO and PostgreSQL run here. */
export const controlPlane: Place = { name: 'control', namespace: 'slipway-control', address: '10.200.0.2' };
export const nodes: Node[] = [makeNode(1, 8, 'NVIDIA-A100-SXM4-80GB', 81_920), makeNode(2, 2, 'NVIDIA-L4', 23_034)];

export const apiServer = `https://${controlPlane.address}:6443`;
export const minio = {
  address: `${controlPlane.address}:9000`,
  user: 'slipway-test',
  password: 'slipway-test-password',
};
export const postgres = { host: controlPlane.address, port: 5432, user: 'slipway', database: 'slipway' };

function makeNode(number: number, gpus: number, gpuProduct: string, gpuMemoryMib: number): Node {
  const name = `node-${number}`;
  return {
    name,
    namespace: `slipway-${name}`,
    address: `10.200.0.${10 + number}`,
    podSubnet: `10.244.${number}.0/24`,
    gpus,
    gpuProduct,
    gpuMemoryMib,
  };
}

export function nodeFolder(node: Node, ...names: string[]): string {
  return path.join(folder, 'nodes', node.name, ...names);
}

export function containerdSocket(node: Node): string {
  return path.join(runFolder, node.name, 'containerd.sock');
}
