// What the test cluster is made of: Debian's packages, and Kubernetes, CoreDNS and kwok built by Go, once per version.

import { copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { root } from '../process.ts';
import { cached, Missing } from './cache.ts';
import { debianPackages, isDebian } from './debian.ts';
import { go } from './go.ts';

/** 1.34 is the last one whose kubelet runs where cgroup v1 is mounted. */
export const kubernetesVersion = '1.34.4';
const corednsVersion = 'v1.15.0';
const kwokVersion = 'v0.7.0';
const packages = [
  ...['containerd', 'runc', 'containernetworking-plugins', 'etcd-server', 'iptables', 'iproute2'],
  ...['debootstrap', 'buildah', 'openssl', 'ca-certificates', 'util-linux'],
];

/** Paths of the programs. */
export interface ClusterPrograms {
  /** All components of Kubernetes and kubectl; the first argument names the component. */
  kubernetes: string;
  pause: string;
  coredns: string;
}

/** @throws Missing where the cluster cannot be had on this machine, with the reason */
export async function prepareClusterPrograms(): Promise<ClusterPrograms> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Missing('The test cluster starts containers and network namespaces: it needs root on Linux.');
  }
  if (!isDebian()) throw new Missing(`The test cluster needs Debian's packages ${packages.join(' ')}.`);
  await debianPackages(packages, 'the test cluster');
  const kubernetes = await program('kubernetes', `kubernetes-${kubernetesVersion}`, buildKubernetes);
  const pause = await program('pause', 'pause-1', (target) => {
    const source = path.join(root, 'test/cluster/build/pause');
    const args = ['build', '-ldflags', '-s -w', '-o', path.join(target, 'pause'), '.'];
    return go(args, { cwd: source, env: { CGO_ENABLED: '0' }, progress: 'building pause' });
  });
  const coredns = await program('coredns', `coredns-${corednsVersion}`, (target) =>
    install(`github.com/coredns/coredns@${corednsVersion}`, target, 'building CoreDNS (2 to 5 min)'),
  );
  return { kubernetes, pause, coredns };
}

/** Plays the kubelets of many nodes, where what is measured is not what runs on them. */
export function prepareKwok(): Promise<string> {
  return program('kwok', `kwok-${kwokVersion}`, (target) =>
    install(`sigs.k8s.io/kwok/cmd/kwok@${kwokVersion}`, target, 'building kwok (3 to 5 min)'),
  );
}

async function program(name: string, entry: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = await cached(entry, build);
  const file = path.join(folder, name);
  if (!existsSync(file)) throw new Error(`${folder} holds no ${name}: delete that folder and run again.`);
  return file;
}

async function buildKubernetes(target: string): Promise<void> {
  const source = path.join(root, 'test/cluster/build/kubernetes');
  // Built beside the sources, in the entry that is renamed when complete.
  for (const file of ['go.mod', 'go.sum', 'main.go']) copyFileSync(path.join(source, file), path.join(target, file));
  const [major, minor] = kubernetesVersion.split('.');
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  const flags = [
    '-s',
    '-w',
    set('gitVersion', `v${kubernetesVersion}`),
    set('gitMajor', major!),
    set('gitMinor', minor!),
  ];
  const args = ['build', '-ldflags', flags.join(' '), '-o', 'kubernetes', '.'];
  await go(args, { cwd: target, progress: 'building Kubernetes (about 8 min on two cores)' });
}

function install(module: string, target: string, progress: string): Promise<void> {
  return go(['install', '-ldflags', '-s -w', module], { env: { GOBIN: target }, progress });
}
