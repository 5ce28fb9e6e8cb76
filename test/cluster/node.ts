/** One node of the test cluster: its containerd, kubelet and kube-proxy, in its own network namespace and cgroup. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { containerdSocket, dnsAddress, type Node, nodeFolder, podCidr, runFolder } from './layout.ts';
import { kubeconfigOf, pkiFile } from './pki.ts';
import { endProcesses, execute, pidsOfCgroup, startComponent, waitFor } from './processes.ts';

export const pauseImage = 'slipway.test/pause:1';

/** Starts containerd and imports the images into it. */
export async function startContainerd(node: Node, archives: string[]): Promise<void> {
  writeContainerdConfig(node);
  runContainerd(node);
  await waitFor(`containerd of ${node.name} does not answer`, 20_000, () => execute([...ctr(node), 'version']));
  await importImages(node, archives);
}

export async function importImages(node: Node, archives: string[]): Promise<void> {
  for (const archive of archives) await execute([...ctr(node), 'image', 'import', archive]);
}

function ctr(node: Node): string[] {
  return ['ctr', '-a', containerdSocket(node), '-n', 'k8s.io'];
}

export function runContainerd(node: Node): void {
  startComponent(`containerd-${node.name}`, node, ['containerd', '--config', nodeFolder(node, 'containerd.toml')]);
}

export function startKubelet(kubernetes: string, node: Node): void {
  makeCgroups(node);
  for (const name of ['kubelet', 'pod-logs']) mkdirSync(nodeFolder(node, name), { recursive: true });
  writeFileSync(nodeFolder(node, 'resolv.conf'), 'nameserver 127.0.0.1\n'); // for pods that ask for the node's DNS
  writeFileSync(nodeFolder(node, 'kubelet.json'), JSON.stringify(kubeletConfig(node), null, 2));
  runKubelet(kubernetes, node);
}

export function runKubelet(kubernetes: string, node: Node): void {
  startComponent(`kubelet-${node.name}`, node, [
    kubernetes,
    'kubelet',
    `--config=${nodeFolder(node, 'kubelet.json')}`,
    `--kubeconfig=${kubeconfigOf(node.name)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--root-dir=${nodeFolder(node, 'kubelet')}`,
    `--cert-dir=${nodeFolder(node, 'kubelet-certificates')}`,
  ]);
}

export function startProxy(kubernetes: string, node: Node): void {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podCidr,
    hostnameOverride: node.name,
    bindAddress: '0.0.0.0',
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    clientConnection: { kubeconfig: kubeconfigOf('proxy') },
    // The limits of connection tracking are the host's: they are left alone.
    conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: '0s', tcpEstablishedTimeout: '0s' },
  };
  writeFileSync(nodeFolder(node, 'proxy.json'), JSON.stringify(config, null, 2));
  startComponent(`proxy-${node.name}`, node, [kubernetes, 'kube-proxy', `--config=${nodeFolder(node, 'proxy.json')}`]);
}

/** Ends every container of the node and removes its cgroups. */
export async function removeCgroups(node: Node): Promise<void> {
  for (const controller of controllers()) {
    const cgroup = cgroupOf(controller, node);
    await endProcesses(() => pidsOfCgroup(cgroup), 'SIGKILL');
    removeTree(cgroup);
  }
}

function writeContainerdConfig(node: Node): void {
  const cni = nodeFolder(node, 'cni');
  mkdirSync(cni, { recursive: true });
  mkdirSync(path.join(runFolder, node.name), { recursive: true });
  const network = {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: nodeFolder(node, 'cni-addresses'),
          ranges: [[{ subnet: node.podSubnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  writeFileSync(path.join(cni, '10-pods.conflist'), JSON.stringify(network, null, 2));
  writeFileSync(
    nodeFolder(node, 'containerd.toml'),
    `version = 2
root = "${nodeFolder(node, 'containerd')}"
state = "${path.join(runFolder, node.name, 'containerd')}"
[grpc]
address = "${containerdSocket(node)}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
# Without it runc may not lower the score: "can't get final child's PID from pipe: EOF".
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${cni}"
`,
  );
}

function kubeletConfig(node: Node) {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pkiFile('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${containerdSocket(node)}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupName(node)}`,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [dnsAddress],
    clusterDomain: 'cluster.local',
    resolvConf: nodeFolder(node, 'resolv.conf'),
    podLogsDir: nodeFolder(node, 'pod-logs'),
    serializeImagePulls: false,
    registerNode: true,
    // The disk is the whole machine's; what others do with it is no reason to evict pods of a test.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    syncFrequency: '10s',
    logging: { format: 'text', verbosity: 1 },
  };
}

function cgroupName(node: Node): string {
  return node.namespace;
}

/** The folders of cgroup v1's hierarchies, or the only one of v2. */
function controllers(): string[] {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return [''];
  return readdirSync('/sys/fs/cgroup', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function cgroupOf(controller: string, node: Node): string {
  return path.join('/sys/fs/cgroup', controller, cgroupName(node));
}

function makeCgroups(node: Node): void {
  for (const controller of controllers()) {
    const cgroup = cgroupOf(controller, node);
    mkdirSync(cgroup, { recursive: true });
    if (controller !== 'cpuset') continue;
    // A new cpuset of v1 is empty, and nothing may run in it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      writeFileSync(path.join(cgroup, file), readFileSync(path.join(cgroup, '..', file)));
    }
  }
}

/** The files in a cgroup are the kernel's: only folders are removed, the deepest first. */
function removeTree(cgroup: string): void {
  try {
    for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(path.join(cgroup, entry.name));
    }
    rmdirSync(cgroup);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // runc removes its own meanwhile
  }
}
