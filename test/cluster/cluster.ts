/**
 * The test cluster as a whole: up, down, status. Everything of it lies in network namespaces, cgroups and folders that it
 * made, its processes carry a mark, and `down` leaves none of it behind.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { onPath } from '../run/setup/debian.ts';
import { type ClusterPrograms, prepareClusterPrograms } from '../run/setup/kubernetes.ts';
import { prepareMinio } from '../run/setup/minio.ts';
import { startControlPlane } from './controlPlane.ts';
import { startDns } from './dns.ts';
import { addGpus } from './gpus.ts';
import { prepareImages } from './images.ts';
import { type Kubectl, kubectlOf } from './kubectl.ts';
import { bridge, folder, kubeconfig, nodeFolder, nodes, runFolder } from './layout.ts';
import { makeNetwork, removeNetwork } from './network.ts';
import { importImages, removeCgroups, startContainerd, startKubelet, startProxy } from './node.ts';
import { makeCertificates } from './pki.ts';
import { componentPids, endProcesses, execute, waitFor } from './processes.ts';
import { startMinio, startPostgres } from './stores.ts';

/** Written when all is ready; names the programs it runs by. */
const readyFile = path.join(folder, 'ready.json');

export interface Cluster {
  programs: ClusterPrograms;
  minio: string | undefined;
  kubeconfig: string;
  kubectl: Kubectl;
}

/** Kubelets make it for device plugins whatever their own folder is; it is removed if it was not there before. */
const kubeletFolder = '/var/lib/kubelet';

/** Brings the cluster up, or finds it up. @throws Missing where this machine cannot have one */
export async function up(): Promise<Cluster> {
  const programs = await prepareClusterPrograms();
  const archives = await prepareImages(programs);
  const { SLIPWAY_TEST_MINIO: minio } = await prepareMinio();
  const initdb = onPath('initdb');
  const cluster = { programs, minio, kubeconfig, kubectl: kubectlOf(programs.kubernetes) };
  if (isUp()) {
    const { imported } = readReady();
    const fresh = archives.filter((archive) => !imported.includes(archive)); // our own image, built anew
    for (const node of nodes) await importImages(node, fresh);
    if (fresh.length > 0) writeReady({ programs, imported: archives });
    return cluster;
  }
  await down(); // what an interrupted start left
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  mkdirSync(runFolder, { recursive: true, mode: 0o711 });
  if (!existsSync(kubeletFolder)) writeFileSync(path.join(folder, 'made-kubelet-folder'), '');
  for (const node of nodes) mkdirSync(nodeFolder(node), { recursive: true });
  await makeNetwork();
  await makeCertificates();
  await Promise.all([
    startControlPlane(programs.kubernetes),
    ...nodes.map((node) => startContainerd(node, archives)),
    ...(minio ? [startMinio(minio)] : []),
    ...(initdb ? [startPostgres(path.dirname(realpathSync(initdb)))] : []),
  ]);
  for (const node of nodes) {
    startKubelet(programs.kubernetes, node);
    startProxy(programs.kubernetes, node);
  }
  await startDns(programs.coredns, cluster.kubectl);
  await Promise.all(
    nodes.map(async (node) => {
      const ready = ['wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=10s'];
      await waitFor(`${node.name} is not ready`, 90_000, () => cluster.kubectl(ready));
      await addGpus(cluster.kubectl, node);
    }),
  );
  writeReady({ programs, imported: archives });
  return cluster;
}

interface Ready {
  programs: ClusterPrograms;
  /** Archives of images that the nodes have. */
  imported: string[];
}

function readReady(): Ready {
  return JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
}

function writeReady(ready: Ready): void {
  writeFileSync(readyFile, JSON.stringify(ready));
}

export function isUp(): boolean {
  return existsSync(readyFile) && componentPids('apiserver').length > 0;
}

/** Ends and removes everything of the cluster; what the cache holds stays. */
export async function down(): Promise<void> {
  // Kubelets first, or they begin anew what is ended below.
  await endProcesses(() => nodes.flatMap((node) => componentPids(`kubelet-${node.name}`)), 'SIGKILL');
  for (const node of nodes) await removeCgroups(node);
  await endProcesses(() => componentPids(), 'SIGKILL'); // nothing of it is kept
  for (const node of nodes) await removeCgroups(node);
  await unmountBelow(folder);
  await unmountBelow(runFolder);
  await removeNetwork();
  const madeKubeletFolder = existsSync(path.join(folder, 'made-kubelet-folder'));
  for (const made of [runFolder, folder, ...(madeKubeletFolder ? [kubeletFolder] : [])]) {
    rmSync(made, { recursive: true, force: true });
  }
  removeLogLinks();
}

/** Lines for a person. */
export async function status(): Promise<string> {
  if (!isUp()) return 'The test cluster is down.';
  const list = await kubectlOf(readReady().programs.kubernetes)(['get', 'nodes', '-o', 'wide']);
  return `The test cluster is up on ${bridge.name}; export KUBECONFIG=${kubeconfig}\n${list}`;
}

async function unmountBelow(top: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target.startsWith(`${top}/`));
  for (const target of mounts.toReversed()) await execute(['umount', '--lazy', target.replaceAll('\\040', ' ')]);
}

/** The kubelet links the logs of containers here, wherever its own folders are. */
function removeLogLinks(): void {
  const links = '/var/log/containers';
  if (!existsSync(links)) return;
  for (const name of readdirSync(links)) {
    const link = path.join(links, name);
    if (lstatSync(link).isSymbolicLink() && readlinkSync(link).startsWith(`${folder}/`)) unlinkSync(link);
  }
  if (readdirSync(links).length === 0) rmdirSync(links);
}
